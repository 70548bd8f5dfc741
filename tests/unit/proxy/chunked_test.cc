#include "proxy/chunked.h"

#include <gtest/gtest.h>

#include <string>

namespace keypool::proxy {
namespace {

using State = ChunkedDecoder::State;

struct Decoded {
  State state = State::kMore;
  std::string data;
  std::size_t consumed = 0;
};

void FeedAll(ChunkedDecoder* decoder, std::string_view input, Decoded* decoded) {
  while (true) {
    const ChunkedDecoder::Step step = decoder->Feed(input);
    decoded->state = step.state;
    decoded->data += step.data;
    decoded->consumed += step.consumed;
    input.remove_prefix(step.consumed);
    if (step.state != State::kMore || input.empty()) return;
  }
}

Decoded DecodeInPieces(std::string_view bytes, std::size_t piece) {
  ChunkedDecoder decoder;
  Decoded decoded;
  while (!bytes.empty() && decoded.state == State::kMore) {
    FeedAll(&decoder, bytes.substr(0, piece), &decoded);
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  return decoded;
}

Decoded Decode(std::string_view bytes) { return DecodeInPieces(bytes, bytes.size() + 1); }

constexpr std::string_view kBody =
    "5\r\nhello\r\n"
    "00A;name=\"v\"\r\n, chunked \r\n"
    "5\r\nworld\r\n"
    "0;last\r\nX-Trailer: 1\r\nX-Other:\r\n\r\n";

TEST(Chunked, WholeBodyThenPayloadIsJoinedAndTheEndIsExact) {
  const Decoded decoded = Decode(std::string(kBody) + "GET / HTTP/1.1\r\n");
  EXPECT_EQ(decoded.state, State::kDone);
  EXPECT_EQ(decoded.data, "hello, chunked world");
  EXPECT_EQ(decoded.consumed, kBody.size());
}

TEST(Chunked, CutAtEveryPositionThenTheResultIsTheSame) {
  for (std::size_t cut = 0; cut <= kBody.size(); ++cut) {
    ChunkedDecoder decoder;
    Decoded decoded;
    FeedAll(&decoder, kBody.substr(0, cut), &decoded);
    ASSERT_EQ(decoded.consumed, cut);
    ASSERT_EQ(decoded.state, cut == kBody.size() ? State::kDone : State::kMore) << cut;
    FeedAll(&decoder, kBody.substr(cut), &decoded);
    EXPECT_EQ(decoded.state, State::kDone) << cut;
    EXPECT_EQ(decoded.data, "hello, chunked world") << cut;
    EXPECT_EQ(decoded.consumed, kBody.size()) << cut;
  }
  for (const std::size_t piece : {1u, 2u, 3u, 7u}) {
    EXPECT_EQ(DecodeInPieces(kBody, piece).data, "hello, chunked world") << piece;
  }
}

TEST(Chunked, MalformedThenItIsInvalidHoweverItIsCut) {
  const std::string long_extension(ChunkedDecoder::kExtensionBytesMax + 1, 'x');
  const std::string long_trailer(ChunkedDecoder::kTrailerBytesMax, 'x');
  const std::string kCases[] = {
      "\r\n",
      "g\r\n",
      " 5\r\nhello\r\n",
      "5 \r\nhello\r\n",
      "5\nhello\r\n",
      "5\r\nhello\n0\r\n\r\n",
      "5\r\nhelloX\r\n",
      "5\r\nhello\r0",
      "5\rhello",
      "-5\r\n",
      "+5\r\n",
      "0x5\r\n",
      "5;a\nb\r\nhello\r\n",
      "5;a\rb",
      std::string("5;\0\r\n", 5),
      "8000000000000000\r\n",
      "ffffffffffffffff\r\n",
      "10000000000000000\r\n",
      "00000000000000005\r\n",
      "5;" + long_extension + "\r\nhello\r\n",
      "0\r\nX: " + long_trailer,
      "0\r\n folded\r\n\r\n",
      "0\r\nX\r\n\r\n",
      "0\r\n: a\r\n\r\n",
      "0\r\nX : a\r\n\r\n",
      "0\r\nX(Y): a\r\n\r\n",
      "0\r\nX: a\r\n folded\r\n\r\n",
      "0\r\nGET / HTTP/1.1\r\n\r\n",
      "0\r\nContent-Length: 5\r\n\r\n",
      "0\r\nX: a\r\nTRANSFER-ENCODING: chunked\r\n\r\n",
      "0\r\nhost: a\r\n\r\n",
      "0\r\nX-Goog-Api-Key: a\r\n\r\n",
      "0\r\nx_goog_api_key: a\r\n\r\n",
      "0\r\nProxy-Authorization-That-Is-Longer-Than-Any-Name: a\r\n\r\n",
      "0\r\nX: a\nb\r\n\r\n",
      "0\r\nX: a\rb",
      "0\r\n\rX",
      "0\r\n\n",
      "0\n\n",
  };
  for (const std::string& bytes : kCases) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, bytes.size()}) {
      const Decoded decoded = DecodeInPieces(bytes, piece);
      EXPECT_EQ(decoded.state, State::kInvalid) << bytes.substr(0, 40);
    }
  }
}

TEST(Chunked, ExtensionsOutweighThePayloadThenItIsInvalid) {
  const auto chunks = [](std::size_t n, std::size_t extension, std::size_t payload) {
    std::string bytes;
    for (std::size_t i = 0; i < n; ++i) {
      bytes.append(ChunkHead(payload).view());
      bytes.insert(bytes.size() - 2, ";" + std::string(extension, 'x'));
      bytes.append(payload, 'a').append("\r\n");
    }
    return bytes + "0\r\n\r\n";
  };
  constexpr std::size_t kExtension = 256, kFree = ChunkedDecoder::kExtensionBytesFree;
  EXPECT_EQ(Decode(chunks(kFree / kExtension, kExtension, 1)).state, State::kDone);
  EXPECT_EQ(Decode(chunks(kFree / kExtension + 1, kExtension, 1)).state, State::kInvalid);
  EXPECT_EQ(Decode(chunks(1000, kExtension, kExtension)).state, State::kDone);
}

TEST(Chunked, LimitsAreReachedButNotPassedThenItIsAccepted) {
  const std::string extension(ChunkedDecoder::kExtensionBytesMax, 'x');
  EXPECT_EQ(Decode("5;" + extension + "\r\nhello\r\n0\r\n\r\n").data, "hello");
  EXPECT_EQ(Decode("5;" + extension + "\r\nhello\r\n0;" + extension + "\r\n\r\n").state,
            State::kDone);
  // "X: ", the value, its CR LF and the last CR LF.
  const std::string trailer(ChunkedDecoder::kTrailerBytesMax - 7, 'x');
  EXPECT_EQ(Decode("0\r\nX: " + trailer + "\r\n\r\n").state, State::kDone);
  EXPECT_EQ(Decode("0\r\nX: " + trailer + "x\r\n\r\n").state, State::kInvalid);
  EXPECT_EQ(Decode("7fffffffffffffff\r\nabc").data, "abc");
  EXPECT_EQ(Decode("0000000000000005\r\nhello\r\n0\r\n\r\n").data, "hello");
}

TEST(Chunked, AfterTheEndThenNothingMoreIsConsumed) {
  ChunkedDecoder decoder;
  Decoded decoded;
  FeedAll(&decoder, "0\r\n\r\n", &decoded);
  ASSERT_EQ(decoded.state, State::kDone);
  const ChunkedDecoder::Step again = decoder.Feed("5\r\nhello");
  EXPECT_EQ(again.state, State::kDone);
  EXPECT_EQ(again.consumed, 0u);
}

TEST(Chunked, HeadsOfEverySizeThenTheDecoderReadsThemBack) {
  for (std::uint64_t size = 1; size < (std::uint64_t{1} << 62); size = size * 3 + 1) {
    const ChunkHead head(size);
    EXPECT_TRUE(head.view().ends_with("\r\n"));
    EXPECT_EQ(std::stoull(std::string(head.view()), nullptr, 16), size);
    EXPECT_EQ(Decode(std::string(head.view()) + "x").data, "x");
  }
  EXPECT_EQ(ChunkHead(0x1a2b).view(), "1a2b\r\n");
  EXPECT_EQ(ChunkHead(UINT64_MAX).view(), "ffffffffffffffff\r\n");
}

}  // namespace
}  // namespace keypool::proxy
