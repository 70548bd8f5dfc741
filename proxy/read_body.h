// Takes a request body from the client, whole, so that it can be sent more than once.
#pragma once

#include <string>

#include "keyd/base/clock.h"
#include "proxy/body.h"
#include "proxy/body_scan.h"
#include "proxy/client_connection.h"
#include "proxy/http_types.h"
#include "proxy/task.h"

namespace keypool::proxy {

enum class BodyEnd {
  kComplete,
  kTooLarge,  // more than the limit; found out before 100 Continue when it is announced
  kInvalid,   // chunks that are none
  kNoRoom,    // the disk is full
  kNoDescriptor,
  kFailed,  // the temporary file failed
  kTimeout,
  kGone,
};
struct ReadBodyResult {
  BodyEnd end = BodyEnd::kComplete;
  std::string problem;  // with kNoRoom, kNoDescriptor and kFailed: for the log
};

// Reads what `head` announces into `body`, and through `scan` when it is not null. What stands
// behind the body stays unread. The head is consumed and pinned; a small body stays where it came
// in, pinned too.
Task<ReadBodyResult> ReadBody(ClientConnection& client, const Clock& clock, const RequestHead& head,
                              const BodyLimits& limits, BodyScan* scan, Body* body);

// Says "100 Continue" when the client waits for it. Called before the first read of a body.
Task<Interrupt> InviteBody(ClientConnection& client, const RequestHead& head);

}  // namespace keypool::proxy
