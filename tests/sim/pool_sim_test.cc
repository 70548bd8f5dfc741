// The pool in random worlds: requests, answers, crashes, key changes, midnights. Whatever happens,
// Google's limits hold, no dead key is granted, every lease ends once, a refusal's time is right
// and the store replays to the same counts or a block more.
//
// KEYPOOL_SIM_SEED=n replays one world, KEYPOOL_SIM_SEEDS=n runs that many.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "absl/base/config.h"
#include "tests/sim/world.h"

namespace keypool::sim {
namespace {

constexpr int kSteps = 1500;
// A sanitizer looks at the same code in each world, ten times slower.
#if defined(ABSL_HAVE_ADDRESS_SANITIZER)
constexpr std::uint64_t kSeeds = 60;
#else
constexpr std::uint64_t kSeeds = 1000;
#endif

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(PoolSim, EveryWorldKeepsItsPromises) {
  const std::uint64_t one = FromEnvironment("KEYPOOL_SIM_SEED", 0);
  const std::uint64_t first = one ? one : 1;
  const std::uint64_t last = one ? one : FromEnvironment("KEYPOOL_SIM_SEEDS", kSeeds);
  std::int64_t grants = 0, refusals = 0, crashes = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    World world(seed);
    world.Run(kSteps);
    ASSERT_EQ(world.broken(), "") << "KEYPOOL_SIM_SEED=" << seed << " replays it";
    grants += world.grants();
    refusals += world.refusals_checked();
    crashes += world.crashes();
  }
  // A simulation in which little happens proves little.
  const auto worlds = static_cast<std::int64_t>(last - first + 1);
  EXPECT_GE(grants, 20 * worlds);
  if (worlds >= 50) {
    EXPECT_GE(refusals, worlds);
    EXPECT_GE(crashes, worlds);
  }
  RecordProperty("grants", std::to_string(grants));
  RecordProperty("refusals_checked", std::to_string(refusals));
  RecordProperty("crashes", std::to_string(crashes));
}

TEST(PoolSim, SameSeedGivesSameReplies) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    World a(seed), b(seed);
    a.Run(kSteps);
    b.Run(kSteps);
    EXPECT_EQ(a.transcript(), b.transcript()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace keypool::sim
