#include "cli/token_output.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/json_values.h"
#include "cli/text_table.h"
#include "keyd/base/status.h"

namespace keypool::cli {

namespace json = boost::json;

std::string When(absl::Time time, absl::TimeZone zone) {
  if (time == absl::InfiniteFuture()) return "never";
  return absl::FormatTime("%Y-%m-%d %H:%M", time, zone);
}

json::value EndJson(absl::Time time) {
  return time == absl::InfiniteFuture() ? json::value(nullptr) : Time(time);
}

json::array TokensJson(const std::vector<TokenStatus>& tokens) {
  json::array all;
  for (const TokenStatus& token : tokens) {
    all.push_back(
        json::object{{"made_at", Time(token.made_at)}, {"valid_until", Time(token.valid_until)}});
  }
  return all;
}

ExitCode ShowToken(const Options& options, ShownToken shown, Console& console) {
  const std::string token(shown.token->Reveal());
  if (options.json) {
    json::object o;
    o[json::string_view(shown.owner_key.data(), shown.owner_key.size())] = std::move(shown.owner);
    o["token"] = token;
    console.Out(json::serialize(o) + "\n");
    return kDone;
  }
  console.Out(token + "\n");
  std::string line = absl::StrCat("poolctl: the token of ", Harmless(shown.name),
                                  " is shown this once; ", ToAbsl(shown.use));
  if (shown.one_before) {
    absl::StrAppend(&line, ". The one before stays good for ",
                    absl::FormatDuration(options.overlap));
  }
  console.Err(line);
  return kDone;
}

}  // namespace keypool::cli
