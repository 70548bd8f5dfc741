// A LeaseSession against a real server over a unix socket, with an engine that does as it is told.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "keyd/client/lease_session.h"
#include "keyd/rpc/server.h"
#include "tests/fakes/engine/fake_engine.h"
#include "tests/fakes/engine/owner_loop.h"
#include "tests/fakes/keyd/fake_clock.h"
#include "tests/fakes/keyd/temp_dir.h"

namespace keypool::client {

using Results = std::vector<absl::StatusOr<AcquireResult>>;

class LeaseSessionTest : public ::testing::Test {
 protected:
  ~LeaseSessionTest() override {
    engine_.Release();  // a test that failed meanwhile must not hang
    session_ = nullptr;
  }

  void StartServer() {
    auto server = rpc::Server::Start({.listen = address_,
                                      .send_by = absl::Milliseconds(400),
                                      .lease_time_to_live = absl::Minutes(10),
                                      .threads = 1,
                                      .drain_max = absl::Milliseconds(200)},
                                     &engine_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  void OpenSession(std::size_t reports_max = 65'536, std::size_t acquires_max = 16'384) {
    session_ = LeaseSession::Open({.address = address_,
                                   .acquires_max = acquires_max,
                                   .reports_max = reports_max,
                                   .post = loop_.Poster()},
                                  clock_);
  }

  void Connect() {
    StartServer();
    OpenSession();
    ASSERT_TRUE(loop_.RunUntil([&] { return session_->Connected(); }));
  }

  std::uint64_t Acquire(const std::string& model, Results* results,
                        std::optional<ReportCommand> previous = std::nullopt) {
    AcquireOptions options;
    options.command.model = model;
    options.previous = std::move(previous);
    return session_->Acquire(std::move(options), [results](absl::StatusOr<AcquireResult> result) {
      results->push_back(std::move(result));
    });
  }

  static ReportCommand ReportOf(std::uint64_t lease) {
    ReportCommand report;
    report.lease = LeaseId(lease);
    report.epoch = Epoch(fakes::FakeEngine::kEpoch);
    report.facts.http_status = 200;
    return report;
  }

  static std::vector<std::uint64_t> LeasesOf(const std::vector<ReportCommand>& reports) {
    std::vector<std::uint64_t> leases;
    for (const ReportCommand& report : reports) leases.push_back(report.lease.value());
    return leases;
  }

  bool WaitForReports(std::size_t n) {
    return loop_.RunUntil([&] { return engine_.Reports().size() >= n; });
  }

  fakes::TempDir dir_;
  const std::string address_ = "unix:" + dir_.File("keyd.sock");
  fakes::FakeClock clock_;
  fakes::OwnerLoop loop_;
  fakes::FakeEngine engine_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<LeaseSession> session_;
};

}  // namespace keypool::client
