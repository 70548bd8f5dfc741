// An API key in memory: cannot be printed, is wiped when freed, is compared in constant time.
#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace keypool {

// Move-only; immutable after construction, so const access is thread-safe.
// Wiping is best effort: gRPC, socket and SQLite buffers keep copies of their own.
class Secret {
 public:
  // A vector, not a string: a moved-from short string keeps its bytes.
  explicit Secret(std::string_view v) : v_(v.begin(), v.end()) {}
  Secret(Secret&&) noexcept = default;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  // The bytes themselves. Allowed in the few files that tests/lint counts: putting the key into a
  // request head, the wire encoder, the store codec.
  std::string_view Reveal() const { return {v_.data(), v_.size()}; }

  // "AIza…wxyz"; only "…" when it is too short to show eight bytes of it safely (under 16).
  std::string Masked() const;

  friend bool operator==(const Secret& a, const Secret& b);
  friend std::ostream& operator<<(std::ostream&, const Secret&) = delete;

 private:
  void Wipe() noexcept;
  std::vector<char> v_;
};

// A grant carries its key to other threads while the pool may drop it: shared, never changed.
using SecretPtr = std::shared_ptr<const Secret>;

}  // namespace keypool
