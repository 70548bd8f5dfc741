// Whatever else stands in a request for a Live session: upstream is asked for a WebSocket exactly
// when the client has asked for one in full, by a head that carries one credential and can be read
// in one way; and an answer is taken for the upgrade only when it is one.
#include <algorithm>
#include <string>
#include <vector>

#include "proxy/headers.h"
#include "proxy/request_head.h"
#include "proxy/request_plan.h"
#include "proxy/response_head.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/query_oracle.h"

namespace keypool::proxy {
namespace {

constexpr std::string_view kKey = "the-pools-key";
constexpr std::string_view kHost = "upstream.example";
constexpr std::size_t kFieldsAdded = 4;  // at most, to an answer

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return lower;
}

template <class Head>
std::vector<std::string> ValuesOf(const Head& head, std::string_view name) {
  std::vector<std::string> values;
  for (const Field& field : head.fields) {
    if (Lower(field.name) == name) values.emplace_back(field.value);
  }
  return values;
}

bool HasToken(const std::vector<std::string>& values, std::string_view token) {
  for (const std::string& value : values) {
    for (std::string part : Split(value, ',')) {
      part.erase(part.find_last_not_of(" \t") + 1);
      part.erase(0, std::min(part.find_first_not_of(" \t"), part.size()));
      if (Lower(part) == token) return true;
    }
  }
  return false;
}

void CheckSent(const RequestHead& asked, const Plan& plan) {
  std::string sent;
  AppendUpstreamHead(asked, plan, kHost, Secret(kKey), {}, &sent);
  RequestHead head;
  std::size_t scanned = 0;
  const HeadResult result = ParseRequestHead(sent, &scanned, &head);
  // Connection is ours; nothing else can make it fail but a longer host and key.
  if (result.state == HeadState::kInvalid) {
    FUZZ_CHECK(result.status == 431 || result.status == 414);
    return;
  }
  FUZZ_CHECK(result.state == HeadState::kComplete && head.size == sent.size());
  const std::vector<std::string> connection = ValuesOf(head, "connection");
  const std::vector<std::string> upgrade = ValuesOf(head, "upgrade");
  FUZZ_CHECK(connection ==
             (plan.live ? std::vector<std::string>{"Upgrade"} : std::vector<std::string>{}));
  FUZZ_CHECK(upgrade ==
             (plan.live ? std::vector<std::string>{"websocket"} : std::vector<std::string>{}));
  FUZZ_CHECK(ValuesOf(head, "host") == std::vector<std::string>{std::string(kHost)});
  FUZZ_CHECK(head.framing == Framing::kNone);
  std::size_t keys = 0;
  for (const Field& field : head.fields) {
    if (field.value == kKey) ++keys;
    const std::string name = Lower(field.name);
    if (name != "x-goog-api-key" && name != "authorization") continue;
    FUZZ_CHECK(field.value == kKey || plan.key_place == KeyPlace::kNone);
    FUZZ_CHECK(field.value == kKey || field.value.find("auth_tokens/") != std::string_view::npos);
  }
  if (plan.key_place != KeyPlace::kNone) FUZZ_CHECK(keys >= 1);
}

void CheckRequest(std::string_view bytes) {
  for (const std::string_view start :
       {"GET /ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
        "GET "}) {
    const std::string text = std::string(start) + std::string(bytes) + "\r\n\r\n";
    RequestHead head;
    std::size_t scanned = 0;
    if (ParseRequestHead(text, &scanned, &head).state != HeadState::kComplete) continue;
    const Plan plan = MakePlan(head);
    if (!plan.problem.empty() || plan.route != Route::kUpstream) continue;
    const bool asks = head.method == "GET" && head.minor_version == 1 &&
                      head.framing == Framing::kNone &&
                      HasToken(ValuesOf(head, "connection"), "upgrade") &&
                      HasToken(ValuesOf(head, "upgrade"), "websocket");
    if (plan.live) FUZZ_CHECK(asks);
    if (plan.key_place == KeyPlace::kNone) FUZZ_CHECK(plan.live);
    if (plan.key_place == KeyPlace::kBearer || head.framing != Framing::kNone) continue;
    CheckSent(head, plan);
  }
}

void CheckAnswer(std::string_view bytes) {
  const std::string text = "HTTP/1.1 101 Switching Protocols\r\n" + std::string(bytes) + "\r\n\r\n";
  ResponseHead head;
  std::size_t scanned = 0;
  if (ParseResponseHead(text, "GET", &scanned, &head).state != HeadState::kComplete) return;
  FUZZ_CHECK(head.framing == Framing::kNone && !head.keep_alive);
  ClientHeadOptions options;
  options.websocket = true;
  std::string sent;
  AppendClientHead(head, options, &sent);
  ResponseHead again;
  scanned = 0;
  const HeadState state = ParseResponseHead(sent, "GET", &scanned, &again).state;
  // What is added here may be one field, or byte, more than a head may have.
  if (head.fields.size() + kFieldsAdded > kFieldsMax || sent.size() > kHeadBytesMax) return;
  FUZZ_CHECK(state == HeadState::kComplete);
  FUZZ_CHECK(again.size == sent.size() && again.status == 101);
  FUZZ_CHECK(ValuesOf(again, "connection") == std::vector<std::string>{"Upgrade"});
  FUZZ_CHECK(ValuesOf(again, "upgrade") == std::vector<std::string>{"websocket"});
  FUZZ_CHECK(ValuesOf(again, "content-length").empty());
  FUZZ_CHECK(ValuesOf(again, "transfer-encoding").empty());
}

}  // namespace

void Fuzz(std::string_view bytes) {
  CheckRequest(bytes);
  CheckAnswer(bytes);
}

}  // namespace keypool::proxy
