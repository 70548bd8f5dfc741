// The whole of it on one machine: a fake Gemini, keyd and some proxies, on free ports, in a
// directory of their own.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/fakes/gemini/server.h"
#include "tests/integration/harness/process.h"
#include "tests/integration/harness/raw_http.h"
#include "tests/integration/harness/temp_dir.h"

namespace keypool::itest {

using Settings = std::map<std::string, std::string>;

struct ClusterOptions {
  // Both the pool's GEMINI_API_KEYS and what the fake takes as valid, in this order: key → project.
  std::vector<std::pair<std::string, std::string>> keys = {};
  fake::Limit fake_limit{1'000'000, 1'000'000};
  fake::FakeOptions fake = {};
  // The name under which the proxies know the fake; it listens on 127.0.0.1.
  std::string upstream_host = "127.0.0.1";
  int proxies = 1;
  // Over the usual ones: limits so high that they are in nobody's way, no waiting between tries.
  Settings keyd = {};
  Settings proxy = {};
  bool start_keyd = true;
};

// TestKey(3) is a key for tests, of the length that real ones have.
std::string TestKey(int number);
// `projects` projects with `each` keys: TestKey(1) … in "project-1", and so on.
std::vector<std::pair<std::string, std::string>> TestKeys(int projects, int each = 1);

// Not thread-safe, but for fake() and reading proxy_port().
class Cluster {
 public:
  // Everything serves when it returns. Errors: what the program that did not come up wrote.
  static absl::StatusOr<std::unique_ptr<Cluster>> Start(ClusterOptions options);
  // Stops everything in order. Fails the test when a program did not end cleanly, or a sanitizer
  // had something to say.
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  fake::FakeGemini& fake() { return *fake_; }
  Process& keyd() { return *keyd_; }
  Process& proxy(int index = 0) { return *proxies_[static_cast<std::size_t>(index)].process; }
  std::uint16_t proxy_port(int index = 0) const {
    return proxies_[static_cast<std::size_t>(index)].port;
  }
  // Of HTTPS; 0 when it is not served.
  std::uint16_t proxy_tls_port(int index = 0) const {
    return proxies_[static_cast<std::size_t>(index)].tls_port;
  }
  const std::string& keyd_address() const { return keyd_address_; }
  const TempDir& dir() const { return dir_; }

  // kill -9, and waits until it is gone.
  void KillKeyd();
  // Starts it on the same data; waits until it serves. Errors: what it wrote.
  absl::Status StartKeyd();
  // With `more` over what all proxies are told.
  absl::Status StartProxy(const Settings& more = {});

  // A header with an admin token that was made for this.
  fake::Header AdminHeader(const std::string& name = "test");
  // Runs poolctl against this keyd.
  Finished Poolctl(std::vector<std::string> args, std::string input = "");

 private:
  explicit Cluster(ClusterOptions options);
  absl::Status StartFake();
  std::string UpstreamUrl() const;

  struct RunningProxy {
    std::unique_ptr<Process> process;
    std::uint16_t port = 0;
    std::uint16_t tls_port = 0;
  };
  ClusterOptions options_;
  TempDir dir_;
  std::string keyd_address_;
  std::unique_ptr<fake::FakeGemini> fake_;
  std::unique_ptr<Process> keyd_;
  std::vector<RunningProxy> proxies_;
};

}  // namespace keypool::itest
