// Requests that wait for a key: served when one is free, and told at once when it would be in vain.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/harness/admin_calls.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/proc.h"

namespace keypool::itest {
namespace {

using fake::FaultKind;
using fake::FaultOf;
using testing::HasSubstr;

class Waiting : public testing::Test {
 protected:
  // One project. A bare 429 lets it rest for two seconds, and then it takes one request at a time.
  void Start(const std::string& max_wait) {
    ClusterOptions options{.keys = TestKeys(1)};
    options.proxies = 2;
    options.proxy = {{"MAX_WAIT_SECONDS", max_wait}};
    cluster_ = Cluster::Start(options).value();
  }
  std::int64_t Charged() const {
    const auto status = AdminCalls(cluster_->keyd_address()).Status();
    return status.ok() ? status->keys.at(0).buckets.at(0).per_day.used : -1;
  }

  std::unique_ptr<Cluster> cluster_;
};

TEST_F(Waiting, EveryClientIsServedInTheEnd) {
  Start("60");
  cluster_->fake().AddFault(FaultOf(FaultKind::k429Bare));
  std::vector<int> statuses(10);
  std::vector<std::thread> clients;
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    clients.emplace_back(
        [&, i] { statuses[i] = Fetch(cluster_->proxy_port(i % 2), GenerateContent()).status; });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_THAT(statuses, testing::Each(200));
  EXPECT_EQ(cluster_->fake().Counts().requests, statuses.size() + 1);
}

TEST_F(Waiting, AClientThatLeavesCostsNothing) {
  Start("60");
  cluster_->fake().AddFault(FaultOf(FaultKind::k429Bare));
  {
    RawConnection leaves(cluster_->proxy_port(0));
    ASSERT_TRUE(leaves.Send(GenerateContent()));
    // It has failed once, and waits.
    ASSERT_TRUE(WaitUntil([&] { return cluster_->fake().Counts().requests == 1; }));
  }
  EXPECT_EQ(Fetch(cluster_->proxy_port(1), GenerateContent()).status, 200);
  EXPECT_EQ(cluster_->fake().Counts().requests, 2u);
  EXPECT_EQ(Charged(), 2);
}

TEST_F(Waiting, WhatIsInVainIsRefusedAtOnce) {
  Start("60");
  cluster_->fake().AddFault(FaultOf(FaultKind::k429Day));
  const Answer answer = Fetch(cluster_->proxy_port(), GenerateContent());
  EXPECT_EQ(answer.status, 429);
  EXPECT_THAT(answer.body, HasSubstr("PerDay"));
  EXPECT_EQ(cluster_->fake().Counts().requests, 1u);
}

TEST_F(Waiting, IsOffWith0) {
  Start("0");
  cluster_->fake().AddFault(FaultOf(FaultKind::k429Bare));
  const Answer answer = Fetch(cluster_->proxy_port(), GenerateContent());
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.Header("Retry-After"), "2");
}

TEST_F(Waiting, EndsWithKeyd) {
  Start("60");
  cluster_->fake().AddFault(FaultOf(FaultKind::k429Bare, -1));
  int status = 0;
  std::thread client([&] { status = Fetch(cluster_->proxy_port(), GenerateContent()).status; });
  EXPECT_TRUE(WaitUntil([&] { return cluster_->fake().Counts().requests >= 1; }));
  cluster_->KillKeyd();
  client.join();
  EXPECT_EQ(status, 503);
}

}  // namespace
}  // namespace keypool::itest
