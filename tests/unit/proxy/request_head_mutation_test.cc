// Every good head with every single byte replaced: the parser and a slow second reading agree.
#include <gtest/gtest.h>

#include <string>

#include "proxy/request_head.h"
#include "tests/unit/proxy/head_oracle.h"
#include "tests/unit/proxy/sample_heads.h"

namespace keypool::proxy {
namespace {

// False, with the reason added to the test, when the two readings differ.
bool Agree(std::string_view bytes) {
  std::size_t scanned = 0;
  RequestHead head;
  const HeadResult result = ParseRequestHead(bytes, &scanned, &head);
  const std::optional<OracleHead> expected = ReadStrictly(bytes);
  const bool accepted = result.state == HeadState::kComplete;
  EXPECT_EQ(accepted, expected.has_value()) << result.problem << "\n" << bytes;
  if (!accepted || !expected) return accepted == expected.has_value();
  bool same = head.method == expected->method && head.target == expected->target &&
              head.minor_version == expected->minor_version && head.host == expected->host &&
              head.framing == expected->framing &&
              head.content_length == expected->content_length &&
              head.keep_alive == expected->keep_alive && head.size == expected->size &&
              head.fields.size() == expected->fields.size();
  for (std::size_t i = 0; same && i < head.fields.size(); ++i) {
    same = head.fields[i].name == expected->fields[i].first &&
           head.fields[i].value == expected->fields[i].second;
  }
  EXPECT_TRUE(same) << bytes;
  return same;
}

TEST(RequestHeadMutation, OneByteReplacedThenBothReadingsAgree) {
  for (const std::string_view good : samples::GoodRequestHeads()) {
    std::string bytes(good);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      for (int c = 0; c < 256; ++c) {
        bytes[at] = static_cast<char>(c);
        if (!Agree(bytes)) return;
      }
      bytes[at] = good[at];
    }
  }
}

TEST(RequestHeadMutation, OneByteAddedOrLostThenBothReadingsAgree) {
  for (const std::string_view good : samples::GoodRequestHeads()) {
    for (std::size_t at = 0; at < good.size(); ++at) {
      std::string lost(good);
      lost.erase(at, 1);
      if (!Agree(lost)) return;
      for (const char c : std::string_view("\0\t\n\r \"#,-/0:;=_a\x7f\x80", 18)) {
        std::string added(good);
        added.insert(at, 1, c);
        if (!Agree(added)) return;
      }
    }
  }
}

}  // namespace
}  // namespace keypool::proxy
