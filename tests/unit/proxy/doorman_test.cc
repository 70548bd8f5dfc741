#include "proxy/doorman.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace keypool::proxy {
namespace {

class DoormanTest : public testing::Test {
 protected:
  DoormanTest() {
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address_);
    auto* const address = reinterpret_cast<sockaddr*>(&address_);
    EXPECT_EQ(::bind(listening_, address, size), 0);
    EXPECT_EQ(::listen(listening_, 128), 0);
    EXPECT_EQ(::getsockname(listening_, address, &size), 0);
  }
  ~DoormanTest() override {
    ::close(listening_);
    for (const int client : clients_) ::close(client);
  }

  int Connect() {
    const int client = ::socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address_), sizeof(address_)), 0);
    clients_.push_back(client);
    return client;
  }

  // Until the end. Blocks.
  static std::string ReadAll(int client) {
    std::string all;
    char piece[256];
    for (ssize_t n; (n = ::recv(client, piece, sizeof(piece), 0)) > 0;) {
      all.append(piece, static_cast<std::size_t>(n));
    }
    return all;
  }

  int listening_ = -1;
  sockaddr_in address_ = {};
  std::vector<int> clients_;
};

TEST_F(DoormanTest, ClientIsRefusedThenItGetsTheAnswerAndTheEnd) {
  Doorman doorman;
  const int client = Connect();
  doorman.Refuse(::accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK), "no");
  // It had begun to speak: that must not destroy the answer.
  EXPECT_EQ(::send(client, "GET", 3, MSG_NOSIGNAL), 3);
  EXPECT_EQ(ReadAll(client), "no");
  doorman.Tick();
}

TEST_F(DoormanTest, ManyAreRefusedThenNotAllAreKept) {
  Doorman doorman;
  for (int i = 0; i < 1000; ++i) {
    const int client = Connect();
    const int accepted = ::accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK);
    ASSERT_LT(accepted, 300);
    doorman.Refuse(accepted, "no");
    EXPECT_EQ(ReadAll(client), "no");
    ::close(client);
    clients_.pop_back();
  }
}

TEST_F(DoormanTest, NoDescriptorIsLeftThenTheReserveRefusesOneAfterTheOther) {
  Doorman doorman;
  const int first = Connect(), second = Connect();
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = ::dup(listening_);
  ::close(next);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  ASSERT_EQ(::accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK), -1);
  EXPECT_TRUE(doorman.RefuseNext(listening_, "full"));
  EXPECT_TRUE(doorman.RefuseNext(listening_, "full"));
  EXPECT_FALSE(doorman.RefuseNext(listening_, "full"));  // nobody is there
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(ReadAll(first), "full");
  EXPECT_EQ(ReadAll(second), "full");
}

}  // namespace
}  // namespace keypool::proxy
