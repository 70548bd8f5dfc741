#include "keyd/store/sqlite_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"

namespace keypool::store {

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(const std::string& path,
                                                               const SealerSource& sealer) {
  KP_RETURN_IF_ERROR(MakeStoreDirectory(path));
  absl::StatusOr<StoreLock> lock = StoreLock::Take(path);
  if (!lock.ok()) return lock.status();
  KP_RETURN_IF_ERROR(MakeStoreFile(path));
  absl::StatusOr<SqliteDb> opened = SqliteDb::Open(path);
  if (!opened.ok()) return opened.status();
  auto db = std::make_unique<SqliteDb>(*std::move(opened));
  absl::StatusOr<std::unique_ptr<SqliteTables>> tables = SqliteTables::Open(*db);
  if (!tables.ok()) return Annotate(tables.status(), absl::StrCat("store '", path, "'"));
  const absl::StatusOr<SqliteTables::Seal> seal = (*tables)->ReadSeal();
  if (!seal.ok()) return Annotate(seal.status(), absl::StrCat("store '", path, "'"));
  absl::StatusOr<std::shared_ptr<const Sealer>> keys = sealer(seal->master_key_id);
  if (!keys.ok()) return keys.status();
  (*tables)->Use(*std::move(keys));
  return std::unique_ptr<SqliteStore>(
      new SqliteStore(path, *std::move(lock), std::move(db), *std::move(tables)));
}

SqliteStore::SqliteStore(std::string path, StoreLock lock, std::unique_ptr<SqliteDb> db,
                         std::unique_ptr<SqliteTables> tables)
    : path_(std::move(path)),
      lock_(std::move(lock)),
      db_(std::move(db)),
      tables_(std::move(tables)),
      writer_([this](std::span<const QueuedCommit> group) { return WriteGroup(group); }) {}

absl::StatusOr<policy::Snapshot> SqliteStore::Load() {
  absl::StatusOr<policy::Snapshot> snapshot = absl::UnknownError("not run");
  writer_.RunInOrder([&] { snapshot = BeginReign(); });
  if (!snapshot.ok()) return Annotate(snapshot.status(), absl::StrCat("store '", path_, "'"));
  return snapshot;
}

void SqliteStore::Commit(Epoch epoch, policy::Mutations batch, Durability durability, Done done) {
  writer_.Enqueue({epoch, std::move(batch), durability, std::move(done)});
}

void SqliteStore::ReadAudit(AuditRange range, std::function<void(absl::StatusOr<AuditRead>)> done) {
  writer_.RunLater([this, range, done = std::move(done)] {
    absl::StatusOr<AuditRead> read = tables_->audit().Read(range, *tables_->sealer());
    if (read.ok()) return done(std::move(read));
    done(Annotate(read.status(), absl::StrCat("store '", path_, "'")));
  });
}

absl::StatusOr<std::int64_t> SqliteStore::Reseal(std::shared_ptr<const Sealer> sealer) {
  absl::StatusOr<std::int64_t> count = absl::UnknownError("not run");
  writer_.RunInOrder([&] { count = ResealNow(std::move(sealer)); });
  if (!count.ok()) return Annotate(count.status(), absl::StrCat("store '", path_, "'"));
  return count;
}

absl::StatusOr<policy::Snapshot> SqliteStore::BeginReign() {
  absl::StatusOr<policy::Snapshot> snapshot = ReadAndTakeEpoch();
  tables_->Rollback();  // after an error: nothing was changed
  if (!snapshot.ok()) return snapshot;
  KP_RETURN_IF_ERROR(WipeRemains());
  epoch_ = snapshot->epoch;
  poison_ = absl::OkStatus();
  return snapshot;
}

absl::StatusOr<policy::Snapshot> SqliteStore::ReadAndTakeEpoch() {
  KP_RETURN_IF_ERROR(SetDurability(Durability::kPower));
  KP_RETURN_IF_ERROR(CheckStructure());
  KP_RETURN_IF_ERROR(tables_->Begin());
  const absl::StatusOr<Epoch> last = tables_->ReadEpoch();
  if (!last.ok()) return last.status();
  absl::StatusOr<policy::Snapshot> snapshot = tables_->ReadAll();
  if (!snapshot.ok()) return snapshot;
  snapshot->epoch = Epoch{last->value() + 1};
  KP_RETURN_IF_ERROR(tables_->WriteEpoch(snapshot->epoch));
  const absl::StatusOr<SqliteTables::Seal> seal = tables_->ReadSeal();
  if (!seal.ok()) return seal.status();
  if (tables_->had_plain_secrets() || seal->master_key_id != tables_->sealer()->id()) {
    KP_RETURN_IF_ERROR(SealAnew(snapshot->keys, snapshot->audit.basis.key));
  }
  KP_RETURN_IF_ERROR(tables_->Commit());
  return snapshot;
}

absl::Status SqliteStore::CheckStructure() {
  absl::StatusOr<SqliteStatement> check = db_->Prepare("PRAGMA quick_check(1)");
  if (!check.ok()) return check.status();
  const absl::StatusOr<bool> verdict = check->Step();
  if (!verdict.ok()) return verdict.status();
  if (!*verdict || check->Bytes(0) != "ok") {
    return absl::DataLossError(
        absl::StrCat("the file is damaged (", ToAbsl(check->Bytes(0)),
                     "); restore it from a backup, or move it away to begin with an empty pool"));
  }
  return absl::OkStatus();
}

// In the transaction that is open.
absl::Status SqliteStore::SealAnew(const std::vector<policy::KeyRecord>& keys,
                                   const SecretPtr& audit_key) {
  for (const policy::KeyRecord& key : keys) KP_RETURN_IF_ERROR(tables_->Write(key));
  if (audit_key != nullptr) {
    KP_RETURN_IF_ERROR(tables_->Write(policy::AuditKeyRecord{audit_key}));
  }
  return tables_->WriteSeal({tables_->sealer()->id(), !keys.empty() || audit_key != nullptr});
}

absl::StatusOr<std::int64_t> SqliteStore::ResealNow(std::shared_ptr<const Sealer> sealer) {
  KP_RETURN_IF_ERROR(poison_);
  const std::shared_ptr<const Sealer> before = tables_->sealer();
  const absl::StatusOr<std::int64_t> count = ReadAndSealAnew(std::move(sealer));
  tables_->Rollback();  // after an error: nothing was changed
  if (!count.ok()) {
    tables_->Use(before);
    return count;
  }
  KP_RETURN_IF_ERROR(WipeRemains());
  return count;
}

absl::StatusOr<std::int64_t> SqliteStore::ReadAndSealAnew(std::shared_ptr<const Sealer> sealer) {
  KP_RETURN_IF_ERROR(SetDurability(Durability::kPower));
  KP_RETURN_IF_ERROR(tables_->Begin());
  const absl::StatusOr<Epoch> present = tables_->ReadEpoch();
  if (!present.ok()) return present.status();
  if (*present != epoch_) return FencedError(epoch_, *present);
  const absl::StatusOr<std::vector<policy::KeyRecord>> keys = tables_->ReadKeys();
  if (!keys.ok()) return keys.status();
  const absl::StatusOr<policy::AuditBasis> audit = tables_->audit().ReadBasis(*tables_->sealer());
  if (!audit.ok()) return audit.status();
  // Sealed with a key that goes, it could never be opened again.
  if (!audit->damage.empty()) return absl::DataLossError(audit->damage);
  tables_->Use(std::move(sealer));
  KP_RETURN_IF_ERROR(SealAnew(*keys, audit->key));
  KP_RETURN_IF_ERROR(tables_->Commit());
  return static_cast<std::int64_t>(keys->size());
}

// Once for each sealing, at the next start when it could not be finished: pages that nothing uses
// any more, and the log, have what the rows had before.
absl::Status SqliteStore::WipeRemains() {
  const absl::StatusOr<SqliteTables::Seal> seal = tables_->ReadSeal();
  if (!seal.ok()) return seal.status();
  if (!seal->remains) return absl::OkStatus();
  KP_RETURN_IF_ERROR(db_->Execute("VACUUM"));
  KP_RETURN_IF_ERROR(db_->Execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  return tables_->WriteSeal({seal->master_key_id, false});
}

std::vector<absl::Status> SqliteStore::WriteGroup(std::span<const QueuedCommit> group) {
  std::vector<absl::Status> results(group.size());
  absl::Status failure = poison_;
  if (failure.ok()) {
    failure = WriteTransaction(group, &results);
    if (failure.ok()) return results;
    tables_->Rollback();
    // What reached the medium is unknown now, so nothing more may be acknowledged in this reign.
    poison_ = absl::UnavailableError(absl::StrCat("store '", path_, "': ", failure.message()));
    failure = poison_;
  }
  for (std::size_t i = 0; i < group.size(); ++i) {
    const bool ours = epoch_.value() != 0 && group[i].epoch == epoch_;
    results[i] = ours ? failure : FencedError(group[i].epoch, epoch_);
  }
  return results;
}

// All commits of our reign in one transaction. An error is one of the medium; a fenced commit is
// only a result of its own.
absl::Status SqliteStore::WriteTransaction(std::span<const QueuedCommit> group,
                                           std::vector<absl::Status>* results) {
  const bool power = std::any_of(group.begin(), group.end(), [](const QueuedCommit& commit) {
    return commit.durability == Durability::kPower;
  });
  KP_RETURN_IF_ERROR(SetDurability(power ? Durability::kPower : Durability::kProcess));
  KP_RETURN_IF_ERROR(tables_->Begin());
  const absl::StatusOr<Epoch> present = tables_->ReadEpoch();
  if (!present.ok()) return present.status();
  for (std::size_t i = 0; i < group.size(); ++i) {
    const QueuedCommit& commit = group[i];
    if (commit.epoch.value() == 0 || commit.epoch != epoch_ || epoch_ != *present) {
      (*results)[i] = FencedError(commit.epoch, *present);
      continue;
    }
    for (const policy::Mutation& mutation : commit.batch) {
      KP_RETURN_IF_ERROR(tables_->Write(mutation));
    }
  }
  return tables_->Commit();
}

absl::Status SqliteStore::SetDurability(Durability durability) {
  if (durability == durability_in_force_) return absl::OkStatus();
  const bool power = durability == Durability::kPower;
  KP_RETURN_IF_ERROR(
      db_->Execute(power ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL"));
  durability_in_force_ = durability;
  return absl::OkStatus();
}

}  // namespace keypool::store
