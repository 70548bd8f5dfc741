// What a lease costs: leases a second, and CPU time of client and keyd together, over the unix
// socket, by unary calls and by Session. Each lease is one Acquire and one Report.
//
//   lease_bench [--keyd bin/keyd] [--store sqlite|memory] [--seconds 2] [--rounds 3] [--waits 10]
//
// And how long after a key has become free who waits for it in keyd is granted.
//
// Rounds are interleaved and the median is printed: on a shared machine a single run says little.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/lease/keyd_process.h"
#include "tests/bench/lease/load.h"
#include "tests/bench/lease/wait.h"

namespace keypool::bench {
namespace {

struct Options {
  std::string keyd;
  std::string store = "sqlite";
  double seconds = 2;
  int rounds = 3;
  int waits = 10;
};

struct Case {
  const char* way;
  Load load;
  std::vector<double> leases_per_second = {}, client_us = {}, keyd_us = {};
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

bool Measure(const KeydProcess& keyd, Case* one) {
  const absl::Duration client_before = OwnCpuTime(), keyd_before = keyd.CpuTime();
  const Result result = one->way == std::string_view("unary")
                            ? RunUnary(keyd.address(), one->load)
                            : RunSessions(keyd.address(), one->load);
  const absl::Duration client = OwnCpuTime() - client_before;
  const absl::Duration server = keyd.CpuTime() - keyd_before;
  if (result.failures > 0 || result.leases == 0) {
    std::fprintf(stderr, "%s, %d in flight: %lld failures\n", one->way, one->load.in_flight,
                 static_cast<long long>(result.failures));
    return false;
  }
  const auto leases = static_cast<double>(result.leases);
  one->leases_per_second.push_back(leases / absl::ToDoubleSeconds(result.wall));
  one->client_us.push_back(absl::ToDoubleMicroseconds(client) / leases);
  one->keyd_us.push_back(absl::ToDoubleMicroseconds(server) / leases);
  return true;
}

void Print(const Case& one) {
  const double client = Median(one.client_us), keyd = Median(one.keyd_us);
  std::printf("%-8s %8d %10d %12.0f %10.1f %10.1f %10.1f\n", one.way, one.load.sessions,
              one.load.in_flight, Median(one.leases_per_second), client, keyd, client + keyd);
}

bool Read(int argc, char** argv, Options* options) {
  options->keyd = (std::filesystem::path(argv[0]).parent_path() / "keyd").string();
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--keyd") {
      options->keyd = argv[i + 1];
    } else if (flag == "--store") {
      options->store = argv[i + 1];
    } else if (flag == "--seconds") {
      options->seconds = std::atof(argv[i + 1]);
    } else if (flag == "--rounds") {
      options->rounds = std::atoi(argv[i + 1]);
    } else if (flag == "--waits") {
      options->waits = std::atoi(argv[i + 1]);
    } else {
      return false;
    }
  }
  return argc % 2 == 1 && options->seconds > 0 && options->rounds > 0;
}

int Main(int argc, char** argv) {
  Options options;
  if (!Read(argc, argv, &options)) {
    std::fprintf(stderr,
                 "usage: lease_bench [--keyd PATH] [--store sqlite|memory] "
                 "[--seconds S] [--rounds N] [--waits N]\n");
    return 2;
  }
  const auto keyd = KeydProcess::Start(options.keyd, options.store);
  if (!keyd.ok()) {
    std::fprintf(stderr, "%s\n", std::string(keyd.status().message()).c_str());
    return 1;
  }
  std::vector<Case> cases;
  const absl::Duration time = absl::Seconds(options.seconds);
  for (int in_flight : {1, 16}) cases.push_back({"unary", {1, in_flight, time}});
  for (int in_flight : {1, 16, 32, 64}) cases.push_back({"session", {1, in_flight, time}});
  for (int in_flight : {1, 4, 32}) cases.push_back({"session", {2, in_flight, time}});
  for (int round = 0; round < options.rounds; ++round) {
    for (Case& one : cases) {
      if (!Measure(*keyd, &one)) return 1;
    }
  }
  std::printf("%-8s %8s %10s %12s %10s %10s %10s\n", "way", "streams", "in flight", "leases/s",
              "client us", "keyd us", "CPU us");
  for (const Case& one : cases) Print(one);
  if (options.waits == 0) return 0;
  std::vector<absl::Duration> waits = MeasureWaits(keyd->address(), kKeys, options.waits);
  if (waits.empty()) {
    std::fprintf(stderr, "nothing was granted to who waits\n");
    return 1;
  }
  std::sort(waits.begin(), waits.end());
  std::printf("granted after a key became free: median %.2f ms, most %.2f ms, of %zu\n",
              absl::ToDoubleMilliseconds(waits[waits.size() / 2]),
              absl::ToDoubleMilliseconds(waits.back()), waits.size());
  return 0;
}

}  // namespace
}  // namespace keypool::bench

int main(int argc, char** argv) { return keypool::bench::Main(argc, argv); }
