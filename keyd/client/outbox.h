// What one session still has to say to keyd: acquires once, reports until keyd confirms them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "keyd/base/lease.h"
#include "keypool/v1/lease.pb.h"

namespace keypool::client {

// Not thread-safe. Pure: it only fills messages, somebody else sends them.
class Outbox {
 public:
  // `reports_max`: without a confirmation; beyond it the oldest is dropped.
  explicit Outbox(std::size_t reports_max) : reports_max_(reports_max) {}

  // REQUIRES: wire::Check(command).ok().
  void AddAcquire(std::uint64_t request_id, const AcquireCommand& command,
                  const std::optional<ReportCommand>& previous);
  void AddReport(ReportCommand report);
  // Of an acquire that was added before.
  void AddWithdrawal(std::uint64_t request_id) { withdrawals_.Add(request_id); }

  // Moves what waits into `message` (which is cleared first), reports before acquires, as much as
  // one message may hold. False when nothing waits.
  bool Fill(v1::SessionRequest* message);

  // keyd has applied every report up to this sequence of the present stream.
  void Confirm(std::uint64_t through);
  // Another stream begins: acquires are dropped, unconfirmed reports wait again.
  void Restart();
  void DropAcquires();

  bool HasAcquires() const { return !acquires_.empty(); }
  bool HasWithdrawals() const { return !withdrawals_.empty(); }
  bool HasUnsentReports() const { return sent_ < reports_.size(); }
  std::size_t Unconfirmed() const { return reports_.size(); }
  std::uint64_t Dropped() const { return dropped_; }

 private:
  void FillReports(v1::SessionRequest* message, std::size_t* bytes);
  void FillAcquires(v1::SessionRequest* message, std::size_t bytes);
  void FillWithdrawals(v1::SessionRequest* message);

  const std::size_t reports_max_;
  // Encoded, in order; waiting. Swapped with the message's own when all fit, so that both keep
  // their allocations.
  google::protobuf::RepeatedPtrField<v1::SessionRequest::Acquire> acquires_;
  std::size_t acquires_bytes_ = 0;  // more than they take
  google::protobuf::RepeatedField<std::uint64_t> withdrawals_;
  // Not confirmed, in order. The first `sent_` went out on this stream, from sequence
  // `first_sequence_` on.
  std::deque<ReportCommand> reports_;
  std::size_t sent_ = 0;
  std::uint64_t first_sequence_ = 1;
  std::uint64_t dropped_ = 0;
};

}  // namespace keypool::client
