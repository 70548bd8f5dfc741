#include "proxy/socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace keypool::proxy {
namespace {

class SocketTest : public testing::Test {
 protected:
  SocketTest() {
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    auto events = SocketEvents::Create(io_);
    EXPECT_TRUE(events.ok());
    events_ = *std::move(events);
    socket_ = Socket(*events_, pair[0], &wakeup_);
    peer_ = pair[1];
    Settle();
  }
  ~SocketTest() override {
    socket_.Close();
    if (peer_ >= 0) ::close(peer_);
  }
  // Everything that has happened is told.
  void Settle() {
    while (io_.poll() > 0) continue;
  }
  void Send(std::string_view text) {
    ASSERT_EQ(::send(peer_, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  IoResult Read(std::size_t size) { return socket_.Read(buffer_.data(), size); }

  boost::asio::io_context io_{1};
  std::unique_ptr<SocketEvents> events_;
  Wakeup wakeup_;
  Socket socket_;
  int peer_ = -1;
  std::array<char, 1024> buffer_;
};

TEST_F(SocketTest, WaitEndsWhenBytesCome) {
  socket_.ArmRead();
  EXPECT_TRUE(socket_.ReadArmed());
  Send("abc");
  Settle();
  EXPECT_FALSE(socket_.ReadArmed());
  EXPECT_EQ(Read(100).bytes, 3u);
}

TEST_F(SocketTest, BytesThatCameBeforeTheWaitEndIt) {
  Send("abc");
  Settle();
  socket_.ArmRead();
  EXPECT_FALSE(socket_.ReadArmed());
}

TEST_F(SocketTest, ReadThatLeavesSomethingLetsNobodyWait) {
  Send("abcdef");
  Settle();
  EXPECT_EQ(Read(3).bytes, 3u);
  socket_.ArmRead();
  EXPECT_FALSE(socket_.ReadArmed());
  EXPECT_EQ(Read(3).bytes, 3u);
  EXPECT_EQ(Read(3).status, IoStatus::kWantRead);
  socket_.ArmRead();
  EXPECT_TRUE(socket_.ReadArmed());
}

TEST_F(SocketTest, EndRightBehindTheBytesIsNotMissed) {
  Send("abc");
  ::close(std::exchange(peer_, -1));
  Settle();
  EXPECT_EQ(Read(100).bytes, 3u);
  socket_.ArmRead();
  EXPECT_FALSE(socket_.ReadArmed());
  EXPECT_EQ(Read(100).status, IoStatus::kEnd);
}

TEST_F(SocketTest, EndAfterTheBytesEndsTheWait) {
  Send("abc");
  Settle();
  EXPECT_EQ(Read(100).bytes, 3u);
  socket_.ArmRead();
  ASSERT_TRUE(socket_.ReadArmed());
  ::shutdown(peer_, SHUT_WR);
  Settle();
  EXPECT_FALSE(socket_.ReadArmed());
  EXPECT_EQ(Read(100).status, IoStatus::kEnd);
}

TEST_F(SocketTest, OneEventServesTheNextReaderToo) {
  socket_.ArmRead();
  Send("abc");
  Settle();
  EXPECT_EQ(Read(100).bytes, 3u);
  socket_.ArmRead();
  EXPECT_TRUE(socket_.ReadArmed());
  Send("def");
  Settle();
  EXPECT_FALSE(socket_.ReadArmed());
}

TEST_F(SocketTest, MayBeReadableIsCertainAboutNothing) {
  EXPECT_FALSE(socket_.MayBeReadable());
  Send("abc");
  Settle();
  EXPECT_TRUE(socket_.MayBeReadable());
  Read(100);
  EXPECT_FALSE(socket_.MayBeReadable());
}

TEST_F(SocketTest, WaitToWriteEndsWhenThereIsRoom) {
  std::string block(64 * 1024, 'x');
  iovec part = {block.data(), block.size()};
  IoResult result;
  do {
    result = socket_.Write(std::span<const iovec>(&part, 1));
  } while (result.status == IoStatus::kDone);
  ASSERT_EQ(result.status, IoStatus::kWantWrite);
  Settle();
  socket_.ArmWrite();
  EXPECT_TRUE(socket_.WriteArmed());
  while (::recv(peer_, block.data(), block.size(), 0) > 0) continue;
  Settle();
  EXPECT_FALSE(socket_.WriteArmed());
}

// What the first event of a batch sets off may close the socket of the second.
TEST_F(SocketTest, SocketClosedWhileItsEventIsInHandIsLeftAlone) {
  struct Closer : SocketEvents::Listener {
    void OnEvents(std::uint32_t) override { victim->Close(); }
    Socket* victim = nullptr;
  };
  int first[2], second[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, first), 0);
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, second), 0);
  Closer closer;
  Wakeup wakeup;
  ASSERT_TRUE(events_->Watch(first[0], &closer));
  Socket victim(*events_, second[0], &wakeup);
  closer.victim = &victim;
  ASSERT_EQ(::send(second[1], "x", 1, 0), 1);
  Settle();
  EXPECT_FALSE(victim.IsOpen());
  for (const int fd : {first[0], first[1], second[1]}) ::close(fd);
}

}  // namespace
}  // namespace keypool::proxy
