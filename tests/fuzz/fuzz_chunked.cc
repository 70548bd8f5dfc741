// The decoder says the same in any pieces, consumes what it says, and reads back what is chunked
// again from its payload.
#include <algorithm>
#include <string>

#include "proxy/chunked.h"
#include "tests/fuzz/fuzz.h"

namespace keypool::proxy {
namespace {

using State = ChunkedDecoder::State;

struct Decoded {
  State state = State::kMore;
  std::string data;
  std::size_t consumed = 0;
};

Decoded Decode(std::string_view bytes, std::size_t piece) {
  ChunkedDecoder decoder;
  Decoded decoded;
  std::size_t given = 0;
  while (given < bytes.size() && decoded.state == State::kMore) {
    std::string_view input = bytes.substr(given, piece);
    given += input.size();
    while (!input.empty() && decoded.state == State::kMore) {
      const ChunkedDecoder::Step step = decoder.Feed(input);
      FUZZ_CHECK(step.consumed <= input.size() && step.data.size() <= step.consumed);
      FUZZ_CHECK(step.state != State::kMore || step.consumed != 0);
      decoded.state = step.state;
      decoded.data += step.data;
      decoded.consumed += step.consumed;
      input.remove_prefix(step.consumed);
    }
  }
  return decoded;
}

}  // namespace

void Fuzz(std::string_view bytes) {
  const Decoded whole = Decode(bytes, bytes.size() + 1);
  for (const std::size_t piece : {1u, 2u, 7u}) {
    const Decoded cut = Decode(bytes, piece);
    FUZZ_CHECK(cut.state == whole.state && cut.data == whole.data);
    FUZZ_CHECK(cut.consumed == whole.consumed);
  }
  if (whole.state == State::kDone) {
    FUZZ_CHECK(bytes.substr(0, whole.consumed).ends_with("\r\n\r\n"));
  }
  std::string again;
  for (std::size_t at = 0; at < whole.data.size(); at += 5) {
    const std::string_view chunk = std::string_view(whole.data).substr(at, 5);
    again.append(ChunkHead(chunk.size()).view()).append(chunk).append("\r\n");
  }
  again += "0\r\n\r\n";
  const Decoded back = Decode(again, again.size());
  FUZZ_CHECK(back.state == State::kDone && back.data == whole.data);
  FUZZ_CHECK(back.consumed == again.size());
}

}  // namespace keypool::proxy
