// What a commit of one bucket costs the store: alone, in a group, with fsync.
#include <benchmark/benchmark.h>

#include <future>
#include <string>

#include "keyd/store/codec.h"
#include "keyd/store/sqlite_store.h"
#include "tests/fakes/keyd/temp_dir.h"
#include "tests/fakes/keyd/test_sealer.h"

namespace keypool::store {
namespace {

policy::BucketRecord BucketOf(int number) {
  policy::BucketRecord bucket;
  bucket.project = ProjectId{"project-" + std::to_string(number)};
  bucket.model = "gemini-2.5-flash";
  bucket.day = 20'000;
  bucket.day_used = number;
  for (int i = 0; i < 10; ++i)
    bucket.minute.push_back({absl::FromUnixMillis(1'700'000'000'000 + i), 1});
  return bucket;
}

// Commits of one bucket each, `group` of them at a time; per_commit is of the wall.
void Commit(benchmark::State& state, Durability durability) {
  const fakes::TempDir directory;
  const std::unique_ptr<SqliteStore> store =
      *SqliteStore::Open(directory.File("keyd.db"), fakes::TestSealerSource);
  const Epoch epoch = store->Load()->epoch;
  const int group = static_cast<int>(state.range(0));
  int number = 0;
  for (auto _ : state) {
    std::promise<void> last;
    for (int i = 1; i <= group; ++i) {
      store->Commit(epoch, {BucketOf(number++ % 1'000)}, durability,
                    [&last, is_last = i == group](absl::Status status) {
                      if (!status.ok()) std::abort();
                      if (is_last) last.set_value();
                    });
    }
    last.get_future().wait();
  }
  state.counters["per_commit"] =
      benchmark::Counter(static_cast<double>(state.iterations() * group),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK_CAPTURE(Commit, process, Durability::kProcess)->Arg(1)->Arg(64)->UseRealTime();
BENCHMARK_CAPTURE(Commit, power, Durability::kPower)->Arg(1)->Arg(64)->UseRealTime();

// One commit of many buckets: the cost of a row.
void CommitRows(benchmark::State& state) {
  const fakes::TempDir directory;
  const std::unique_ptr<SqliteStore> store =
      *SqliteStore::Open(directory.File("keyd.db"), fakes::TestSealerSource);
  const Epoch epoch = store->Load()->epoch;
  policy::Mutations batch;
  for (int i = 0; i < state.range(0); ++i) batch.push_back(BucketOf(i));
  for (auto _ : state) {
    std::promise<void> done;
    store->Commit(epoch, batch, Durability::kProcess, [&](absl::Status) { done.set_value(); });
    done.get_future().wait();
  }
  state.counters["per_row"] =
      benchmark::Counter(static_cast<double>(state.iterations() * state.range(0)),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(CommitRows)->Arg(1)->Arg(64)->Arg(1'000)->UseRealTime();

void EncodeBucketRecord(benchmark::State& state) {
  const policy::BucketRecord bucket = BucketOf(1);
  std::string bytes;
  for (auto _ : state) {
    EncodeBucket(bucket, &bytes);
    benchmark::DoNotOptimize(bytes.data());
  }
}
BENCHMARK(EncodeBucketRecord);

void LoadKeys(benchmark::State& state) {
  const fakes::TempDir directory;
  const std::unique_ptr<SqliteStore> store =
      *SqliteStore::Open(directory.File("keyd.db"), fakes::TestSealerSource);
  const Epoch epoch = store->Load()->epoch;
  policy::Mutations batch;
  for (int i = 1; i <= state.range(0); ++i) {
    policy::KeyRecord key;
    key.id = KeyId{static_cast<std::uint64_t>(i)};
    key.project = OwnProject(key.id);
    key.secret = std::make_shared<const Secret>("AIzaSy-benchmark-secret-" + std::to_string(i));
    batch.push_back(std::move(key));
  }
  std::promise<void> done;
  store->Commit(epoch, std::move(batch), Durability::kPower,
                [&](absl::Status) { done.set_value(); });
  done.get_future().wait();
  for (auto _ : state) benchmark::DoNotOptimize(store->Load());
}
BENCHMARK(LoadKeys)->Arg(1'000)->Arg(100'000)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace keypool::store
