// A master key for tests.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "keyd/store/sqlite_store.h"

namespace keypool::fakes {

inline std::shared_ptr<const store::Sealer> SealerOf(const std::vector<std::string>& keys) {
  std::vector<store::MasterKey> parsed;
  for (const std::string& key : keys) parsed.push_back(store::MasterKey::Parse(key).value());
  return std::make_shared<const store::Sealer>(std::move(parsed));
}
// "1" for the key 11…1: one digit names a key.
inline std::string TestMasterKey(char digit) { return std::string(64, digit); }
inline std::shared_ptr<const store::Sealer> TestSealer(char digit = '1') {
  return SealerOf({TestMasterKey(digit)});
}
inline absl::StatusOr<std::shared_ptr<const store::Sealer>> TestSealerSource(std::string_view) {
  return TestSealer();
}

}  // namespace keypool::fakes
