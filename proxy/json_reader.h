// Reads JSON from front to back as far as there is any: made for the starts of bodies that may be
// cut off or no JSON at all. Private to the pure part.
//
// Nothing fails loudly: when the text ends or is not JSON, every further call says that there is
// nothing more. No recursion and no allocation but for the texts that are asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keypool::proxy {

// `digits` as a number; nothing when it is anything but 1 to 18 digits.
std::optional<std::int64_t> WholeNumber(std::string_view digits);

class JsonReader {
 public:
  // `text` must outlive it.
  explicit JsonReader(std::string_view text) : p_(text.data()), end_(p_ + text.size()) {}

  // The value here is an object: steps inside. Otherwise steps over it, and is false.
  bool EnterObject() { return Enter('{'); }
  // The next name of the object that was entered last and not left; its value comes next. False
  // when there is none; then the object is left.
  bool NextName(std::string* name);
  // The same for arrays.
  bool EnterArray() { return Enter('['); }
  bool NextElement();

  // The value here when it is a text and complete, cut to `bytes_max`; steps over it in any case.
  // Only visible ASCII and spaces come back; every other byte is '?', so that it can go anywhere.
  std::optional<std::string> Text(std::size_t bytes_max);
  // The value here is a text.
  bool AtText();
  // The value here when it is a whole number from 0 on, as a number or as a text (how JSON of
  // protobuf has 64-bit numbers); steps over it in any case.
  std::optional<std::int64_t> Integer();
  // Steps over the value here.
  void Skip();
  // The same; its bytes as they stand, valid as long as the text that is read.
  std::string_view Raw();

  // The text ended early or is not JSON.
  bool Failed() const { return failed_; }

 private:
  bool Enter(char open);
  bool Next(char close);
  void SkipBlanks();
  // Moves behind the text that starts here and hands its bytes, escapes resolved, to `out` up to
  // `bytes_max`.
  bool ReadText(std::size_t bytes_max, std::string* out);
  bool ReadEscape(char* c);
  void SkipText();
  bool Fail();

  const char* p_;
  const char* end_;
  bool fresh_ = false;  // just stepped inside: no comma comes first
  bool failed_ = false;
};

}  // namespace keypool::proxy
