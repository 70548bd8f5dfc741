#include "cli/status_command.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/render.h"
#include "cli/status_json.h"
#include "cli/text_table.h"
#include "keyd/base/status.h"

namespace keypool::cli {
namespace {

constexpr std::size_t kPageKeys = 1000;
constexpr absl::Duration kWatchInterval = absl::Milliseconds(500);
constexpr absl::Duration kReconnectPause = absl::Seconds(1);
// Over what is there, line by line, and nothing below: clearing first would flicker.
constexpr char kHome[] = "\x1b[H", kEndOfLine[] = "\x1b[K\n", kNothingBelow[] = "\x1b[J";

std::string Joined(const std::vector<std::string>& lines) {
  return lines.empty() ? "" : absl::StrJoin(lines, "\n") + "\n";
}

std::string Describe(const PoolStatus& status, const Look& look) {
  return Joined(SummaryLines(status.summary, look)) +
         Joined(KeyLines(status.keys, status.summary.now, look));
}

// Every key, page by page. The summary is that of the last page, so that it is not older than any
// key shown.
absl::StatusOr<PoolStatus> ReadAllPages(const Options& options, client::AdminClient& keyd) {
  PoolStatus all;
  do {
    StatusQuery query{options.model, all.keys.empty() ? KeyId{} : all.keys.back().id, kPageKeys};
    absl::StatusOr<PoolStatus> page =
        Await<PoolStatus>([&](auto done) { keyd.Status(std::move(query), std::move(done)); });
    if (!page.ok()) return page.status();
    all.summary = page->summary;
    // A page without a key cannot lead on.
    all.more = page->more && !page->keys.empty();
    std::move(page->keys.begin(), page->keys.end(), std::back_inserter(all.keys));
  } while (all.more);
  return all;
}

ExitCode ShowKey(const Options& options, KeyId id, client::AdminClient& keyd, Console& console,
                 absl::Time now, const Look& look) {
  const absl::StatusOr<KeyStatus> key =
      Await<KeyStatus>([&](auto done) { keyd.Key(id, options.model, std::move(done)); });
  if (!key.ok()) return ReportError(key.status(), console);
  console.Out(options.json ? KeyJson(*key) + "\n" : Joined(KeyLines({*key}, now, look)));
  return kDone;
}

// Shows every status that keyd sends, in place on a terminal, one after the other elsewhere.
class Watcher {
 public:
  Watcher(const Options& options, client::AdminClient& keyd, Console& console, absl::TimeZone zone)
      : options_(options), keyd_(keyd), console_(console), zone_(zone) {}

  // Goes on when keyd restarts; ends when it was never there, or refuses.
  ExitCode Run() {
    StatusQuery query{options_.model, KeyId{}, kPageKeys};
    if (options_.key) {
      query.after = KeyId{options_.key->value() - 1};
      query.keys_max = 1;
    }
    while (true) {
      const absl::Status ended = keyd_.Watch(
          query, kWatchInterval, [this](PoolStatus status) { return Show(std::move(status)); });
      if (missing_) {
        return ReportError(
            absl::NotFoundError(absl::StrCat("there is no ", ToString(*options_.key))), console_);
      }
      const bool away = ended.ok() || absl::IsUnavailable(ended);
      if (!shown_ || !away) return ReportError(ended, console_);
      if (!told_) console_.Err("poolctl: keyd is away; watching for its return");
      told_ = true;
      console_.Pause(kReconnectPause);
    }
  }

 private:
  bool Show(PoolStatus status) {
    if (options_.key && (status.keys.empty() || status.keys[0].id != *options_.key)) {
      missing_ = true;
      return false;
    }
    const Console::Screen screen = console_.OutScreen();
    if (options_.json) {
      console_.Out(
          (options_.key ? KeyJson(status.keys[0]) : StatusJson(status.summary, status.keys)) +
          "\n");
    } else if (screen.terminal) {
      console_.Out(OneScreen(status, screen));
    } else {
      console_.Out(absl::StrCat(shown_ ? "\n" : "",
                                absl::FormatTime("%Y-%m-%d %H:%M:%S %Z", status.summary.now, zone_),
                                "\n", Describe(status, {zone_, false, 0}), MoreLine(status)));
    }
    shown_ = true;
    told_ = false;
    return true;
  }

  std::string MoreLine(const PoolStatus& status) const {
    if (!status.more || options_.key) return "";
    return absl::StrCat("\u2026 and more: only the first ", kPageKeys, " keys are watched\n");
  }

  // As much as fits, so that the top does not scroll away.
  std::string OneScreen(const PoolStatus& status, const Console::Screen& screen) const {
    const Look look{zone_, screen.colour, static_cast<std::size_t>(std::max(screen.columns, 0))};
    std::vector<std::string> lines = SummaryLines(status.summary, look);
    const std::vector<std::string> keys = KeyLines(status.keys, status.summary.now, look);
    lines.insert(lines.end(), keys.begin(), keys.end());
    if (const std::string more = MoreLine(status); !more.empty()) {
      lines.push_back(more.substr(0, more.size() - 1));
    }
    const std::size_t fit = screen.rows > 2 ? static_cast<std::size_t>(screen.rows - 1) : 0;
    if (fit > 0 && lines.size() > fit) {
      const std::size_t hidden = lines.size() - fit + 1;
      lines.resize(fit - 1);
      lines.push_back(absl::StrCat("\u2026 ", hidden, " more lines; see poolctl status"));
    }
    return absl::StrCat(kHome, absl::StrJoin(lines, kEndOfLine), kEndOfLine, kNothingBelow);
  }

  const Options& options_;
  client::AdminClient& keyd_;
  Console& console_;
  const absl::TimeZone zone_;
  bool shown_ = false;
  bool missing_ = false;
  bool told_ = false;  // that keyd is away
};

}  // namespace

ExitCode RunStatus(const Options& options, client::AdminClient& keyd, Console& console,
                   const Clock& clock, absl::TimeZone zone) {
  if (options.watch) return Watcher(options, keyd, console, zone).Run();
  const Look look{zone, console.OutScreen().colour, 0};
  if (options.key) {
    return ShowKey(options, *options.key, keyd, console, clock.WallNow(), look);
  }
  const absl::StatusOr<PoolStatus> status = ReadAllPages(options, keyd);
  if (!status.ok()) return ReportError(status.status(), console);
  console.Out(options.json ? StatusJson(status->summary, status->keys) + "\n"
                           : Describe(*status, look));
  return kDone;
}

}  // namespace keypool::cli
