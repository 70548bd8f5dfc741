#include "proxy/socket_events.h"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace keypool::proxy {
namespace {

// Others in the loop get their turn after this many.
constexpr int kEventsMax = 128;

}  // namespace

absl::StatusOr<std::unique_ptr<SocketEvents>> SocketEvents::Create(boost::asio::io_context& io) {
  const int set = ::epoll_create1(EPOLL_CLOEXEC);
  if (set < 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("sockets cannot be watched: ", std::generic_category().message(errno)));
  }
  return std::unique_ptr<SocketEvents>(new SocketEvents(io, set));
}

bool SocketEvents::Watch(int descriptor, Listener* listener) {
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = listener;
  return ::epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void SocketEvents::Retire(std::unique_ptr<Listener> listener) {
  if (telling_) retired_.push_back(std::move(listener));
}

void SocketEvents::Wait() {
  set_.async_wait(Set::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    Tell();
    Wait();
  });
}

void SocketEvents::Tell() {
  std::array<epoll_event, kEventsMax> events;
  const int count = ::epoll_wait(set_.native_handle(), events.data(), kEventsMax, 0);
  telling_ = true;
  for (int i = 0; i < count; ++i) {
    static_cast<Listener*>(events[static_cast<std::size_t>(i)].data.ptr)
        ->OnEvents(events[static_cast<std::size_t>(i)].events);
  }
  telling_ = false;
  retired_.clear();
}

}  // namespace keypool::proxy
