// The store of a simulated world.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "keyd/policy/types.h"

namespace keypool::sim {

// What was committed, as a store keeps it.
class Committed {
 public:
  void Write(const policy::Mutations& mutations);
  policy::Snapshot Load(Epoch epoch) const;

 private:
  policy::PoolRecord pool_;
  std::map<KeyId, policy::KeyRecord> keys_;
  std::map<std::pair<ProjectId, std::string>, policy::BucketRecord> buckets_;
  std::map<std::string, policy::ResourceRecord> resources_;
  std::map<KeyId, policy::RemovedKeyRecord> removed_;
  std::map<policy::UsageName, UsageCounts> usage_;
  std::map<LimitScopeName, policy::LimitRecord> limits_;
  std::map<std::string, policy::ClientRecord> clients_;
  std::map<std::string, policy::ClientUseRecord> client_use_;
  std::map<std::string, policy::AdminTokenRecord> admin_tokens_;
};

}  // namespace keypool::sim
