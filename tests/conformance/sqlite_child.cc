// A process of its own around a SqliteStore, for tests that kill it or take things away from it.
//
//   sqlite_child commit PATH           commits without end; prints the number of each commit that
//   was acknowledged sqlite_child fill PATH BYTES_MAX   commits until one fails, with files limited
//   to BYTES_MAX; prints how it ended sqlite_child open-unprivileged PATH   opens as a user without
//   rights; prints the status
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <string>
#include <string_view>
#include <thread>

#include "keyd/store/sqlite_store.h"
#include "tests/fakes/keyd/test_sealer.h"

namespace keypool::store {
namespace {

constexpr int kInFlightMax = 16;
constexpr uid_t kNobody = 65'534;

policy::Mutations BatchOf(std::uint64_t number) {
  policy::KeyRecord key;
  key.id = KeyId{number};
  key.project = OwnProject(key.id);
  key.secret = std::make_shared<const Secret>(std::string(200, 's'));
  return {key, policy::PoolRecord{KeyId{number + 1}}};
}

void Say(const std::string& line) {
  const std::string text = line + "\n";
  if (write(STDOUT_FILENO, text.data(), text.size()) < 0) std::_Exit(3);
}

[[noreturn]] void Fail(std::string_view what, const absl::Status& status) {
  Say(std::string(what) + " " + status.ToString());
  std::_Exit(1);
}

std::unique_ptr<SqliteStore> OpenOrExit(const std::string& path) {
  absl::StatusOr<std::unique_ptr<SqliteStore>> store =
      SqliteStore::Open(path, fakes::TestSealerSource);
  if (!store.ok()) Fail("open", store.status());
  return *std::move(store);
}

policy::Snapshot LoadOrExit(SqliteStore& store) {
  absl::StatusOr<policy::Snapshot> snapshot = store.Load();
  if (!snapshot.ok()) Fail("load", snapshot.status());
  return *std::move(snapshot);
}

int CommitWithoutEnd(const std::string& path) {
  const std::unique_ptr<SqliteStore> store = OpenOrExit(path);
  const policy::Snapshot snapshot = LoadOrExit(*store);
  std::atomic<int> in_flight = 0;
  for (std::uint64_t number = snapshot.pool.next_key.value();; ++number) {
    while (in_flight >= kInFlightMax) std::this_thread::yield();
    ++in_flight;
    const Durability durability = number % 64 == 0 ? Durability::kPower : Durability::kProcess;
    store->Commit(snapshot.epoch, BatchOf(number), durability, [&, number](absl::Status status) {
      if (!status.ok()) Fail("commit", status);
      Say(std::to_string(number));
      --in_flight;
    });
  }
}

absl::Status CommitOne(SqliteStore& store, Epoch epoch, std::uint64_t number) {
  std::promise<absl::Status> promise;
  store.Commit(epoch, BatchOf(number), Durability::kProcess,
               [&](absl::Status status) { promise.set_value(std::move(status)); });
  return promise.get_future().get();
}

int FillUntilFull(const std::string& path, rlim_t bytes_max) {
  const std::unique_ptr<SqliteStore> store = OpenOrExit(path);
  const policy::Snapshot snapshot = LoadOrExit(*store);
  signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes_max, RLIM_INFINITY};
  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 3;
  std::uint64_t number = snapshot.pool.next_key.value();
  absl::Status status;
  while ((status = CommitOne(*store, snapshot.epoch, number)).ok()) ++number;
  Say("acknowledged " + std::to_string(number - 1));
  Say("full " + status.ToString());
  // Room again: the reign stays poisoned all the same.
  const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(RLIMIT_FSIZE, &none) != 0) return 3;
  Say("later " + CommitOne(*store, snapshot.epoch, number).ToString());
  return 0;
}

int OpenUnprivileged(const std::string& path) {
  if (geteuid() == 0 && setresuid(kNobody, kNobody, kNobody) != 0) return 3;
  Say("open " + SqliteStore::Open(path, fakes::TestSealerSource).status().ToString());
  return 0;
}

int Main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "commit" && argc == 3) return CommitWithoutEnd(argv[2]);
  if (mode == "fill" && argc == 4)
    return FillUntilFull(argv[2], std::strtoull(argv[3], nullptr, 10));
  if (mode == "open-unprivileged" && argc == 3) return OpenUnprivileged(argv[2]);
  std::fprintf(stderr, "usage: sqlite_child commit|fill|open-unprivileged PATH [BYTES_MAX]\n");
  return 2;
}

}  // namespace
}  // namespace keypool::store

int main(int argc, char** argv) { return keypool::store::Main(argc, argv); }
