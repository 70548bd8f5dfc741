// Several proxies and many clients at once: no project is ever asked for more than it has.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "keyd/base/clock.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/load.h"
#include "tests/integration/harness/proc.h"

namespace keypool::itest {
namespace {

constexpr int kProjects = 20;
constexpr int kPerMinute = 10;
constexpr std::size_t kProxies = 4;
constexpr int kClients = 64;  // of each proxy
// A window of keyd's: a minute, and the time in which a granted request may still arrive.
constexpr double kWindowSeconds = 60.6;

// Long enough for a window to pass and the next one to be filled; KEYPOOL_FLEET_SECONDS for longer.
int Seconds() {
  const char* text = std::getenv("KEYPOOL_FLEET_SECONDS");
  return text == nullptr ? 70 : std::atoi(text);
}

TEST(Fleet, NeverAsksForMoreThanAnyLimitAndUsesWhatThereIs) {
  ClusterOptions options{.keys = TestKeys(kProjects)};
  options.proxies = kProxies;
  options.fake_limit = {kPerMinute, 1'000'000};
  options.keyd = {{"DEFAULT_RPM_LIMIT", std::to_string(kPerMinute)}};
  options.proxy = {{"MAX_WAIT_SECONDS", "10"}};
  auto cluster = Cluster::Start(options).value();
  const int seconds = Seconds();

  const MonoTime start = SystemClock().MonoNow();
  const MonoTime end = start + absl::Seconds(seconds);
  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < kProxies; ++i) ports.push_back(cluster->proxy_port(i));
  Load load({.ports = ports,
             .clients = static_cast<int>(kProxies) * kClients,
             .request = GenerateContent(),
             .wait_max = absl::Milliseconds(200)});
  // Ends early only when something is wrong already.
  WaitUntil([&] { return SystemClock().MonoNow() >= end || cluster->fake().Counts().refused > 0; },
            absl::Seconds(seconds + 1));
  const Tally tally = load.Stop();
  // Those who waited in the end were served meanwhile.
  const double elapsed = absl::ToDoubleSeconds(SystemClock().MonoNow() - start);

  const fake::FakeCounts counts = cluster->fake().Counts();
  const int windows = 1 + static_cast<int>(elapsed / kWindowSeconds);
  std::printf(
      "%.1f s, %zu proxies, %d clients each, %d projects of %d a minute: admitted %ld of %d, "
      "over a limit %ld; clients saw %s\n",
      elapsed, kProxies, kClients, kProjects, kPerMinute, static_cast<long>(counts.admitted),
      windows * kProjects * kPerMinute, static_cast<long>(counts.refused),
      tally.ToString().c_str());
  EXPECT_EQ(counts.refused, 0);
  EXPECT_GE(counts.admitted, windows * kProjects * kPerMinute * 97 / 100);
  EXPECT_EQ(tally.refused_without_retry_after, 0);
  for (const auto& [status, count] : tally.by_status) {
    EXPECT_THAT(status, testing::AnyOf(200, 429)) << count << " times";
  }
}

}  // namespace
}  // namespace keypool::itest
