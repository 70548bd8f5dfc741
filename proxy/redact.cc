#include "proxy/redact.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "proxy/char_class.h"

namespace keypool::proxy {
namespace {

constexpr std::string_view kHexUpper = "0123456789ABCDEF";
constexpr std::string_view kHexLower = "0123456789abcdef";

// Bytes that no encoding has a reason to change.
bool IsPlain(char c) { return Is(kModelChar, c); }

std::string Percent(std::string_view key, std::string_view digits) {
  std::string out;
  for (const char c : key) {
    if (IsPlain(c) || c == '~') {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', digits[byte >> 4], digits[byte & 15]};
  }
  return out;
}

// A string of JSON; with `for_pages` as those write it whose JSON may stand inside of HTML.
std::string Json(std::string_view key, bool for_pages) {
  constexpr std::string_view kOfPages = "<>&='";
  std::string out;
  for (const char c : key) {
    if (c == '"' || c == '\\' || (c == '/' && for_pages)) out += '\\';
    if (for_pages && kOfPages.find(c) != std::string_view::npos) {
      const auto byte = static_cast<unsigned char>(c);
      out += {'\\', 'u', '0', '0', kHexLower[byte >> 4], kHexLower[byte & 15]};
    } else {
      out += c;
    }
  }
  return out;
}

struct Entity {
  char c;
  std::string_view name;
};
constexpr Entity kEntities[] = {
    {'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};

std::string Html(std::string_view key) {
  std::string out;
  for (const char c : key) {
    const auto* const entity = std::find_if(std::begin(kEntities), std::end(kEntities),
                                            [c](const Entity& e) { return e.c == c; });
    if (entity == std::end(kEntities)) {
      out += c;
    } else {
      out += entity->name;
    }
  }
  return out;
}

// Bytes at the start of `text` that stand for `c`, if they do: encoded or itself.
std::size_t StandsFor(char c, std::string_view text) {
  const auto hex = [text](std::size_t at) {
    return at + 1 < text.size() && Is(kHexChar, text[at]) && Is(kHexChar, text[at + 1])
               ? HexValue(text[at]) * 16 + HexValue(text[at + 1])
               : -1;
  };
  if (text.empty()) return 0;
  if (text[0] == '%' && hex(1) == c) return 3;
  if (text.starts_with("\\u00") && hex(4) == c) return 6;
  if (text[0] == '\\' && text.size() > 1 && text[1] == c) return 2;
  if (text[0] == '&') {
    for (const Entity& entity : kEntities) {
      if (entity.c == c && text.starts_with(entity.name)) return entity.name.size();
    }
  }
  return text[0] == c ? 1 : 0;
}

// Bytes at the start of `text` that stand for all of `key`; 0 when they do not.
std::size_t StandsFor(std::string_view key, std::string_view text) {
  std::size_t size = 0;
  for (const char c : key) {
    const std::size_t step = StandsFor(c, text.substr(size));
    if (step == 0) return 0;
    size += step;
  }
  return size;
}

// Where `look` stands in `text`. memmem prepares itself, which only pays for long texts; for short
// ones the first byte of a key is rare enough.
std::size_t Find(std::string_view text, std::string_view look) {
  constexpr std::size_t kLong = 1024;
  if (text.size() < kLong) return text.find(look);
  const void* const at = ::memmem(text.data(), text.size(), look.data(), look.size());
  if (at == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(at) - text.data());
}

// The most bytes at the end of `text` that `look` starts with, but not all of it.
std::size_t StartAtEnd(std::string_view text, std::string_view look) {
  if (text.size() >= look.size()) text.remove_prefix(text.size() - look.size() + 1);
  for (std::size_t at = text.find(look[0]); at != std::string_view::npos;
       at = text.find(look[0], at + 1)) {
    if (look.starts_with(text.substr(at))) return text.size() - at;
  }
  return 0;
}

// Parts of a buffer that is known to be ours to change.
void Stars(std::string_view text) { std::memset(const_cast<char*>(text.data()), '*', text.size()); }

// The `size` bytes that end with the first `end` of parts[index].
void StarsBack(const Pieces& pieces, std::size_t index, std::size_t end, std::size_t size) {
  for (;;) {
    const std::size_t here = std::min(end, size);
    Stars(pieces.part[index].substr(end - here, here));
    size -= here;
    if (size == 0) return;
    end = pieces.part[--index].size();
  }
}

}  // namespace

void Redactor::Add(SecretPtr key) {
  if (key == nullptr || std::find(keys_.begin(), keys_.end(), key) != keys_.end()) return;
  const std::string_view raw = key->Reveal();
  keys_.push_back(std::move(key));
  if (raw.empty()) return;
  looks_.push_back(raw);
  std::uint8_t classes = kModelChar;
  for (const char c : raw) classes &= ClassesOf(c);
  if (classes != 0) return;  // plain
  AddLook(Percent(raw, kHexUpper));
  AddLook(Percent(raw, kHexLower));
  AddLook(Json(raw, /*for_pages=*/false));
  AddLook(Json(raw, /*for_pages=*/true));
  AddLook(Html(raw));
}

void Redactor::AddLook(std::string encoded) {
  if (std::find(looks_.begin(), looks_.end(), encoded) != looks_.end()) return;
  encoded_.emplace_back(encoded);
  looks_.push_back(encoded_.back().Reveal());  // stays where it is when the Secret moves
}

bool Redactor::Mask(std::string* text) const {
  bool found = false;
  for (const std::string_view look : looks_) {
    for (std::size_t at = Find(*text, look); at != std::string::npos;) {
      text->replace(at, look.size(), look.size(), '*');
      found = true;
      at = text->find(look, at + look.size());
    }
  }
  if (text->find('%') == std::string::npos && text->find('\\') == std::string::npos &&
      text->find('&') == std::string::npos) {
    return found;
  }
  for (const SecretPtr& key : keys_) {
    for (std::size_t at = 0; at < text->size(); ++at) {
      const std::size_t size = StandsFor(key->Reveal(), std::string_view(*text).substr(at));
      if (size == 0) continue;
      text->replace(at, size, size, '*');
      found = true;
      at += size - 1;
    }
  }
  return found;
}

void RedactStream::Pass(Pieces* pieces, bool last) {
  if (!held_.empty()) {
    released_.swap(held_);
    held_.clear();
    std::copy_backward(pieces->part.begin(), pieces->part.begin() + pieces->count,
                       pieces->part.begin() + pieces->count + 1);
    pieces->part[0] = released_;
    ++pieces->count;
    pieces->bytes += released_.size();
  }
  half_ = false;
  std::size_t hold = 0;
  for (const std::string_view look : keys_.looks()) {
    const std::size_t start = MaskAll(look, pieces);
    hold = std::max(hold, start);
    if (start * 2 < look.size()) continue;
    half_ = true;
    if (last) StarsBack(*pieces, pieces->count - 1, pieces->part[pieces->count - 1].size(), start);
  }
  if (last) return;
  while (hold > 0) {
    std::string_view& end = pieces->part[pieces->count - 1];
    const std::size_t here = std::min(hold, end.size());
    held_.insert(0, end.substr(end.size() - here));
    end.remove_suffix(here);
    pieces->bytes -= here;
    hold -= here;
    if (end.empty()) --pieces->count;
  }
}

std::size_t RedactStream::MaskAll(std::string_view look, Pieces* pieces) {
  std::size_t start = 0;  // bytes of the look that end what has been searched
  for (std::size_t i = 0; i < pieces->count; ++i) {
    std::string_view rest = pieces->part[i];
    std::string border;
    if (start > 0) {
      border.assign(look.substr(0, start)).append(rest.substr(0, look.size() - 1));
      const std::size_t at = border.find(look);
      if (at < start) {
        const std::size_t end = at + look.size() - start;
        StarsBack(*pieces, i, end, look.size());
        rest.remove_prefix(end);
        found_ = true;
        start = 0;
      }
    }
    for (std::size_t at = Find(rest, look); at != std::string_view::npos; at = Find(rest, look)) {
      Stars(rest.substr(at, look.size()));
      rest.remove_prefix(at + look.size());
      found_ = true;
      start = 0;
    }
    if (start == 0 || rest.size() >= look.size() - 1) {
      start = StartAtEnd(rest, look);
    } else {
      start = StartAtEnd(border, look);
    }
  }
  return start;
}

}  // namespace keypool::proxy
