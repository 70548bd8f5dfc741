// The socket file, health and reflection.
#include "keyd/rpc/server.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>

#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/unit/keyd/rpc/server_fixture.h"

namespace keypool::rpc {
namespace {

using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;
using ::testing::HasSubstr;

class ServerTest : public ServerFixture {
 protected:
  grpc::Status Check(const std::string& service, HealthCheckResponse* response) {
    const auto stub = grpc::health::v1::Health::NewStub(Channel());
    HealthCheckRequest request;
    request.set_service(service);
    grpc::ClientContext context;
    return stub->Check(&context, request, response);
  }

  // A socket file that nobody listens on, as a killed keyd leaves it.
  static void LeaveSocket(const std::string& path) {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    close(fd);
  }

  std::string Refusal(const std::string& listen) {
    ServerOptions options = Options();
    options.listen = listen;
    const auto server = Server::Start(options, &engine_);
    return server.ok() ? "started" : std::string(server.status().message());
  }
};

TEST_F(ServerTest, SocketIsForItsOwnerOnly) {
  struct stat info = {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(ServerTest, SecondServerOnTheSamePathIsRefused) {
  EXPECT_THAT(Refusal(address_), HasSubstr("another keyd listens there"));
  HealthCheckResponse response;
  EXPECT_TRUE(Check("", &response).ok()) << "the first one still serves";
}

TEST_F(ServerTest, SocketOfAKilledKeydIsReplaced) {
  const std::string path = dir_.File("old.sock");
  LeaveSocket(path);
  EXPECT_EQ(Refusal("unix:" + path), "started");
}

TEST_F(ServerTest, WhatCannotBeListenedOnIsRefusedWithTheSettingAndTheReason) {
  const std::string file = dir_.File("file");
  std::ofstream(file) << "precious";
  EXPECT_THAT(Refusal("unix:" + file), HasSubstr("something else than a socket"));
  EXPECT_THAT(Refusal("unix:" + dir_.File("no/such/dir.sock")), HasSubstr("directory"));
  EXPECT_THAT(Refusal("127.0.0.1:9000"), HasSubstr("is not a unix socket"));
  EXPECT_THAT(Refusal("unix:/" + std::string(200, 'p')), HasSubstr("107"));
  std::string content;
  std::ifstream(file) >> content;
  EXPECT_EQ(content, "precious");
}

TEST_F(ServerTest, StoppedServerLeavesNoSocketBehind) {
  server_->Stop();
  struct stat info = {};
  EXPECT_NE(stat(path_.c_str(), &info), 0);
}

TEST_F(ServerTest, HealthFollowsTheEngine) {
  HealthCheckResponse response;
  for (const char* service : {"", "keypool.v1.Lease", "keypool.v1.Admin"}) {
    ASSERT_TRUE(Check(service, &response).ok());
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING) << service;
  }
  EXPECT_EQ(Check("unknown", &response).error_code(), grpc::StatusCode::NOT_FOUND);
  engine_.BecomeUnhealthy(absl::UnavailableError("the disk is full"));
  ASSERT_TRUE(Check("", &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  ASSERT_TRUE(Check("keypool.v1.Admin", &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING) << "the status can still be asked for";
}

TEST_F(ServerTest, HealthWatchTellsTheFlip) {
  const auto stub = grpc::health::v1::Health::NewStub(Channel());
  grpc::ClientContext context;
  const auto reader = stub->Watch(&context, {});
  HealthCheckResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  engine_.BecomeUnhealthy(absl::UnavailableError("the disk is full"));
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  context.TryCancel();
}

// The reflection protocol's own messages are not installed: a list_services request is field 7, and
// the answer names the services as text.
TEST_F(ServerTest, ReflectionListsEveryService) {
  grpc::GenericStub stub(Channel());
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto next = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  call->StartCall(nullptr);
  ASSERT_TRUE(next());
  const grpc::Slice request("\x3a\x01*", 3);
  call->Write(grpc::ByteBuffer(&request, 1), nullptr);
  ASSERT_TRUE(next());
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  ASSERT_TRUE(next());
  grpc::Slice slice;
  ASSERT_TRUE(answer.DumpToSingleSlice(&slice).ok());
  const std::string text(reinterpret_cast<const char*>(slice.begin()), slice.size());
  for (const char* name : {"keypool.v1.Lease", "keypool.v1.Admin", "grpc.health.v1.Health"}) {
    EXPECT_THAT(text, HasSubstr(name));
  }
  context.TryCancel();
  queue.Shutdown();
  while (next()) {
  }
}

}  // namespace
}  // namespace keypool::rpc
