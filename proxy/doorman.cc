#include "proxy/doorman.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace keypool::proxy {
namespace {

// More are closed early.
constexpr std::size_t kLeavingMax = 64;
// A request that has come already is read, up to this: closing a socket with unread bytes resets
// the connection.
constexpr int kReadsMax = 16;

void Say(int descriptor, std::string_view answer) {
  ::send(descriptor, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(descriptor, SHUT_WR);
}

void CloseRead(int descriptor) {
  std::array<char, 4096> bytes;
  for (int i = 0; i < kReadsMax; ++i) {
    if (::recv(descriptor, bytes.data(), bytes.size(), MSG_DONTWAIT) <= 0) break;
  }
  ::close(descriptor);
}

}  // namespace

Doorman::~Doorman() {
  for (const int descriptor : leaving_) CloseRead(descriptor);
  if (spare_ >= 0) ::close(spare_);
}

void Doorman::Refuse(int descriptor, std::string_view answer) {
  Say(descriptor, answer);
  leaving_.push_back(descriptor);
  if (leaving_.size() <= kLeavingMax) return;
  CloseRead(leaving_.front());
  leaving_.pop_front();
}

bool Doorman::RefuseNext(int listening, std::string_view answer) {
  // Those that are leaving have descriptors to give back.
  while (!leaving_.empty()) {
    CloseRead(leaving_.front());
    leaving_.pop_front();
  }
  if (spare_ < 0) return false;
  ::close(std::exchange(spare_, -1));
  const int descriptor = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (descriptor >= 0) {
    Say(descriptor, answer);
    CloseRead(descriptor);
  }
  TakeSpare();
  return descriptor >= 0;
}

void Doorman::Tick() {
  for (const int descriptor : leaving_) CloseRead(descriptor);
  leaving_.clear();
  TakeSpare();
}

void Doorman::TakeSpare() {
  if (spare_ < 0) spare_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

}  // namespace keypool::proxy
