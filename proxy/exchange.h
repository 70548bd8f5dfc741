// One request and its answer on one upstream connection.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "keyd/base/clock.h"
#include "proxy/body.h"
#include "proxy/buffer_pool.h"
#include "proxy/client_connection.h"
#include "proxy/headers.h"
#include "proxy/http_types.h"
#include "proxy/lease_guard.h"
#include "proxy/request_plan.h"
#include "proxy/task.h"
#include "proxy/upstream_answer.h"
#include "proxy/upstream_pool.h"

namespace keypool::proxy {

enum class ExchangeEnd {
  kAnswered,      // the final head is there; the payload may still come
  kLate,          // the lease must not be used any more; nothing was sent
  kNoConnection,  // nothing was sent
  kNoDescriptor,  // the same, because the process has no descriptor left
  kBroken,        // (some of) the request was sent, and no answer came
  kSilent,        // no answer in time
  kBadAnswer,     // what came is not HTTP that can be trusted
  kBadBody,       // streamed only: the client's chunks are none
  kBodyTimeout,   // streamed only: the client stopped sending
  kSpoolFailed,   // the temporary file cannot be read
  kClientGone,
};

// What is sent. Everything outlives the exchange.
struct Outgoing {
  const RequestHead& head;
  const Plan& plan;
  std::string_view upstream_host;
  const Body& body;  // when plan.body is kKeep
  std::string_view server_timeout = {};
};

// Used by one thread and one coroutine.
class Exchange {
 public:
  struct Surroundings {
    ClientConnection& client;
    UpstreamPool& pool;
    BufferPool& buffers;
    const Clock& clock;
    absl::Duration timeout;  // of silence
  };
  explicit Exchange(const Surroundings& around) : around_(around), answer_(around.buffers) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Finds a connection, checks that `lease` may still be used, sends, and waits for the head of the
  // answer. A kept-alive connection that turns out to be dead before anything was sent is replaced
  // by a new one. With `fresh` no kept-alive connection is used. With KeyPlace::kNone there is no
  // lease, and nothing to check.
  Task<ExchangeEnd> Run(const Outgoing& out, bool fresh, LeaseGuard* lease);

  UpstreamAnswer& answer() { return answer_; }
  // After kAnswered, until Finish.
  UpstreamConnection& connection() { return *connection_; }
  // How long upstream may be silent.
  absl::Duration timeout() const { return around_.timeout; }
  // Waits for more of the payload, until the client's deadline. kDone, kEnd or kFailed, or why it
  // was interrupted.
  struct More {
    IoStatus status = IoStatus::kDone;
    Interrupt interrupt = Interrupt::kNone;
  };
  Task<More> AwaitPayload();
  // One read without waiting.
  IoStatus TryPayload() { return answer_.Fill(*connection_); }
  // The answer has come whole: the connection goes back to the pool if it can be used again.
  void Finish();

  // The end kBroken could be the fault of a connection that upstream had just closed: no byte of an
  // answer came on a connection that had been used before.
  bool MayHaveBeenStale() const { return reused_ && !answer_.Begun(); }
  // Part of a streamed body was not taken from the client.
  bool BodyLeftUnread() const { return body_left_unread_; }
  // Payload of a streamed body that was sent.
  std::uint64_t streamed_bytes() const { return streamed_bytes_; }
  // For kNoConnection, kSilent and kSpoolFailed: what was wrong, for people.
  const std::string& problem() const { return problem_; }

 private:
  enum class SendEnd {
    kSent,
    kNothingSent,  // the connection was dead from the start
    kAnswered,     // upstream has answered before it had everything
    kBroken,
    kSilent,
    kBadAnswer,
    kBadBody,
    kBodyTimeout,
    kSpoolFailed,
    kClientGone,
  };
  enum class Step { kMore, kAnswered, kBadAnswer, kBroken };

  Task<ExchangeEnd> OpenConnection(bool fresh);
  Task<SendEnd> Send(const Outgoing& out, std::string_view head);
  Task<SendEnd> SendParts(std::span<iovec> parts);
  Task<SendEnd> SendSpooled(const Outgoing& out, std::string_view head);
  Task<SendEnd> SendStreamed(const Outgoing& out, std::string_view head);
  // Of a streamed body: kSent when there are some. Ends early with an answer.
  Task<SendEnd> AwaitClientBytes(BodyPace* pace);
  Task<SendEnd> AwaitEither();
  Task<ExchangeEnd> AwaitHead();
  Step ReadHead();
  static OutBody Framed(const Outgoing& out);

  Surroundings around_;
  UpstreamPool::Connection connection_;
  UpstreamAnswer answer_;
  std::string_view method_;
  std::string problem_;
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t streamed_bytes_ = 0;
  bool reused_ = false;
  bool body_left_unread_ = false;
  bool whole_request_sent_ = false;
};

}  // namespace keypool::proxy
