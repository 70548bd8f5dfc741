#include "proxy/redact.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace keypool::proxy {
namespace {

constexpr std::string_view kKey = "AIzaSyCanary-0123456789_abcdefghijklmno";
// Every kind of byte that some encoding changes.
constexpr std::string_view kOddKey = "AQ.x/y+z=&<q>\"w\\v'%u~!";

SecretPtr Key(std::string_view text) { return std::make_shared<const Secret>(text); }
std::string Stars(std::string_view text) { return std::string(text.size(), '*'); }

std::string Masked(std::string_view key, std::string text) {
  Redactor keys;
  keys.Add(Key(key));
  keys.Mask(&text);
  return text;
}

// What comes out of a stream whose pieces are cut as `cuts` says, in batches of `per_batch`.
std::string Streamed(const Redactor& keys, std::string text, const std::vector<std::size_t>& cuts,
                     std::size_t per_batch) {
  RedactStream stream(keys);
  std::string out;
  std::vector<std::string_view> parts;
  std::size_t from = 0;
  for (const std::size_t cut : cuts) {
    parts.push_back(std::string_view(text).substr(from, cut - from));
    from = cut;
  }
  parts.push_back(std::string_view(text).substr(from));
  for (std::size_t i = 0; i < parts.size();) {
    Pieces pieces;
    for (std::size_t n = 0; n < per_batch && i < parts.size(); ++n) pieces.Add(parts[i++]);
    stream.Pass(&pieces, i == parts.size());
    std::size_t bytes = 0;
    for (std::size_t n = 0; n < pieces.count; ++n) {
      out += pieces.part[n];
      bytes += pieces.part[n].size();
    }
    EXPECT_EQ(pieces.bytes, bytes);
  }
  return out;
}

std::string Streamed(std::string_view key, const std::string& text,
                     const std::vector<std::size_t>& cuts, std::size_t per_batch) {
  Redactor keys;
  keys.Add(Key(key));
  return Streamed(keys, text, cuts, per_batch);
}

TEST(Redactor, KeyAnywhereThenItIsStarsAndAllElseStays) {
  const std::string key(kKey);
  EXPECT_EQ(Masked(kKey, "a" + key + "b" + key), "a" + Stars(key) + "b" + Stars(key));
  EXPECT_EQ(Masked(kKey, key), Stars(key));
  EXPECT_EQ(Masked(kKey, key.substr(1) + key.substr(0, 38)), key.substr(1) + key.substr(0, 38));
  EXPECT_EQ(Masked(kKey, ""), "");
  const std::string longer(2000, 'A');
  EXPECT_EQ(Masked(kKey, longer + key + longer), longer + Stars(key) + longer);
}

TEST(Redactor, AnyByteEncodedInAnyWayThenTheKeyIsFound) {
  for (std::size_t at = 0; at < kKey.size(); ++at) {
    char percent[4], upper[4], unicode[8];
    std::snprintf(percent, sizeof(percent), "%%%02x", static_cast<unsigned>(kKey[at]));
    std::snprintf(upper, sizeof(upper), "%%%02X", static_cast<unsigned>(kKey[at]));
    std::snprintf(unicode, sizeof(unicode), "\\u%04x", static_cast<unsigned>(kKey[at]));
    for (const std::string_view form : {percent, upper, unicode}) {
      std::string key(kKey);
      key.replace(at, 1, form);
      EXPECT_EQ(Masked(kKey, "x=" + key + "&y"), "x=" + Stars(key) + "&y");
    }
  }
  EXPECT_EQ(Masked("ab/cd\"ef", R"("ab\/cd\"ef")"), R"("**********")");
  EXPECT_EQ(Masked("ab&cd<ef", "ab&amp;cd&lt;ef;"), std::string(15, '*') + ";");
  EXPECT_EQ(Masked(kKey, "100% \\u00 &amp; %zz%4"), "100% \\u00 &amp; %zz%4");
}

TEST(Redactor, SeveralKeysThenEachIsMaskedAndNoKeyMasksNothing) {
  Redactor keys;
  const SecretPtr first = Key(kKey);
  keys.Add(first);
  keys.Add(first);
  keys.Add(Key("short-key"));
  EXPECT_EQ(keys.looks().size(), 2u);
  std::string text = "short-key " + std::string(kKey) + " short-ke";
  EXPECT_TRUE(keys.Mask(&text));
  EXPECT_EQ(text, "********* " + Stars(kKey) + " short-ke");
  EXPECT_FALSE(keys.Mask(&text));
  const Redactor none;
  text = kKey;
  EXPECT_FALSE(none.Mask(&text));
  EXPECT_EQ(text, kKey);
}

TEST(RedactStream, CutInTwoAnywhereThenNothingOfTheKeyComesThrough) {
  const std::string text = "data: AIza AIzaSy " + std::string(kKey) + std::string(kKey) + "A";
  const std::string expected = "data: AIza AIzaSy " + Stars(kKey) + Stars(kKey) + "A";
  for (std::size_t a = 0; a <= text.size(); ++a) {
    EXPECT_EQ(Streamed(kKey, text, {a}, 1), expected) << a;
    EXPECT_EQ(Streamed(kKey, text, {a}, 2), expected) << a;
    for (std::size_t b = a; b <= text.size(); b += 3) {
      for (const std::size_t per_batch : {1, 2, 3}) {
        ASSERT_EQ(Streamed(kKey, text, {a, b}, per_batch), expected) << a << ' ' << b;
      }
    }
  }
}

TEST(RedactStream, ByteByByteAndAtRandomThenTheSame) {
  constexpr std::uint32_t kSeed = 20261124;
  std::mt19937 random(kSeed);
  // Keys that start as they go on, so that a start of one may stand inside of another.
  for (const std::string_view key :
       {kKey, std::string_view("aaaaaaab"), std::string_view("abababac"),
        std::string_view("abcabcabcabd"), std::string_view("********")}) {
    for (int round = 0; round < 300; ++round) {
      std::string text, expected;
      while (text.size() < 200) {
        const std::string_view part = key.substr(0, random() % (key.size() + 1));
        text += part;
        if (random() % 3 == 0) text += 'x';
      }
      expected = text;
      for (std::size_t at; (at = expected.find(key)) != std::string::npos && key[0] != '*';) {
        expected.replace(at, key.size(), key.size(), '*');
      }
      text += "..";
      expected += "..";
      std::vector<std::size_t> cuts;
      for (std::size_t at = 0; at < text.size(); at += 1 + random() % 9) cuts.push_back(at);
      ASSERT_EQ(Streamed(key, text, cuts, 1 + random() % 5), expected)
          << "seed " << kSeed << ", round " << round << ", " << text;
    }
  }
  std::string text = std::string(kKey) + "-" + std::string(kKey) + ".";
  std::vector<std::size_t> all;
  for (std::size_t at = 1; at < text.size(); ++at) all.push_back(at);
  for (const std::size_t per_batch : {1u, 7u, 60u}) {
    EXPECT_EQ(Streamed(kKey, text, all, per_batch), Stars(kKey) + "-" + Stars(kKey) + ".");
  }
}

TEST(RedactStream, EncodedAsAWholeInAnyUsualWayThenItIsMaskedHoweverItIsCut) {
  const std::string_view forms[] = {
      kOddKey,
      "AQ.x%2Fy%2Bz%3D%26%3Cq%3E%22w%5Cv%27%25u~%21",
      "AQ.x%2fy%2bz%3d%26%3cq%3e%22w%5cv%27%25u~%21",
      R"(AQ.x/y+z=&<q>\"w\\v'%u~!)",
      R"(AQ.x\/y+z\u003d\u0026\u003cq\u003e\"w\\v\u0027%u~!)",
      "AQ.x/y+z=&amp;&lt;q&gt;&quot;w\\v&#39;%u~!",
  };
  for (const std::string_view form : forms) {
    const std::string text = "<" + std::string(form) + ">\r\n";
    const std::string expected = "<" + Stars(form) + ">\r\n";
    EXPECT_EQ(Masked(kOddKey, text), expected);
    for (std::size_t a = 0; a <= text.size(); ++a) {
      ASSERT_EQ(Streamed(kOddKey, text, {a}, 1), expected) << form << " cut at " << a;
    }
  }
}

TEST(RedactStream, KeysOfDifferentLengthsThenTheLongestStartIsHeldBack) {
  Redactor keys;
  keys.Add(Key("abcdefgh"));
  keys.Add(Key("xabcdefg-and-much-longer-than-that"));
  const std::string text = "0abcdefgh1xabcdefg-and-much-longer-than-that2xabcdefgh3";
  const std::string expected = "0********1" + std::string(34, '*') + "2x********3";
  for (std::size_t a = 0; a <= text.size(); ++a) {
    for (std::size_t b = a; b <= text.size(); ++b) {
      ASSERT_EQ(Streamed(keys, text, {a, b}, 1), expected) << a << ' ' << b;
    }
  }
}

TEST(RedactStream, NoStartOfAKeyAtTheEndThenNothingIsHeldBack) {
  Redactor keys;
  keys.Add(Key(kKey));
  RedactStream stream(keys);
  std::string event = "data: {\"text\":\"AIza\"}\r\n\r\n";
  Pieces pieces;
  pieces.Add(event);
  stream.Pass(&pieces, /*last=*/false);
  ASSERT_EQ(pieces.count, 1u);
  EXPECT_EQ(pieces.part[0].data(), event.data());
  EXPECT_EQ(pieces.part[0].size(), event.size());
  EXPECT_FALSE(stream.Shows());

  std::string start = "x" + std::string(kKey.substr(0, 5));
  pieces.Clear();
  pieces.Add(start);
  stream.Pass(&pieces, /*last=*/false);
  EXPECT_EQ(pieces.bytes, 1u);
  EXPECT_FALSE(stream.Shows());
}

TEST(RedactStream, BodyEndsInsideOfAKeyThenHalfOfItIsTooMuch) {
  for (std::size_t size = 0; size < kKey.size(); ++size) {
    const std::string start(kKey.substr(0, size));
    const bool much = size * 2 >= kKey.size();
    const std::string expected = "text " + (much ? Stars(start) : start);
    for (std::size_t a = 0; a <= 5 + size; ++a) {
      ASSERT_EQ(Streamed(kKey, "text " + start, {a}, 1), expected) << size << " cut at " << a;
    }
  }
}

}  // namespace
}  // namespace keypool::proxy
