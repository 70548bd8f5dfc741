// Whatever a message says: the error is sound JSON of one shape, holds the message and nothing that
// a header, a terminal or a page could take for itself, and reads back as what it tells.
#include <algorithm>
#include <boost/json.hpp>
#include <string>
#include <utility>

#include "proxy/answer_facts.h"
#include "proxy/error_body.h"
#include "tests/fuzz/fuzz.h"

namespace keypool::proxy {
namespace {

constexpr ErrorShape kShapes[] = {ErrorShape::kNative, ErrorShape::kJsonArray, ErrorShape::kSse,
                                  ErrorShape::kOpenAi, ErrorShape::kInteractions};
constexpr int kStatuses[] = {400, 403, 404, 408, 413, 429, 431, 500, 502, 503, 504, 599};

bool IsPlain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\n' || (static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
  });
}

// Letters and digits of ASCII: what no escape changes.
std::string Letters(std::string_view text) {
  std::string letters;
  for (const char c : text) {
    if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')) letters.push_back(c);
  }
  return letters;
}

ErrorAnswer Make(std::string_view bytes, std::size_t variant) {
  ErrorAnswer answer;
  answer.http_status = kStatuses[variant % std::size(kStatuses)];
  const std::size_t cut = bytes.size() / 2;
  answer.message = bytes;
  if (variant % 3 == 1) answer.retry_after = absl::Milliseconds(static_cast<int>(variant) * 977);
  if (variant % 5 == 1) answer.retry_after = absl::InfiniteDuration();
  if (variant % 5 == 2) answer.retry_after = absl::Seconds(-5);
  if (variant % 2 == 1) {
    ErrorAnswer::Quota quota;
    quota.per_day = variant % 4 == 1;
    quota.model = bytes.substr(cut);
    quota.limit = static_cast<std::int64_t>(variant);  // odd, so never 0
    answer.quota = std::move(quota);
  }
  return answer;
}

void CheckObject(const boost::json::value& parsed, const ErrorAnswer& answer, ErrorShape shape) {
  const bool array = shape == ErrorShape::kJsonArray || shape == ErrorShape::kOpenAi;
  FUZZ_CHECK(parsed.is_array() == array);
  if (array) FUZZ_CHECK(parsed.as_array().size() == 1);
  const boost::json::object& object = array ? parsed.as_array()[0].as_object() : parsed.as_object();
  FUZZ_CHECK(object.size() == 1);
  const boost::json::object& error = object.at("error").as_object();
  if (shape == ErrorShape::kInteractions) {
    FUZZ_CHECK(error.at("code").is_string());
  } else {
    FUZZ_CHECK(error.at("code").as_int64() == answer.http_status);
  }
  FUZZ_CHECK(error.at("status").is_string());
  // What is no UTF-8 was replaced; all else is there, in front of what is added.
  const boost::json::string& message = error.at("message").as_string();
  FUZZ_CHECK(Letters({message.data(), message.size()}).starts_with(Letters(answer.message)));
}

// What the proxy reads of an error of Google's, it reads of its own.
void CheckFacts(const ErrorText& text, const ErrorAnswer& answer) {
  ResponseHead head;
  head.status = answer.http_status;
  head.content_type = text.content_type;
  const AnswerFacts facts = DescribeAnswer(head, text.body);
  FUZZ_CHECK(facts.http_status == answer.http_status);
  FUZZ_CHECK(facts.violations.size() == (answer.quota.has_value() ? 1u : 0u));
  if (answer.quota.has_value()) FUZZ_CHECK(facts.violations[0].quota_value == answer.quota->limit);
  const bool told = answer.retry_after && *answer.retry_after != absl::InfiniteDuration();
  // A message that tells a time itself is believed when nothing else tells one.
  FUZZ_CHECK(facts.retry_delay.has_value() == told ||
             answer.message.find("etry in") != std::string::npos);
  if (told) {
    FUZZ_CHECK(*facts.retry_delay == std::max(*answer.retry_after, absl::ZeroDuration()));
  }
}

void Check(const ErrorAnswer& answer, ErrorShape shape) {
  const ErrorText text = BuildError(answer, shape);
  FUZZ_CHECK(IsPlain(text.body) && text.body.ends_with("\n"));
  FUZZ_CHECK(text.body.find('<') == std::string::npos);
  FUZZ_CHECK(text.reason.find_first_of("\r\n") == std::string_view::npos && !text.reason.empty());
  FUZZ_CHECK(std::all_of(text.retry_after.begin(), text.retry_after.end(),
                         [](char c) { return c >= '0' && c <= '9'; }));
  FUZZ_CHECK(text.retry_after.empty() || text.retry_after != "0");
  boost::json::error_code error;
  const boost::json::value parsed =
      boost::json::parse(boost::json::string_view(text.body.data(), text.body.size()), error);
  FUZZ_CHECK(!error);
  CheckObject(parsed, answer, shape);
  CheckFacts(text, answer);
}

}  // namespace

void Fuzz(std::string_view bytes) {
  const std::size_t first = bytes.empty() ? 0 : static_cast<unsigned char>(bytes.front());
  if (!bytes.empty()) bytes.remove_prefix(1);
  const ErrorAnswer answer = Make(bytes, first);
  for (const ErrorShape shape : kShapes) Check(answer, shape);
}

}  // namespace keypool::proxy
