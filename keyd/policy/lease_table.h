// The leases of this reign: open, then settled once, or expired and known a while longer.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "keyd/base/clock.h"
#include "keyd/base/ids.h"
#include "keyd/policy/bucket.h"

namespace keypool::policy {

struct Lease {
  LeaseId id;
  KeyId key;
  Bucket* bucket = nullptr;
  // Absent when nothing was charged.
  std::optional<ChargeTicket> charge;
  std::int64_t estimated_tokens = 0;  // as the proxy told them
  MonoTime granted_at;
  bool validation = false;   // a check of the key
  std::uint64_t client = 0;  // Client::serial; 0: nobody's
};

// Open leases and expired ones, together at most `max`. All times to live are equal, so the order
// of grants is the order of expiry. Not thread-safe.
class LeaseTable {
 public:
  struct Options {
    absl::Duration time_to_live;
    absl::Duration late_grace;
    std::size_t max = 0;
  };
  explicit LeaseTable(const Options& options) : options_(options) {}

  // True when Grant may be called. When the table is full of expired leases, the oldest is dropped
  // into `*forgotten`: it stays counted, only its late report is no longer known.
  bool MakeRoom(std::optional<Lease>* forgotten);
  // Ids count from 1. Requires room.
  LeaseId Grant(Lease lease, MonoTime now);

  struct Ended {
    Lease lease;
    bool late = false;
  };
  // Takes the lease out: it ends here and never again. Nothing when it ended before, was forgotten,
  // or never was.
  std::optional<Ended> End(LeaseId id, MonoTime now);

  // One step of time: the oldest open lease expires, or the oldest expired one is forgotten and
  // handed out. `progressed` is false when nothing is due.
  struct Step {
    bool progressed = false;
    std::optional<Lease> forgotten;
  };
  Step ExpireOne(MonoTime now);

  std::size_t open() const { return open_.size; }
  std::size_t late() const { return late_.size; }
  // When the oldest open lease expires and could make room; Max when none is open.
  MonoTime NextExpiry() const;

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Entry {
    Lease lease;
    std::uint32_t previous = kNone, next = kNone;
    bool expired = false;
  };
  struct List {
    std::uint32_t front = kNone, back = kNone;
    std::size_t size = 0;
  };
  void Append(List& list, std::uint32_t at);
  void Unlink(List& list, std::uint32_t at);
  Lease Take(std::uint32_t at);
  MonoTime ExpiresAt(const Entry& e) const { return e.lease.granted_at + options_.time_to_live; }
  MonoTime ForgottenAt(const Entry& e) const { return ExpiresAt(e) + options_.late_grace; }

  Options options_;
  std::uint64_t last_id_ = 0;
  std::deque<Entry> entries_;  // a deque grows without moving what is there: no call pays for all
  std::uint32_t free_ = kNone;
  List open_, late_;
  absl::flat_hash_map<std::uint64_t, std::uint32_t> by_id_;
};

}  // namespace keypool::policy
