// How many connections one address may have at a time.
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
class AddressCaps {
 public:
  // `connections_max` 0: no cap, and nothing is counted.
  explicit AddressCaps(std::int64_t connections_max) : connections_max_(connections_max) {}
  AddressCaps(const AddressCaps&) = delete;
  AddressCaps& operator=(const AddressCaps&) = delete;

  // A connection's place among those of its address; given back when it is destroyed.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept;
    Place& operator=(Place&& other) noexcept;
    ~Place() { Leave(); }

    // False: the address had as many as it may have.
    bool taken() const { return taken_; }

   private:
    friend class AddressCaps;
    void Leave();

    AddressCaps* caps_ = nullptr;
    std::string counted_;
    bool taken_ = false;
  };
  Place Take(std::string_view address);

 private:
  const std::int64_t connections_max_;
  Mutex mutex_;
  absl::flat_hash_map<std::string, std::int64_t> connections_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keypool::proxy
