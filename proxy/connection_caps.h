// How many connections one address, or one client, may have at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "keyd/base/mutex.h"

namespace keypool::proxy {

// What counts as one address: an IPv4 address, also when it is written as IPv6, or the first 64
// bits of an IPv6 address, which one customer has all to himself. `address` is text, without a
// port; what is none counts as itself.
std::string CountedAddress(std::string_view address);

// Thread-safe. Outlives its places.
class ConnectionCaps {
 public:
  // `connections_max` 0: no cap, and nothing is counted.
  explicit ConnectionCaps(std::int64_t connections_max) : connections_max_(connections_max) {}
  ConnectionCaps(const ConnectionCaps&) = delete;
  ConnectionCaps& operator=(const ConnectionCaps&) = delete;

  // A connection's place among those of the same owner; given back when it is destroyed.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept;
    Place& operator=(Place&& other) noexcept;
    ~Place() { Leave(); }

    // False: the owner had as many as it may have.
    bool taken() const { return taken_; }

   private:
    friend class ConnectionCaps;
    void Leave();

    ConnectionCaps* caps_ = nullptr;
    std::string owner_;
    bool taken_ = false;
  };
  // `owner`: of an address, CountedAddress.
  Place Take(std::string owner);

 private:
  const std::int64_t connections_max_;
  Mutex mutex_;
  absl::flat_hash_map<std::string, std::int64_t> connections_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keypool::proxy
