// All that a session knows of a request while it runs. For session.cc and session_end.cc only.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "keyd/base/clock.h"
#include "keyd/base/lease.h"
#include "proxy/body.h"
#include "proxy/exchange.h"
#include "proxy/http_types.h"
#include "proxy/lease_guard.h"
#include "proxy/pooled_list.h"
#include "proxy/request_plan.h"
#include "proxy/session.h"

namespace keypool::proxy {

// The lease is declared last: it is settled first.
struct Session::Request {
  explicit Request(const Services& services)
      : started(services.clock.MonoNow()), body(services.config.body) {}

  MonoTime started;
  RequestHead head;
  Plan plan;
  Body body;
  bool keep_alive = false;
  bool body_taken = false;  // everything that the client owes has been read

  bool counted = false;  // among those that a part of may be tried again
  // What keyd is asked for, the report that goes along, and the attempt that it is about.
  AcquireCommand command;
  std::optional<ReportCommand> previous;
  std::optional<Exchange> exchange;
  bool answered = false;                  // … and it has an answer
  std::optional<PooledList> list;         // put together of several answers
  bool on_way = false;                    // the target has the prefix of the upstream
  int attempts = 0;                       // requests that were sent upstream
  std::optional<MonoTime> patient_until;  // set when it had to wait for a key
  int lates = 0;
  bool error_inside = false;      // an answer of 200 told of an error
  bool answer_is_honest = false;  // the last answer says more to the caller than we could
  bool retrying = false;          // the next lease is for another try of the same request
  bool fresh_connection = false;

  // For the log line.
  LeaseId lease_id;
  KeyId key;
  ProjectId project;
  int status = 0;  // that the client got
  std::uint64_t payload_bytes = 0;
  std::uint64_t streamed_bytes = 0;
  std::string_view outcome;  // empty: there was no request

  LeaseGuard lease;
};

}  // namespace keypool::proxy
