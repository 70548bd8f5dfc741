// Whatever a body is, the facts stay inside the bounds of the protocol and are visible ASCII, and
// white space in front changes none. Neither do they depend on how a message is wrapped.
#include <string>

#include "proxy/answer_facts.h"
#include "proxy/message_class.h"
#include "tests/fuzz/fuzz.h"

namespace keypool::proxy {
namespace {

void CheckText(std::string_view text, std::size_t bytes_max) {
  FUZZ_CHECK(text.size() <= bytes_max);
  for (const char c : text) FUZZ_CHECK(c >= ' ' && c <= '~');
}

void CheckFacts(const AnswerFacts& facts) {
  FUZZ_CHECK(facts.http_status == 429);
  CheckText(facts.status, 64);
  CheckText(facts.reason, 128);
  FUZZ_CHECK(facts.message >= MessageClass::kNone && facts.message <= kMessageClassLast);
  FUZZ_CHECK(facts.violations.size() <= 16);
  for (const QuotaViolation& violation : facts.violations) {
    CheckText(violation.quota_id, 256);
    CheckText(violation.quota_metric, 256);
    CheckText(violation.model, 256);
    FUZZ_CHECK(!violation.quota_value || *violation.quota_value >= 0);
  }
  if (facts.retry_delay) {
    FUZZ_CHECK(*facts.retry_delay >= absl::ZeroDuration());
    FUZZ_CHECK(*facts.retry_delay <= absl::Hours(24 * 3660));
  }
}

// What the bytes mean as a message, in JSON and as they are.
void CheckMessage(std::string_view bytes) {
  ResponseHead head;
  head.status = 429;
  std::string escaped;
  std::string visible;
  for (const char c : bytes) {
    if (c < ' ' || c > '~') continue;
    if (c == '"' || c == '\\') escaped.push_back('\\');
    escaped.push_back(c);
    visible.push_back(c);
  }
  const std::string cut = "{\"error\":{\"message\":\"" + escaped;
  const AnswerFacts facts = DescribeAnswer(head, cut + "\"}}");
  CheckFacts(facts);
  if (cut.size() + 3 > kErrorBodyBytesMax) return;
  FUZZ_CHECK(facts.message == ClassifyMessage(visible));
  FUZZ_CHECK(facts.retry_delay == DelayInMessage(visible.substr(0, kMessageBytesMax)));
  // An escape at the end may be lost to the cut, and the text in front of it with that.
  if (escaped == visible) FUZZ_CHECK(DescribeAnswer(head, cut).message == facts.message);
  const std::optional<std::int64_t> limit = LimitInMessage(bytes, "x", 0);
  FUZZ_CHECK(!limit || *limit >= 0);
}

}  // namespace

void Fuzz(std::string_view bytes) {
  ResponseHead head;
  head.status = 429;
  const AnswerFacts facts = DescribeAnswer(head, bytes);
  CheckFacts(facts);

  const AnswerFacts wrapped = DescribeAnswer(head, " \n" + std::string(bytes));
  if (bytes.size() + 2 <= kErrorBodyBytesMax) {
    FUZZ_CHECK(wrapped.status == facts.status && wrapped.reason == facts.reason);
    FUZZ_CHECK(wrapped.violations.size() == facts.violations.size());
    FUZZ_CHECK(wrapped.message == facts.message && wrapped.retry_delay == facts.retry_delay);
  }
  CheckMessage(bytes);
  head.content_encoding = "gzip";
  CheckFacts(DescribeAnswer(head, bytes));
}

}  // namespace keypool::proxy
