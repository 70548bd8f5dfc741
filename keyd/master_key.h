// The master key that seals the secrets at rest: where it is, and how another one takes over.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "keyd/base/admin.h"
#include "keyd/base/mutex.h"
#include "keyd/base/secret.h"
#include "keyd/store/sealer.h"
#include "keyd/store/store.h"

namespace keypool {

// The first of these that is set holds.
struct MasterKeyPlaces {
  std::string file;                   // MASTER_KEY_FILE
  SecretPtr text;                     // MASTER_KEY; null: not set
  std::string credentials_directory;  // of systemd; the credential is keyd-master-key
  std::string data_dir;               // master.key in it, which is made when there is none
};

// Whether systemd hands one over in this directory.
bool HasMasterKeyCredential(const std::string& directory);

// In each place there may be several keys, separated by commas, blanks or lines: the first seals,
// the others open what was sealed before. Thread-safe.
class MasterKeys {
 public:
  explicit MasterKeys(MasterKeyPlaces places);

  // For SqliteStore::Open. Makes a key when there is none and nothing is sealed yet. Errors:
  // FAILED_PRECONDITION (missing, unreadable, or not the key of this store; the fix is named).
  absl::StatusOr<std::shared_ptr<const store::Sealer>> For(std::string_view master_key_id);
  // To be called when the store has been loaded with it: keys that nothing is sealed with any more
  // are taken out of master.key.
  absl::Status Settle();

  // Seals everything in `store` with another key: a new one of our own, or the one that now stands
  // first in the operator's file. A crash at any point leaves a store that opens. Blocks. Errors:
  // FAILED_PRECONDITION (there is no other key to take), those of Store::Reseal.
  absl::StatusOr<RotatedMasterKey> Rotate(store::Store* store);

 private:
  std::string Place() const;
  bool IsOurs() const;
  absl::StatusOr<std::vector<store::MasterKey>> Read() const;

  const MasterKeyPlaces places_;
  Mutex mutex_;
  std::string present_id_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keypool
