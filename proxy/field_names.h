// The header fields that the proxy knows by name. Everything else is passed on unread. Private to
// the pure part.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace keypool::proxy {

enum class FieldName : std::uint8_t {
  kOther,
  // What frames a message.
  kHost,
  kContentLength,
  kTransferEncoding,
  // What belongs to one connection only.
  kConnection,
  kKeepAlive,
  kProxy,  // every "proxy-…"
  kTe,
  kTrailer,
  kUpgrade,
  kExpect,
  // What a client may authenticate with.
  kGoogApiKey,
  kAuthorization,
  kGoogUserProject,
  kCookie,
  // What is looked at, and passed on.
  kContentType,
  kContentEncoding,
  kMethodOverride,  // x-http-method-override
  // What is passed on with changes.
  kAcceptEncoding,
  kServerTimeout,  // x-server-timeout
  // What is dropped from answers.
  kAltSvc,
};

// `name` is a token. Names are compared without regard to case.
FieldName Identify(std::string_view name);

// Fields of one connection, which are never passed on: Connection and its kin.
constexpr bool IsHopByHop(FieldName name) {
  return name >= FieldName::kConnection && name <= FieldName::kUpgrade;
}
constexpr bool IsCredential(FieldName name) {
  return name >= FieldName::kGoogApiKey && name <= FieldName::kCookie;
}
// What a Connection field must not name: taken out on the way, it would change what the message is.
constexpr bool IsForAll(FieldName name) {
  return name != FieldName::kOther && name != FieldName::kAltSvc && !IsHopByHop(name);
}
constexpr bool IsFraming(FieldName name) {
  return name >= FieldName::kHost && name <= FieldName::kTransferEncoding;
}

namespace internal {
template <std::size_t kBytes>
std::uint64_t LowerWord(const char* p) {
  static_assert(kBytes <= 8);
  std::uint64_t word = 0;
  std::memcpy(&word, p, kBytes);
  return word | (0x2020202020202020u >> (64 - 8 * kBytes));
}
}  // namespace internal

// True when `text` is `lower` in any case. `lower` is a literal of lower-case letters, digits and
// dashes; `text` holds no control bytes. (Setting bit 5 makes a capital small, leaves digits and
// dashes alone, and turns no other byte of a token into one of these.) Compares words at a time:
// a head asks this a hundred times.
template <std::size_t N>
inline bool IsIgnoringCase(std::string_view text, const char (&lower)[N]) {
  constexpr std::size_t kSize = N - 1;
  if (text.size() != kSize) return false;
  if constexpr (kSize <= 8) {
    return internal::LowerWord<kSize>(text.data()) == internal::LowerWord<kSize>(lower);
  } else {
    static_assert(kSize <= 24);
    // The last word overlaps the one before.
    bool same = internal::LowerWord<8>(text.data()) == internal::LowerWord<8>(lower);
    if constexpr (kSize > 16) {
      same &= internal::LowerWord<8>(text.data() + 8) == internal::LowerWord<8>(lower + 8);
    }
    return same && internal::LowerWord<8>(text.data() + kSize - 8) ==
                       internal::LowerWord<8>(lower + kSize - 8);
  }
}

// Two field names, without regard to case.
bool SameName(std::string_view a, std::string_view b);

// Calls `visit(element)` for each non-empty element of a comma list, without white space around it,
// until it returns false. Returns false then.
template <class Visit>
bool ForEachElement(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view element = list.substr(0, comma);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    while (!element.empty() && (element.front() == ' ' || element.front() == '\t')) {
      element.remove_prefix(1);
    }
    while (!element.empty() && (element.back() == ' ' || element.back() == '\t')) {
      element.remove_suffix(1);
    }
    if (!element.empty() && !visit(element)) return false;
  }
  return true;
}

}  // namespace keypool::proxy
