#include "keyd/import.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "keyd/base/audit.h"
#include "keyd/base/log.h"
#include "keyd/base/status.h"
#include "keyd/wire/admin_wire.h"

namespace keypool {
namespace {

constexpr std::size_t kFileBytesMax = 64 * 1024 * 1024;
// Commands on their way to the engine at a time, well below the size of its mailbox.
constexpr std::size_t kChunk = 1024;
// Keys told one by one; the rest only counted.
constexpr int kToldMax = 20;

// Collects entries of both settings. Keys are found again by hash: there may be many.
class Parser {
 public:
  // `by_line`: positions name the line too.
  void Parse(std::string_view setting, std::string_view text, bool by_line) {
    int line_number = 0;
    int entry = 0;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      ++line_number;
      if (by_line) entry = 0;
      line = Trim(line.substr(0, line.find('#')));
      if (line.empty()) continue;
      ParseLine(line, [&] {
        ++entry;
        return by_line ? absl::StrCat(ToAbsl(setting), " line ", line_number, " entry ", entry)
                       : absl::StrCat(ToAbsl(setting), " entry ", entry);
      });
    }
  }

  absl::StatusOr<ImportList> Finish() {
    if (!mistakes_.empty()) return absl::InvalidArgumentError(absl::StrJoin(mistakes_, "\n"));
    return std::move(list_);
  }

 private:
  static std::string_view Trim(std::string_view text) {
    return ToStd(absl::StripAsciiWhitespace(ToAbsl(text)));
  }

  template <class Position>
  void ParseLine(std::string_view line, const Position& position) {
    while (true) {
      const std::size_t comma = line.find(',');
      ParseEntry(Trim(line.substr(0, comma)), position());
      if (comma == std::string_view::npos) return;
      line.remove_prefix(comma + 1);
    }
  }

  void ParseEntry(std::string_view entry, std::string where) {
    if (entry.empty()) {
      list_.notes.push_back(absl::StrCat(where, " is empty"));
      return;
    }
    const std::size_t at = entry.rfind('@');
    const std::string_view secret = entry.substr(0, at);
    std::optional<ProjectId> project;
    if (absl::Status check = wire::CheckSecretBytes(secret); !check.ok()) {
      mistakes_.push_back(absl::StrCat(where, ": ", check.message()));
      return;
    }
    if (at != std::string_view::npos) {
      const std::string_view name = entry.substr(at + 1);
      if (!IsDeclarableProject(name)) {
        mistakes_.push_back(absl::StrCat(
            where, ": what follows the @ is not a project id: 1 to 128 of letters, digits and ",
            ". _ : -, not starting with a dash"));
        return;
      }
      project = ProjectId(std::string(name));
    }
    Add({std::make_shared<const Secret>(secret), std::move(project), std::move(where)}, secret);
  }

  void Add(ImportedKey key, std::string_view secret) {
    const auto [known, is_new] = index_.try_emplace(ToAbsl(secret), list_.keys.size());
    if (is_new) {
      list_.keys.push_back(std::move(key));
      return;
    }
    const ImportedKey& first = list_.keys[known->second];
    if (key.project && key.project != first.project) {
      mistakes_.push_back(
          absl::StrCat(key.where, ": the key of ", first.where, " again, with another project"));
    } else {
      list_.notes.push_back(absl::StrCat(key.where, " repeats ", first.where));
    }
  }

  ImportList list_;
  std::vector<std::string> mistakes_;
  // By views into the texts, which outlive the parser.
  absl::flat_hash_map<absl::string_view, std::size_t> index_;
};

// The first word of where it was read.
std::string SettingOf(const ImportedKey& key) { return key.where.substr(0, key.where.find(' ')); }

std::vector<absl::StatusOr<KeyStatus>> AddAll(const std::vector<ImportedKey>& keys,
                                              std::size_t from, std::size_t to,
                                              engine::Engine* engine) {
  std::vector<std::future<absl::StatusOr<KeyStatus>>> futures;
  for (std::size_t i = from; i < to; ++i) {
    auto answer = std::make_shared<std::promise<absl::StatusOr<KeyStatus>>>();
    futures.push_back(answer->get_future());
    engine->AddKey({.secret = keys[i].secret,
                    .project = keys[i].project,
                    .imported = true,
                    .who = absl::StrCat(ToAbsl(kAuditKeyd), " (", SettingOf(keys[i]), ")")},
                   [answer](absl::StatusOr<KeyStatus> key) { answer->set_value(std::move(key)); });
  }
  std::vector<absl::StatusOr<KeyStatus>> answers;
  for (auto& future : futures) answers.push_back(future.get());
  return answers;
}

}  // namespace

absl::StatusOr<ImportList> ParseKeys(std::string_view setting, std::string_view file) {
  Parser parser;
  parser.Parse("GEMINI_API_KEYS", setting, /*by_line=*/false);
  parser.Parse("GEMINI_API_KEYS_FILE", file, /*by_line=*/true);
  return parser.Finish();
}

absl::StatusOr<std::string> ReadKeysFile(const std::string& path, std::vector<std::string>* notes) {
  if (path.empty()) return std::string();
  const auto refuse = [&path](std::string_view why) {
    return absl::FailedPreconditionError(
        absl::StrCat("GEMINI_API_KEYS_FILE: ", path, ": ", ToAbsl(why)));
  };
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return refuse(std::generic_category().message(errno));
  if (S_ISDIR(info.st_mode)) return refuse("is a directory");
  if (static_cast<std::size_t>(info.st_size) > kFileBytesMax) return refuse("more than 64 MiB");
  if ((info.st_mode & (S_IRGRP | S_IROTH)) != 0) {
    notes->push_back(absl::StrCat("GEMINI_API_KEYS_FILE: others can read ", path,
                                  ": chmod 600 keeps the keys to yourself"));
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) return refuse("cannot be opened");
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad()) return refuse("cannot be read");
  return text;
}

absl::Status Import(const ImportList& list, engine::Engine* engine) {
  std::int64_t added = 0, present = 0, removed = 0;
  int told = 0;
  for (const std::string& note : list.notes) log::Warning("import_note", {{"note", note}});
  for (std::size_t from = 0; from < list.keys.size(); from += kChunk) {
    const std::size_t to = std::min(list.keys.size(), from + kChunk);
    const auto answers = AddAll(list.keys, from, to, engine);
    for (std::size_t i = from; i < to; ++i) {
      const absl::Status status = answers[i - from].status();
      const bool tell = ++told <= kToldMax;
      const std::string masked = list.keys[i].secret->Masked();
      if (status.ok()) {
        ++added;
        if (tell) log::Info("key_imported", {{"key", masked}, {"from", list.keys[i].where}});
      } else if (status.code() == absl::StatusCode::kAlreadyExists) {
        ++present;
        if (tell) log::Info("key_present", {{"key", masked}, {"from", list.keys[i].where}});
      } else if (status.code() == absl::StatusCode::kFailedPrecondition) {
        ++removed;
        log::Warning(
            "key_stays_removed",
            {{"key", masked}, {"from", list.keys[i].where}, {"fix", "poolctl add brings it back"}});
      } else {
        return Annotate(status, list.keys[i].where);
      }
    }
  }
  if (!list.keys.empty()) {
    log::Info("import_done",
              {{"added", added}, {"already_present", present}, {"stay_removed", removed}});
  }
  return absl::OkStatus();
}

}  // namespace keypool
