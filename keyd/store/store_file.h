// A store's file before a database opens it: its directory, who may read it, and who uses it.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace keypool::store {

// Holds `<path>.lock` as long as it lives; the kernel lets go when the process ends, however it
// ends. A courtesy that tells a second keyd whom it would disturb: what keeps two reigns from
// writing is the epoch in the database.
class StoreLock {
 public:
  // Errors: FAILED_PRECONDITION (held: the holder's process id is told), UNAVAILABLE (the medium).
  static absl::StatusOr<StoreLock> Take(const std::string& path);
  StoreLock(StoreLock&& other) noexcept;
  StoreLock& operator=(StoreLock&&) = delete;
  ~StoreLock();

 private:
  explicit StoreLock(int fd) : fd_(fd) {}
  int fd_;
};

// Makes the directory of `path` and its parents where they are missing (0700; one that exists stays
// as it is). Errors: UNAVAILABLE (what to do is told).
absl::Status MakeStoreDirectory(const std::string& path);

// Makes the file where it is missing, and readable for its owner only (0600) in any case, the
// database's sidecars included: it holds secrets. Errors: as above.
absl::Status MakeStoreFile(const std::string& path);

}  // namespace keypool::store
