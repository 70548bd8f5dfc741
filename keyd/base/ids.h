// Strong ids: the compiler tells a key from a lease.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace keypool {

template <class Tag, class T>
class Id {
 public:
  Id() = default;
  explicit constexpr Id(T v) : v_(std::move(v)) {}
  const T& value() const { return v_; }
  friend auto operator<=>(const Id&, const Id&) = default;
  template <class H>
  friend H AbslHashValue(H h, const Id& id) {
    return H::combine(std::move(h), id.v_);
  }

 private:
  T v_{};
};

// 1, 2, …; shown as "key_1"; never used again after the key is removed. 0 is no key.
using KeyId = Id<struct KeyIdTag, std::uint64_t>;
// Unique within one epoch. 0 is no lease.
using LeaseId = Id<struct LeaseIdTag, std::uint64_t>;
// Number of keyd's reign: one more at every start. 0 is none.
using Epoch = Id<struct EpochTag, std::uint64_t>;
// What Google meters. A declared id ("my-project-7"), or "~key_1" for a key that declares none.
using ProjectId = Id<struct ProjectIdTag, std::string>;

// "key_7".
std::string ToString(KeyId id);
// The id in "key_7"; nothing for any other text, leading zeros and overflow included.
std::optional<KeyId> ParseKeyId(std::string_view text);

// The project of a key that declares none. '~' cannot be declared, so it cannot collide.
ProjectId OwnProject(KeyId id);

inline constexpr std::size_t kProjectIdBytesMax = 128;
// True for 1 to kProjectIdBytesMax of [a-z A-Z 0-9 . _ : -], not starting with a dash.
bool IsDeclarableProject(std::string_view text);

}  // namespace keypool
