// Tells the sockets of one thread when they are worth another try.
//
// An edge-triggered epoll set, in which a socket is registered once for its whole life: waiting
// costs no call into the kernel, where a wait of Asio's costs one each time. Asio waits for the set
// itself, so everything still runs in one event loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"

namespace keypool::proxy {

// Used by the thread of `io`, which outlives it; outlives its listeners.
class SocketEvents {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    // `events` of epoll(7): what has changed since the last time, or more.
    virtual void OnEvents(std::uint32_t events) = 0;
  };

  // Errors: RESOURCE_EXHAUSTED, no descriptor to be had.
  static absl::StatusOr<std::unique_ptr<SocketEvents>> Create(boost::asio::io_context& io);
  SocketEvents(const SocketEvents&) = delete;
  SocketEvents& operator=(const SocketEvents&) = delete;

  // Tells `listener` about `descriptor`, at first its present state, until the descriptor is
  // closed. False: it cannot be watched.
  bool Watch(int descriptor, Listener* listener);
  // Destroys `listener` when nothing can come for it any more. Its descriptor is closed already.
  void Retire(std::unique_ptr<Listener> listener);

 private:
  using Set = boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

  SocketEvents(boost::asio::io_context& io, int set) : set_(io, set) { Wait(); }
  void Wait();
  void Tell();

  Set set_;
  bool telling_ = false;
  std::vector<std::unique_ptr<Listener>> retired_;  // while telling: their events may be in hand
};

}  // namespace keypool::proxy
