// What every conformance test needs: the stores to test, and commits that wait for their end.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "keyd/store/store.h"
#include "tests/fakes/keyd/temp_dir.h"

namespace keypool::store {

// A store and what it stands on, in the order of their construction.
struct StoreUnderTest {
  std::unique_ptr<Store> inner;  // empty when `store` stands alone
  std::unique_ptr<Store> store;
};

struct StoreKind {
  std::string name;
  std::function<StoreUnderTest(const std::string& directory)> make;
};
inline std::ostream& operator<<(std::ostream& out, const StoreKind& kind) {
  return out << kind.name;
}

std::vector<StoreKind> AllStores();

class StoreConformance : public ::testing::TestWithParam<StoreKind> {
 protected:
  StoreConformance() : under_test_(GetParam().make(directory_.path())) {}

  Store& store() { return *under_test_.store; }
  // Ends the store, as a destructor of keyd would.
  void Destroy() { under_test_.store.reset(); }

  const fakes::TempDir directory_;
  StoreUnderTest under_test_;
};

// Commits and waits for `done`.
absl::Status CommitNow(Store& store, Epoch epoch, policy::Mutations batch,
                       Durability durability = Durability::kProcess);
// Loads; a failure ends the test.
policy::Snapshot LoadNow(Store& store);

policy::KeyRecord KeyOf(std::uint64_t id, std::string_view secret = "AIza-some-secret");
policy::BucketRecord BucketOf(std::string project, std::string model, std::int64_t day_used = 0);
policy::ResourceRecord ResourceOf(std::string name, std::string project = "p");
// In one hour of one day.
policy::UsageRecord UsageOf(UsageDimension dimension, std::string name, std::int64_t requests = 0);

// An audit with `records` records, as the engine writes it.
policy::Mutations AuditOf(std::uint64_t records);
// Waits for it.
absl::StatusOr<AuditRead> ReadAuditNow(Store& store, AuditRange range = {});
AuditVerdict VerifyNow(Store& store);

// Every field of everything, in an order of its own: equal texts mean equal pools. The epoch is
// left out.
std::string Describe(policy::Snapshot snapshot);

}  // namespace keypool::store
