// What one decision of the pool costs: Acquire and Report with as many keys as a pool may have, one
// project each, with all windows in use and estimates that the reports correct; and the worst
// single call of each kind.
//
//   policy_bench                    all
//   policy_bench --benchmark_filter=Acquire
#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "keyd/policy/pool.h"

namespace keypool::policy {
namespace {

PoolConfig BenchConfig() {
  PoolConfig config;
  if (!absl::LoadTimeZone("America/Los_Angeles", &config.pacific)) std::abort();
  config.default_limits = {.requests_per_minute = 10,
                           .requests_per_day = 1'000'000,
                           .input_tokens_per_minute = 250'000,
                           .input_tokens_per_day = 1'000'000'000};
  return config;
}

constexpr std::int64_t kEstimatedTokens = 3'000;

// A pool and the time it lives in.
class Bench {
 public:
  explicit Bench(std::int64_t keys, PoolConfig config = BenchConfig()) {
    wall_ = absl::FromCivil(absl::CivilSecond(2026, 6, 10, 8, 0, 0), config.pacific);
    Snapshot snapshot;
    snapshot.epoch = Epoch{1};
    snapshot.pool.next_key = KeyId{static_cast<std::uint64_t>(keys) + 1};
    for (std::int64_t i = 1; i <= keys; ++i) {
      KeyRecord record;
      record.id = KeyId{static_cast<std::uint64_t>(i)};
      record.project = OwnProject(record.id);
      record.secret = std::make_shared<const Secret>(absl::StrCat("AIzaBenchSecret", i));
      snapshot.keys.push_back(std::move(record));
    }
    pool_ = *Pool::Restore(config, std::move(snapshot), now(), &mutations_);
  }

  Now now() const { return {wall_, mono_}; }
  void Advance(absl::Duration d) {
    wall_ += d;
    mono_ = mono_ + d;
  }
  AcquireReply Acquire(const AcquireCommand& command) {
    mutations_.clear();
    return pool_->Apply(command, now(), random_, &mutations_);
  }
  void Report(const Grant& grant) {
    ReportCommand report;
    report.lease = grant.lease;
    report.epoch = Epoch{1};
    report.facts.http_status = 200;
    // A little more or less than was estimated.
    report.usage = TokenUsage{.input = kEstimatedTokens - 200 +
                                       static_cast<std::int64_t>(grant.lease.value() % 400)};
    mutations_.clear();
    pool_->Apply(report, now(), random_, &mutations_);
  }
  bool Tick() {
    mutations_.clear();
    return pool_->Tick(now(), &mutations_);
  }
  // Half of every minute window in use, in the steady state: for each grant one is leaving.
  absl::Duration SteadyStep(std::int64_t keys) const {
    return absl::Seconds(60.5) / (static_cast<double>(keys) * 5);
  }
  void Warm(std::int64_t keys, const AcquireCommand& command) {
    for (std::int64_t i = 0; i < keys * 6; ++i) {
      Advance(SteadyStep(keys));
      const AcquireReply reply = Acquire(command);
      if (const Grant* grant = std::get_if<Grant>(&reply)) Report(*grant);
    }
  }

 private:
  absl::Time wall_;
  MonoTime mono_ = MonoTime::FromNanoseconds(1'000'000'000);
  std::mt19937_64 random_{1};
  Mutations mutations_;
  std::unique_ptr<Pool> pool_;
};

AcquireCommand Metered(std::string model) {
  AcquireCommand command;
  command.model = std::move(model);
  command.input_tokens = kEstimatedTokens;
  return command;
}

// Longest of the calls timed by it, in CPU time of this thread: a loaded machine takes the
// processor away for milliseconds, which says nothing about the pool.
class Worst {
 public:
  template <class F>
  void Time(F&& call) {
    const double start = CpuMicroseconds();
    call();
    worst_ = std::max(worst_, CpuMicroseconds() - start);
  }
  double microseconds() const { return worst_; }

 private:
  static double CpuMicroseconds() {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) * 1e-3;
  }
  double worst_ = 0;
};

void AcquireAndReport(benchmark::State& state) {
  const AcquireCommand command = Metered("gemini-2.5-flash");
  Bench bench(state.range(0));
  bench.Warm(state.range(0), command);
  const absl::Duration step = bench.SteadyStep(state.range(0));
  for (auto _ : state) {
    bench.Advance(step);
    const AcquireReply reply = bench.Acquire(command);
    if (!std::holds_alternative<Grant>(reply)) {
      state.SkipWithError("refused");
      break;
    }
    bench.Report(std::get<Grant>(reply));
  }
}
BENCHMARK(AcquireAndReport)->Arg(100)->Arg(1'000)->Arg(10'000)->Arg(100'000);

void AcquireUnmetered(benchmark::State& state) {
  AcquireCommand command;
  command.kind = Kind::kUnmetered;
  Bench bench(state.range(0));
  bench.Warm(state.range(0), command);
  for (auto _ : state) {
    bench.Advance(absl::Microseconds(10));
    bench.Report(std::get<Grant>(bench.Acquire(command)));
  }
}
BENCHMARK(AcquireUnmetered)->Arg(100)->Arg(100'000);

// Every window full: the answer is a refusal with the earliest time.
void AcquireRefused(benchmark::State& state) {
  PoolConfig config = BenchConfig();
  config.default_limits.requests_per_minute = 1;
  const AcquireCommand command = Metered("gemini-2.5-flash");
  Bench bench(state.range(0), config);
  while (std::holds_alternative<Grant>(bench.Acquire(command))) {
  }
  for (auto _ : state) benchmark::DoNotOptimize(bench.Acquire(command));
}
BENCHMARK(AcquireRefused)->Arg(100)->Arg(100'000);

// Every project ready, and none with room for so many tokens: the bounded look, and the refusal.
void AcquireWithoutRoom(benchmark::State& state) {
  AcquireCommand command = Metered("gemini-2.5-flash");
  command.input_tokens = 200'000;
  Bench bench(state.range(0));
  while (std::holds_alternative<Grant>(bench.Acquire(command))) {
  }
  for (auto _ : state) benchmark::DoNotOptimize(bench.Acquire(command));
}
BENCHMARK(AcquireWithoutRoom)->Arg(100)->Arg(100'000);

// The first request for a model that nobody named before.
void FirstAcquireOfAModel(benchmark::State& state) {
  PoolConfig config = BenchConfig();
  config.models_max = 1'000'000;
  Bench bench(state.range(0), config);
  std::int64_t models = 0;
  for (auto _ : state) {
    bench.Advance(absl::Microseconds(10));
    bench.Report(std::get<Grant>(bench.Acquire(Metered(absl::StrCat("model-", ++models)))));
  }
}
BENCHMARK(FirstAcquireOfAModel)->Arg(100)->Arg(100'000)->Iterations(50'000);

// Over midnight with every bucket in use: the longest single call of each kind, and how long the
// turn of the whole pool takes.
void TurnOfTheDay(benchmark::State& state) {
  const AcquireCommand command = Metered("gemini-2.5-flash");
  Worst acquire, report, tick;
  for (auto _ : state) {
    state.PauseTiming();
    Bench bench(state.range(0));
    bench.Warm(state.range(0), command);
    bench.Advance(absl::Hours(16));  // from 8:00 and a minute to just after midnight
    state.ResumeTiming();
    bool more = true;
    while (more) {
      bench.Advance(absl::Microseconds(500));
      AcquireReply reply;
      acquire.Time([&] { reply = bench.Acquire(command); });
      report.Time([&] { bench.Report(std::get<Grant>(reply)); });
      tick.Time([&] { more = bench.Tick(); });
    }
  }
  state.counters["worst_acquire_us"] = acquire.microseconds();
  state.counters["worst_report_us"] = report.microseconds();
  state.counters["worst_tick_us"] = tick.microseconds();
}
BENCHMARK(TurnOfTheDay)->Arg(100'000)->Iterations(1)->Unit(benchmark::kMillisecond);

// From an empty model to the steady state: the longest single Acquire on the way.
void WorstAcquireWhileFilling(benchmark::State& state) {
  const AcquireCommand command = Metered("gemini-2.5-flash");
  Worst acquire;
  for (auto _ : state) {
    state.PauseTiming();
    Bench bench(state.range(0));
    state.ResumeTiming();
    for (std::int64_t i = 0; i < state.range(0) * 6; ++i) {
      bench.Advance(bench.SteadyStep(state.range(0)));
      AcquireReply reply;
      acquire.Time([&] { reply = bench.Acquire(command); });
      bench.Report(std::get<Grant>(reply));
    }
  }
  state.counters["worst_acquire_us"] = acquire.microseconds();
}
BENCHMARK(WorstAcquireWhileFilling)->Arg(100'000)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace keypool::policy

BENCHMARK_MAIN();
