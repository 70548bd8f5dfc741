// A real server over a unix socket in a directory of the test's own, with a fake engine behind it.
#pragma once

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "keyd/base/clock.h"
#include "keyd/rpc/server.h"
#include "tests/fakes/engine/fake_engine.h"
#include "tests/fakes/keyd/temp_dir.h"

namespace keypool::rpc {

class ServerFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server = Server::Start(Options(), &engine_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  ServerOptions Options() const {
    ServerOptions options;
    options.listen = address_;
    options.send_by = absl::Milliseconds(400);
    options.lease_time_to_live = absl::Minutes(7);
    options.drain_max = absl::Milliseconds(200);
    return options;
  }

  std::shared_ptr<grpc::Channel> Channel() const {
    return grpc::CreateChannel(address_, grpc::InsecureChannelCredentials());
  }

  // Tries until `done`; false when that takes longer than a test may.
  static bool Eventually(const std::function<bool()>& done) {
    const MonoTime deadline = SystemClock().MonoNow() + absl::Seconds(20);
    while (!done()) {
      if (SystemClock().MonoNow() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

  fakes::TempDir dir_;
  const std::string path_ = dir_.File("keyd.sock");
  const std::string address_ = "unix:" + path_;
  fakes::FakeEngine engine_;
  std::unique_ptr<Server> server_;
};

}  // namespace keypool::rpc
