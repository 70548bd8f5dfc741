// Whatever a body is, the facts stay inside the bounds of the protocol and are visible ASCII, and
// white space in front changes none.
#include <string>

#include "proxy/answer_facts.h"
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
  }
  head.content_encoding = "gzip";
  CheckFacts(DescribeAnswer(head, bytes));
}

}  // namespace keypool::proxy
