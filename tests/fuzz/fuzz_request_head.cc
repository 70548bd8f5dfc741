// The parser agrees with a slow second reading, however the bytes are cut, and what it accepts is
// written for upstream so that it reads back with the framing that was meant and one key only.
#include <string>

#include "proxy/headers.h"
#include "proxy/request_head.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/proxy/head_oracle.h"

namespace keypool::proxy {
namespace {

constexpr std::string_view kKey = "POOLKEYPOOLKEY";

void CheckAgainstOracle(const RequestHead& head, const OracleHead& oracle) {
  FUZZ_CHECK(head.method == oracle.method && head.target == oracle.target);
  FUZZ_CHECK(head.host == oracle.host && head.minor_version == oracle.minor_version);
  FUZZ_CHECK(head.framing == oracle.framing && head.content_length == oracle.content_length);
  FUZZ_CHECK(head.keep_alive == oracle.keep_alive && head.size == oracle.size);
  FUZZ_CHECK(head.fields.size() == oracle.fields.size());
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    FUZZ_CHECK(head.fields[i].name == oracle.fields[i].first);
    FUZZ_CHECK(head.fields[i].value == oracle.fields[i].second);
  }
}

void CheckPieces(std::string_view bytes, const HeadResult& whole) {
  if (bytes.empty()) return;
  const std::size_t step = 1 + static_cast<unsigned char>(bytes.back()) % 32;
  std::size_t scanned = 0;
  RequestHead head;
  for (std::size_t size = step;; size += step) {
    const HeadResult result = ParseRequestHead(bytes.substr(0, size), &scanned, &head);
    if (result.state == HeadState::kIncomplete && size < bytes.size()) continue;
    // In pieces, what is wrong may be seen only when the head ends.
    if (result.state == HeadState::kIncomplete && whole.state != HeadState::kComplete) return;
    FUZZ_CHECK(result.state == whole.state && result.status == whole.status);
    FUZZ_CHECK(result.problem == whole.problem);
    return;
  }
}

void CheckUpstreamHead(const RequestHead& head) {
  const OutBody body{head.framing, head.content_length};
  std::string out;
  AppendUpstreamHead(head, MakePlan(head), "up.example", Secret(kKey), body, &out);
  // The key's own line may make one of 100 fields and 32 KiB too many.
  if (head.fields.size() > 98 || out.size() > kHeadBytesMax - 1) return;
  std::size_t scanned = 0;
  RequestHead again;
  FUZZ_CHECK(ParseRequestHead(out, &scanned, &again).state == HeadState::kComplete);
  FUZZ_CHECK(again.size == out.size() && again.host == "up.example");
  FUZZ_CHECK(again.framing == head.framing && again.content_length == head.content_length);
  FUZZ_CHECK(again.fields.back().value.ends_with(kKey));
  int credentials = 0;
  for (const Field& field : again.fields) {
    std::string name(field.name);
    for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    credentials += name == "x-goog-api-key" || name == "authorization" || name == "cookie" ||
                   name == "x-goog-user-project" || name == "proxy-authorization";
  }
  FUZZ_CHECK(credentials == 1);
}

}  // namespace

void Fuzz(std::string_view bytes) {
  std::size_t scanned = 0;
  RequestHead head;
  const HeadResult result = ParseRequestHead(bytes, &scanned, &head);
  const std::optional<OracleHead> oracle = ReadStrictly(bytes);
  FUZZ_CHECK((result.state == HeadState::kComplete) == oracle.has_value());
  FUZZ_CHECK((result.state == HeadState::kInvalid) == (result.status != 0));
  FUZZ_CHECK((result.state == HeadState::kInvalid) == !result.problem.empty());
  CheckPieces(bytes, result);
  if (!oracle) return;
  CheckAgainstOracle(head, *oracle);
  CheckUpstreamHead(head);
}

}  // namespace keypool::proxy
