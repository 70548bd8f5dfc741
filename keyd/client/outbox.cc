#include "keyd/client/outbox.h"

#include <algorithm>
#include <utility>

#include "keyd/wire/lease_wire.h"

namespace keypool::client {
namespace {

// Half of what keyd accepts: room for the framing, and for bounds that are estimates.
constexpr std::size_t kMessageBytes = wire::kMessageBytesMax / 2;

}  // namespace

void Outbox::AddAcquire(std::uint64_t request_id, const AcquireCommand& command,
                        const std::optional<ReportCommand>& previous) {
  v1::SessionRequest::Acquire* acquire = acquires_.Add();
  acquire->set_request_id(request_id);
  wire::Encode(command, previous, acquire->mutable_request());
  acquires_bytes_ += 16 + wire::EncodedBytesMax(command, previous);
}

void Outbox::AddReport(ReportCommand report) {
  if (reports_.size() == reports_max_) {
    reports_.pop_front();
    ++dropped_;
    // A report that was not sent has no sequence yet, and must not leave a gap.
    if (sent_ > 0) {
      --sent_;
      ++first_sequence_;
    }
  }
  reports_.push_back(std::move(report));
}

bool Outbox::Fill(v1::SessionRequest* message) {
  message->Clear();
  std::size_t bytes = 0;
  FillReports(message, &bytes);
  FillAcquires(message, bytes);
  FillWithdrawals(message);
  return message->reports_size() > 0 || message->acquires_size() > 0 ||
         message->withdrawn_request_ids_size() > 0;
}

void Outbox::FillReports(v1::SessionRequest* message, std::size_t* bytes) {
  while (sent_ < reports_.size() && message->reports_size() < wire::kSessionElementsMax) {
    const ReportCommand& report = reports_[sent_];
    *bytes += 16 + wire::EncodedBytesMax(report);
    if (*bytes > kMessageBytes && message->reports_size() > 0) return;
    v1::SessionRequest::Report* out = message->add_reports();
    out->set_sequence(first_sequence_ + sent_);
    wire::Encode(report, out->mutable_request());
    ++sent_;
  }
}

void Outbox::FillAcquires(v1::SessionRequest* message, std::size_t bytes) {
  const int room = wire::kSessionElementsMax - message->reports_size();
  if (acquires_.size() <= room && bytes + acquires_bytes_ <= kMessageBytes) {
    message->mutable_acquires()->Swap(&acquires_);
    acquires_bytes_ = 0;
    return;
  }
  int taken = 0;
  while (taken < acquires_.size() && taken < room) {
    bytes += 16 + acquires_.Get(taken).ByteSizeLong();
    if (bytes > kMessageBytes && (taken > 0 || message->reports_size() > 0)) break;
    message->add_acquires()->Swap(acquires_.Mutable(taken++));
  }
  acquires_.DeleteSubrange(0, taken);
}

// Never before the acquire that it is about.
void Outbox::FillWithdrawals(v1::SessionRequest* message) {
  if (!acquires_.empty()) return;
  const int taken = std::min(withdrawals_.size(), wire::kSessionElementsMax);
  for (int i = 0; i < taken; ++i) message->add_withdrawn_request_ids(withdrawals_.Get(i));
  withdrawals_.ExtractSubrange(0, taken, nullptr);
}

void Outbox::Confirm(std::uint64_t through) {
  while (sent_ > 0 && first_sequence_ <= through) {
    reports_.pop_front();
    --sent_;
    ++first_sequence_;
  }
}

void Outbox::Restart() {
  DropAcquires();
  sent_ = 0;
  first_sequence_ = 1;
}

void Outbox::DropAcquires() {
  acquires_.Clear();
  acquires_bytes_ = 0;
  withdrawals_.Clear();
}

}  // namespace keypool::client
