#include "proxy/answer_filter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "tests/unit/proxy/gzip.h"

namespace keypool::proxy {
namespace {

constexpr std::string_view kKey = "AIzaSyCanary-0123456789_abcdefghijklmno";
constexpr std::string_view kBody = R"({"usage":{"prompt_tokens":5},"model":"m"})";
constexpr std::size_t kWhole = 1'000'000'000;

struct Outcome {
  std::string sent;
  std::string found;  // of the cost
  bool clean = true;  // to the end
};

Outcome Filter(std::string body, std::string_view coding, std::size_t piece = kWhole) {
  Redactor keys;
  keys.Add(std::make_shared<const Secret>(kKey));
  AnswerScan answer_scan;
  const UsageScan& scan = answer_scan.usage.emplace();
  AnswerFilter filter(keys, coding, &answer_scan);
  Outcome outcome;
  for (std::size_t at = 0; outcome.clean && at < body.size();) {
    Pieces pieces;
    pieces.Add(std::string_view(body).substr(at, piece));
    at += pieces.bytes;
    outcome.clean = filter.Pass(&pieces, at == body.size());
    if (!outcome.clean) break;
    for (std::size_t i = 0; i < pieces.count; ++i) outcome.sent += pieces.part[i];
    filter.Scan(pieces);
  }
  outcome.found =
      absl::StrCat(scan.usage() ? scan.usage()->input : -1, " ", std::string(scan.ModelVersion()));
  return outcome;
}

TEST(AnswerFilter, PlainThenTheKeyIsMaskedAndTheCostIsRead) {
  const std::string body = std::string(kBody) + std::string(kKey) + "\n";
  const std::string expected = std::string(kBody) + std::string(kKey.size(), '*') + "\n";
  for (std::size_t piece = 1; piece <= body.size(); ++piece) {
    for (const std::string_view coding : {"", "Identity"}) {
      const Outcome outcome = Filter(body, coding, piece);
      EXPECT_TRUE(outcome.clean);
      EXPECT_EQ(outcome.sent, expected) << piece;
      EXPECT_EQ(outcome.found, "5 m") << piece;
    }
  }
}

TEST(AnswerFilter, PackedWithoutAKeyThenItPassesByteForByteAndTheCostIsRead) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, kWhole}) {
    for (const std::string_view coding : {"gzip", "X-Gzip", "deflate"}) {
      const std::string text = std::string(kBody) + std::string(100'000, ' ');
      const std::string body = coding == "deflate" ? Deflate(text) : Gzip(text);
      const Outcome outcome = Filter(body, coding, piece);
      EXPECT_TRUE(outcome.clean);
      EXPECT_EQ(outcome.sent, body);
      EXPECT_EQ(outcome.found, "5 m");
    }
  }
}

TEST(AnswerFilter, PackedWithAKeyThenNothingBehindItsFirstHalfIsSent) {
  // Does not pack well, so that the key comes late.
  std::string text = std::string(kBody);
  for (int i = 0; i < 5000; ++i) absl::StrAppend(&text, i * 7919 % 10007, ",");
  const std::string body = Gzip(text + std::string(kKey) + text);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{100}, std::size_t{5000}}) {
    const Outcome outcome = Filter(body, "gzip", piece);
    EXPECT_FALSE(outcome.clean);
    EXPECT_EQ(outcome.found, "5 m");
    ASSERT_LT(outcome.sent.size(), body.size());
    InflateStream inflate;
    std::string seen;
    for (std::string_view rest = outcome.sent;;) {
      const std::string_view part = inflate.Next(&rest);
      if (part.empty()) break;
      seen += part;
    }
    EXPECT_EQ(seen.find(kKey.substr(0, kKey.size() / 2 + 1)), std::string::npos);
  }
  EXPECT_FALSE(Filter(body, "gzip").clean);
  EXPECT_FALSE(Filter(Gzip("first") + Gzip(kKey), "gzip").clean);
}

TEST(AnswerFilter, CodingsThatAreUnknownOrUntrueThenNothingIsMadeUpAndARawKeyIsMasked) {
  const std::string stars(kKey.size(), '*');
  const std::string body = std::string(kBody) + std::string(kKey) + "\n";
  const std::string expected = std::string(kBody) + stars + "\n";
  for (const std::string_view coding : {"br", "zstd", "gzip, gzip", "x", "gzip", "deflate"}) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{9}, kWhole}) {
      const Outcome outcome = Filter(body, coding, piece);
      EXPECT_EQ(outcome.sent, expected) << coding << ' ' << piece;
      EXPECT_EQ(outcome.found, "-1 ") << coding;
    }
  }
  EXPECT_EQ(Filter(Gzip(kBody), "").found, "-1 ");
  const std::string tail = Gzip(kBody) + "rubbish " + std::string(kKey) + "\n";
  const Outcome outcome = Filter(tail, "gzip");
  EXPECT_EQ(outcome.sent, Gzip(kBody) + "rubbish " + stars + "\n");
  EXPECT_EQ(outcome.found, "5 m");
}

TEST(AnswerFilter, CutAnywhereThenWhatWasReadIsTrue) {
  const std::string packed = Gzip(std::string(kBody) + std::string(100'000, ' '));
  for (std::size_t size = 0; size < packed.size(); ++size) {
    const std::string found = Filter(packed.substr(0, size), "gzip").found;
    EXPECT_TRUE(found == "-1 " || found == "5 " || found == "5 m") << found;
  }
}

TEST(AnswerFilter, BombThenOnlyItsStartIsReadForItsCostButAllOfItForKeys) {
  constexpr std::size_t kNear = 1000;
  const std::string spaces(AnswerFilter::kScannedBytesMax - kNear, ' ');
  const std::string bomb = R"({"usage":{"prompt_tokens":5},"a":")" + spaces +
                           R"(","model":"near","b":")" + std::string(kNear, ' ') +
                           R"(","model":"far"})";
  const Outcome outcome = Filter(Gzip(bomb), "gzip");
  EXPECT_TRUE(outcome.clean);
  EXPECT_EQ(outcome.found, "5 near");
  EXPECT_EQ(Filter(bomb, "").found, "5 far");
  EXPECT_FALSE(Filter(Gzip(bomb + std::string(kKey)), "gzip").clean);
}

TEST(InflateWhole, WholeThenAllOfItAndElseNothing) {
  const std::string text(50'000, 'x');
  EXPECT_EQ(InflateWhole(Gzip(text), 50'000), text);
  EXPECT_EQ(InflateWhole(Gzip(text), 49'999), std::nullopt);
  EXPECT_EQ(InflateWhole(Deflate(text), 50'000), text);
  EXPECT_EQ(InflateWhole(Gzip(text).substr(0, 40), 50'000), std::nullopt);
  EXPECT_EQ(InflateWhole("plain", 50'000), std::nullopt);
  EXPECT_EQ(InflateWhole("", 50'000), std::nullopt);
}

}  // namespace
}  // namespace keypool::proxy
