// Checks keys that Google has refused, with a call that costs nothing, so that no real request has
// to try whether they are good again. keyd says when there is one to check.
#pragma once

#include <optional>
#include <string>

#include "keyd/base/clock.h"
#include "proxy/exchange.h"
#include "proxy/lease_client.h"
#include "proxy/session.h"
#include "proxy/task.h"

namespace keypool::proxy {

// Used by the thread of its services, which outlive it.
class KeyValidator {
 public:
  explicit KeyValidator(Services& services) : services_(services) {}
  KeyValidator(const KeyValidator&) = delete;
  KeyValidator& operator=(const KeyValidator&) = delete;

  // To be called a few times a second: asks keyd now and then, and checks what it is given, one key
  // at a time.
  void Tick();

 private:
  Task<void> Run();
  Task<void> Check(client::LeaseGrant grant);

  Services& services_;
  MonoTime next_at_;
  std::optional<Task<void>> running_;
  bool done_ = true;
};

}  // namespace keypool::proxy
