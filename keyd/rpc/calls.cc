#include "keyd/rpc/calls.h"

namespace keypool::rpc {

Calls::Membership::Membership(Calls* calls, Endless* endless) : calls_(calls), endless_(endless) {
  MutexLock lock(&calls_->mutex_);
  ++calls_->count_;
  if (endless_ != nullptr) calls_->endless_.insert(endless_);
}

Calls::Membership::~Membership() {
  MutexLock lock(&calls_->mutex_);
  if (endless_ != nullptr) calls_->endless_.erase(endless_);
  if (--calls_->count_ == 0) calls_->none_.NotifyAll();
}

void Calls::DrainAll() {
  MutexLock lock(&mutex_);
  draining_ = true;
  for (Endless* call : endless_) call->Drain();
}

bool Calls::draining() const {
  MutexLock lock(&mutex_);
  return draining_;
}

void Calls::WaitForNone() {
  MutexLock lock(&mutex_);
  while (count_ > 0) none_.Wait(&mutex_);
}

}  // namespace keypool::rpc
