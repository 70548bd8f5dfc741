#include "proxy/public_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "proxy/char_class.h"
#include "proxy/field_names.h"

namespace keypool::proxy {
namespace {

constexpr int kV4BitsBefore = 96;  // ::ffff:0:0/96

// What may stand in an address between "://" and its path.
bool IsAuthority(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return Is(kHostChar, c) || c == ':' || c == '[' || c == ']';
  });
}

// The first element of the first such field.
std::string_view First(const RequestHead& head, std::string_view name) {
  std::string_view found;
  for (const Field& field : head.fields) {
    if (!found.empty() || !SameName(field.name, name)) continue;
    ForEachElement(field.value, [&found](std::string_view element) {
      found = element;
      return false;
    });
  }
  return found;
}

}  // namespace

bool TrustedPeers::Read(std::string_view text, Bytes* bytes, bool* is_v4) {
  const std::string copy(text);
  bytes->fill(0);
  *is_v4 = ::inet_pton(AF_INET, copy.c_str(), bytes->data() + kV4BitsBefore / 8) == 1;
  if (*is_v4) {
    (*bytes)[10] = (*bytes)[11] = 0xff;
    return true;
  }
  return ::inet_pton(AF_INET6, copy.c_str(), bytes->data()) == 1;
}

absl::StatusOr<TrustedPeers> TrustedPeers::Parse(std::string_view list) {
  TrustedPeers peers;
  std::string bad;
  ForEachElement(list, [&](std::string_view element) {
    const std::size_t slash = std::min(element.find('/'), element.size());
    const std::string_view digits = element.substr(std::min(slash + 1, element.size()));
    Range range{};
    bool is_v4 = false;
    bool good = Read(element.substr(0, slash), &range.first, &is_v4);
    int bits = is_v4 ? 32 : 128;
    if (slash < element.size()) {
      const int bits_max = bits;
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
      good = good && error == std::errc() && end == digits.data() + digits.size() && bits >= 0 &&
             bits <= bits_max;
    }
    range.bits = bits + (is_v4 ? kV4BitsBefore : 0);
    if (!good) bad = element;
    peers.ranges_.push_back(range);
    return good;
  });
  if (!bad.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", bad, "\" is no address and no range; write 127.0.0.1, 10.0.0.0/8 or fd00::/8"));
  }
  return peers;
}

bool TrustedPeers::Has(std::string_view address) const {
  Bytes bytes{};
  bool is_v4 = false;
  if (ranges_.empty() || !Read(address, &bytes, &is_v4)) return false;
  return std::any_of(ranges_.begin(), ranges_.end(), [&bytes](const Range& range) {
    const auto whole = static_cast<std::size_t>(range.bits / 8);
    const int rest = range.bits % 8;
    if (!std::equal(bytes.begin(), bytes.begin() + range.bits / 8, range.first.begin())) {
      return false;
    }
    return rest == 0 || (bytes[whole] ^ range.first[whole]) >> (8 - rest) == 0;
  });
}

std::string AddressUsed(const RequestHead& head, bool tls, bool trusts_peer) {
  std::string_view scheme = tls ? "https" : "http";
  std::string_view authority = head.host;
  if (trusts_peer) {
    const std::string_view proto = First(head, "x-forwarded-proto");
    if (SameName(proto, "https")) scheme = "https";
    if (SameName(proto, "http")) scheme = "http";
    const std::string_view host = First(head, "x-forwarded-host");
    if (IsAuthority(host)) authority = host;
  }
  if (!IsAuthority(authority)) return {};
  return absl::StrCat(ToAbsl(scheme), "://", ToAbsl(authority));
}

std::string_view AuthorityIn(std::string_view url) {
  const std::size_t scheme = url.find("://");
  // One in a query or a path is of another URL.
  if (scheme == std::string_view::npos || url.find_first_of("/?#") < scheme) return {};
  url.remove_prefix(scheme + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

bool RemovePrefix(std::string_view prefix, std::string_view* target) {
  if (prefix.empty() || !target->starts_with(prefix)) return false;
  const std::string_view rest = target->substr(prefix.size());
  if (!rest.starts_with('/')) return false;
  *target = rest;
  return true;
}

}  // namespace keypool::proxy
