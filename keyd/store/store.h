// Where the pool is remembered: asynchronous and fenced, so that a remote store fits behind the
// same interface.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/base/audit.h"
#include "keyd/policy/types.h"
#include "keyd/store/sealer.h"

namespace keypool::store {

enum class Durability {
  kProcess,  // survives the end of the process, kill -9 included
  kPower,    // survives a loss of power too: fsynced before `done`
};

// Which records of the audit to read.
struct AuditRange {
  enum class From { kOldest, kNewest };
  From from = From::kOldest;
  // Only those behind this one, in the direction of reading; 0: from the very end.
  std::uint64_t behind = 0;
  std::size_t rows_max = kAuditRowsMax;
};
struct AuditRead {
  policy::AuditBasis basis;    // as of the same moment
  std::vector<AuditRow> rows;  // in the direction of reading
  bool more = false;
};

// Thread-safe. One reign at a time: Load begins one and ends every earlier one.
class Store {
 public:
  // Runs once, on a thread of the store's, in the order of the commits; must not block.
  using Done = std::function<void(absl::Status)>;

  // Waits for commits under way; their `done` have all run when it returns.
  virtual ~Store() = default;

  // Begins a reign: takes the next epoch, durably, and returns everything. Blocks. Errors:
  // DATA_LOSS (what is there cannot be read; nothing was changed), UNAVAILABLE (the medium).
  virtual absl::StatusOr<policy::Snapshot> Load() = 0;

  // Writes all of a batch or nothing. Repeating it changes nothing: records are written whole.
  // Commits take effect in the order of the calls. Errors: FAILED_PRECONDITION (`epoch` is not the
  // present reign: somebody else took over; nothing was written), UNAVAILABLE (the medium; after
  // one, every later commit of this reign fails too, because what is on the medium is no longer
  // known).
  virtual void Commit(Epoch epoch, policy::Mutations batch, Durability durability, Done done) = 0;

  // Reads of the audit what is committed. `done` runs once, on a thread of the store's; must not
  // block. Errors: UNAVAILABLE (the medium), DATA_LOSS (its structure; damage of single records is
  // told with them).
  virtual void ReadAudit(AuditRange range, std::function<void(absl::StatusOr<AuditRead>)> done) = 0;

  // Seals every secret anew, durably, and wipes what was there. Commits wait meanwhile. Blocks.
  // Answers how many. Errors: FAILED_PRECONDITION (nothing is kept at rest, or the reign has
  // ended), UNAVAILABLE, DATA_LOSS: the old sealer stays in force.
  virtual absl::StatusOr<std::int64_t> Reseal(std::shared_ptr<const Sealer> sealer) = 0;
};

}  // namespace keypool::store
