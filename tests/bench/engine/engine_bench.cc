// What a lease costs inside keyd: the engine with a real pool and store, without gRPC.
//
// One iteration of Post is one round trip of `batch` Acquires and then of their Reports; the
// counter per_lease is the time of both divided by the leases, of the wall; cpu_us_per_lease is the
// processor time of all threads, in microseconds.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "keyd/base/clock.h"
#include "keyd/engine/engine.h"
#include "keyd/store/mem_store.h"
#include "keyd/store/sqlite_store.h"
#include "tests/fakes/keyd/temp_dir.h"
#include "tests/fakes/keyd/test_sealer.h"

namespace keypool::engine {
namespace {

constexpr int kProjects = 20;
constexpr char kModel[] = "gemini-2.5-flash";

// A store with what it needs, emptied with the object.
struct Medium {
  fakes::TempDir directory;
  std::unique_ptr<store::Store> store;
};

std::unique_ptr<Medium> MakeMedium(bool sqlite) {
  auto medium = std::make_unique<Medium>();
  if (sqlite) {
    medium->store =
        *store::SqliteStore::Open(medium->directory.File("keyd.db"), fakes::TestSealerSource);
  } else {
    medium->store = std::make_unique<store::MemStore>();
  }
  return medium;
}

Options OptionsFor(store::Durability durability, std::int64_t limit) {
  Options options;
  if (!absl::LoadTimeZone("America/Los_Angeles", &options.pool.pacific)) std::abort();
  options.pool.default_limits = {.requests_per_minute = limit,
                                 .requests_per_day = limit,
                                 .input_tokens_per_minute = kUnlimited};
  options.durability = durability;
  options.seed = 1;
  return options;
}

void AddKeys(Engine& engine) {
  for (int i = 0; i < kProjects; ++i) {
    std::promise<void> added;
    AddKeyCommand command;
    command.secret = std::make_shared<const Secret>("AIza-benchmark-key-" + std::to_string(i));
    engine.AddKey(std::move(command), [&](absl::StatusOr<KeyStatus>) { added.set_value(); });
    added.get_future().wait();
  }
}

std::vector<LeaseReply> PostAndWait(Engine& engine, std::vector<LeaseCommand> commands) {
  std::promise<std::vector<LeaseReply>> promise;
  engine.Post(std::move(commands), [&](absl::Status, std::vector<LeaseReply> replies) {
    promise.set_value(std::move(replies));
  });
  return promise.get_future().get();
}

std::vector<LeaseCommand> AcquiresOf(int count) {
  AcquireCommand acquire;
  acquire.model = kModel;
  LeaseCommand command;
  command.command = std::move(acquire);
  return std::vector<LeaseCommand>(static_cast<std::size_t>(count), command);
}

std::vector<LeaseCommand> ReportsOf(const std::vector<LeaseReply>& replies, Epoch epoch) {
  std::vector<LeaseCommand> commands;
  commands.reserve(replies.size());
  for (const LeaseReply& reply : replies) {
    const auto* grant = std::get_if<Grant>(&std::get<AcquireReply>(reply.reply));
    if (grant == nullptr) continue;
    ReportCommand report;
    report.lease = grant->lease;
    report.epoch = epoch;
    report.facts.http_status = 200;
    commands.emplace_back().command = std::move(report);
  }
  return commands;
}

double ProcessorSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void ResetCounts(Engine& engine) {
  std::promise<void> done;
  engine.Reset({}, [&](absl::StatusOr<std::int64_t>) { done.set_value(); });
  done.get_future().wait();
}

// `limit`: requests a minute and a day of each project. A grant out of a block needs no commit, and
// a block is a hundredth of the limit: with up to 199 every grant needs one.
void Post(benchmark::State& state, bool sqlite, store::Durability durability, std::int64_t limit) {
  const std::unique_ptr<Medium> medium = MakeMedium(sqlite);
  const std::unique_ptr<Engine> engine =
      *Engine::Start(OptionsFor(durability, limit), SystemClock(), *medium->store);
  AddKeys(*engine);
  const int batch = static_cast<int>(state.range(0));
  const std::vector<LeaseCommand> acquires = AcquiresOf(batch);
  std::int64_t granted = 0, left = kProjects * limit;
  const double before = ProcessorSeconds();
  for (auto _ : state) {
    if (left < batch) {
      state.PauseTiming();
      ResetCounts(*engine);
      left = kProjects * limit;
      state.ResumeTiming();
    }
    const std::vector<LeaseReply> replies = PostAndWait(*engine, acquires);
    std::vector<LeaseCommand> reports = ReportsOf(replies, Epoch{1});
    granted += static_cast<std::int64_t>(reports.size());
    left -= static_cast<std::int64_t>(reports.size());
    PostAndWait(*engine, std::move(reports));
  }
  const double processor = ProcessorSeconds() - before;
  if (granted != state.iterations() * batch) return state.SkipWithError("not all were granted");
  state.counters["per_lease"] = benchmark::Counter(
      static_cast<double>(granted), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["cpu_us_per_lease"] = processor * 1e6 / static_cast<double>(granted);
}

constexpr std::int64_t kAmple = 2'000'000'000;
constexpr std::int64_t kSmall = 150;
constexpr store::Durability kProcess = store::Durability::kProcess;
constexpr store::Durability kPower = store::Durability::kPower;

void Sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(1)->Arg(16)->Arg(64)->UseRealTime();
}
BENCHMARK_CAPTURE(Post, memory_ample, false, kProcess, kAmple)->Apply(Sizes);
BENCHMARK_CAPTURE(Post, sqlite_ample, true, kProcess, kAmple)->Apply(Sizes);
BENCHMARK_CAPTURE(Post, memory_commit_each, false, kProcess, kSmall)->Apply(Sizes);
BENCHMARK_CAPTURE(Post, sqlite_commit_each, true, kProcess, kSmall)->Apply(Sizes);
BENCHMARK_CAPTURE(Post, sqlite_fsync_each, true, kPower, kSmall)->Apply(Sizes);

}  // namespace
}  // namespace keypool::engine
