// Chunked transfer coding, in both directions, without copying.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keypool::proxy {

// Decodes a chunked body piece by piece. Strict: CRLF only, at most 16 hex digits and below 2^63,
// no white space around the size; extensions and trailers are skipped and bounded. Trailers are
// field lines, and none of them has a name that means something to us, also with '_' for '-'.
class ChunkedDecoder {
 public:
  static constexpr std::size_t kExtensionBytesMax = 256;  // of one chunk
  // Of all chunks, beyond as much as there is payload: a body is not to be mostly something else.
  static constexpr std::size_t kExtensionBytesFree = 4 * 1024;
  static constexpr std::size_t kTrailerBytesMax = 8 * 1024;  // in all

  enum class State { kMore, kDone, kInvalid };
  struct Step {
    State state = State::kMore;
    std::size_t consumed = 0;  // bytes of the input that are dealt with
    std::string_view data;     // payload, a part of the consumed input; may be empty
  };
  // Takes the next piece of `input` up to the end of one run of payload. Call again with the rest
  // while state is kMore and input is left. After kDone `consumed` ends exactly behind the body.
  // After kDone or kInvalid every further call says the same and consumes nothing.
  Step Feed(std::string_view input);

 private:
  // Where in the body the next byte stands.
  enum class At : std::uint8_t {
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailerStart,  // of a line
    kTrailerName,
    kTrailer,
    kTrailerLf,
    kLastLf,
    kDone,
    kInvalid,
  };
  At Next(char c);
  At NextInSize(char c);
  At NextInExtension(char c);
  At NextInTrailer(char c);
  At NextInTrailerName(char c);

  // Longer names can only begin like one that means something.
  static constexpr std::uint8_t kNameBytesMax = 32;

  std::uint64_t left_ = 0;                                    // of the chunk
  std::uint64_t extension_bytes_left_ = kExtensionBytesFree;  // of all chunks
  std::uint32_t line_bytes_ = 0;  // of the extension, or of all trailers
  At at_ = At::kSize;
  std::uint8_t digits_ = 0;               // of the size so far
  std::uint8_t name_bytes_ = 0;           // of the trailer's name so far
  std::array<char, kNameBytesMax> name_;  // its start, with '-' for '_'
};

// "1a2b\r\n" in front of a chunk of `size` bytes (not 0). A chunk ends with "\r\n", a body with
// "0\r\n\r\n".
class ChunkHead {
 public:
  explicit ChunkHead(std::uint64_t size);
  std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::array<char, 20> text_;
  std::uint8_t size_ = 0;
};

}  // namespace keypool::proxy
