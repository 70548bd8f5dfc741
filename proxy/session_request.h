// All that a session knows of a request while it runs. For session.cc, session_end.cc and
// session_live.cc only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "keyd/base/clock.h"
#include "keyd/base/lease.h"
#include "proxy/body.h"
#include "proxy/exchange.h"
#include "proxy/http_types.h"
#include "proxy/lease_guard.h"
#include "proxy/pooled_list.h"
#include "proxy/redact.h"
#include "proxy/request_plan.h"
#include "proxy/session.h"
#include "proxy/upload_urls.h"

namespace keypool::proxy {

// The lease is declared last: it is settled first.
struct Session::Request {
  explicit Request(const Services& services)
      : started(services.clock.MonoNow()), body(services.config.body, &services.body_memory) {}

  MonoTime started;
  RequestHead head;
  Plan plan;
  Body body;
  bool keep_alive = false;
  bool body_taken = false;  // everything that the client owes has been read

  std::string cors_fields;  // for the page that the request comes from
  // How long Google may take for it, if the client says so, and until when that is.
  std::optional<absl::Duration> time_given;
  MonoTime due;

  bool counted = false;  // among those that a part of may be tried again
  // What keyd is asked for, the report that goes along, and the attempt that it is about.
  AcquireCommand command;
  std::optional<ReportCommand> previous;
  Redactor keys;               // of all attempts
  std::string server_timeout;  // what upstream is told of the time that is left
  std::optional<Exchange> exchange;
  bool answered = false;                  // … and it has an answer
  std::optional<PooledList> list;         // put together of several answers
  bool on_way = false;                    // the target has the prefix of the upstream
  Exchange* walked = nullptr;             // the one with the answer, when other projects were asked
  std::vector<ProjectId> walked_through;  // in this order
  int attempts = 0;                       // requests that were sent upstream
  std::optional<MonoTime> patient_until;  // set when it had to wait for a key
  int lates = 0;
  bool error_inside = false;      // an answer of 200 told of an error
  bool answer_is_honest = false;  // the last answer says more to the caller than we could
  bool retrying = false;          // the next lease is for another try of the same request
  bool fresh_connection = false;

  // Where the client goes on with an upload.
  std::string public_base;
  UrlRewrite upload_urls = {};
  // Of a Live session: what the client was told that upstream agrees to, and the key of the
  // connection to it.
  std::string live_agreement;
  KeyId live_key;
  bool live_refusal_stands = false;  // upstream has closed it, and the client is to see that

  // For the log line.
  LeaseId lease_id;
  KeyId key;
  ProjectId project;
  int status = 0;  // that the client got
  std::uint64_t payload_bytes = 0;
  std::uint64_t streamed_bytes = 0;
  std::string_view outcome;  // empty: there was no request
  std::string live_target;   // of the head, when that is gone

  LeaseGuard lease;

  Exchange& Answering() { return walked != nullptr ? *walked : *exchange; }
};

}  // namespace keypool::proxy
