// Estimates the input tokens of a JSON body while it streams by, in constant memory. Pure.
//
// What becomes tokens is in the texts. Names of members, numbers and structure count nothing; the
// same texts count the same however they are escaped and spaced. The estimate is a measure, the
// same for the same body on every proxy: keyd learns per model what it has to be multiplied with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/json_text.h"

namespace keypool::proxy {

class TextBytesScan {
 public:
  // Bytes are counted in UTF-8: a token is four letters of English, two of Cyrillic or Greek, and
  // one and a third characters of Chinese, Japanese or Korean, as it is roughly with Gemini.
  static constexpr std::int64_t kBytesPerToken = 4;
  // A text of so many bytes that is base64 as a whole, alone or behind "data:…;base64,", is a part
  // of the request that is no text, and counts as this many tokens, whatever its size: the price of
  // one tile of a picture.
  static constexpr std::int64_t kInlineBytesMin = 257;
  static constexpr std::int64_t kTokensPerPart = 258;

  // The next bytes of the body, in any pieces. Never fails.
  void Feed(std::string_view piece);

  // Of what has come so far.
  std::int64_t InputTokens() const;

 private:
  // Of the present text, or the last one while it is not known whether it was a name.
  class Text {
   public:
    // Called by JsonText.
    void Run(const char* p, const char* end);
    void Escape(int code);

    std::int64_t bytes() const { return bytes_; }
    bool IsInline() const { return may_be_ == MayBe::kBase64 && bytes_ >= kInlineBytesMin; }

   private:
    enum class MayBe : std::uint8_t {
      kEither,  // base64, or what has "data:" in front: in its first bytes
      kHead,    // what has a head in front: in that
      kBase64,
      kNeither
    };
    void Look(const char* p, const char* end);
    // One byte of "data:image/png;base64,".
    void LookAtHead(char c);

    std::int64_t bytes_ = 0;
    MayBe may_be_ = MayBe::kEither;
    std::uint8_t head_bytes_ = 0;
    std::uint8_t matched_ = 0;  // bytes of ";base64" in front of the next one
  };

  const char* FeedStructure(const char* p, const char* end);
  void Count();

  JsonText json_;
  Text text_;
  bool pending_ = false;  // text_ is complete and not counted
  std::int64_t bytes_ = 0;
  std::int64_t parts_ = 0;
};

}  // namespace keypool::proxy
