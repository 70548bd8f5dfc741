#include "proxy/live_handles.h"

#include <utility>

#include "proxy/resource_names.h"

namespace keypool::proxy {
namespace {

// As long as Google takes a handle at most.
constexpr absl::Duration kHandleLifetime = absl::Hours(24);

}  // namespace

bool LiveHandles::Tell(LiveScan* answers) {
  if (telling_ != nullptr && telling_->Done()) telling_.reset();
  if (gap_.Expired()) {
    gap_.Disarm();
    resting_ = false;
  }
  if (telling_ == nullptr && !resting_ && !answers->handles().empty()) {
    ReportCommand report = lease_.Meanwhile(HandleNotes(answers->TakeHandles()));
    telling_ = std::make_unique<ConfirmWait>(leases_, std::move(report), kConfirmMax, &wakeup_);
    wheel_.Arm(&gap_, kGap);
    resting_ = true;
  }
  return telling_ == nullptr;
}

std::vector<ResourceNote> HandleNotes(const std::vector<std::string>& handles) {
  std::vector<ResourceNote> notes;
  for (const std::string& handle : handles) {
    notes.push_back({LiveResource(handle), kHandleLifetime});
  }
  return notes;
}

}  // namespace keypool::proxy
