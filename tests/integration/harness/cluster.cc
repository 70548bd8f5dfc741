#include "tests/integration/harness/cluster.h"

#include <gtest/gtest.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "tests/integration/harness/programs.h"

namespace keypool::itest {
namespace {

// Fields of the log lines by which the programs say that they serve.
constexpr std::string_view kKeydServes = "keyd_started";
constexpr std::string_view kProxyListens = "proxy_listening";
constexpr std::string_view kPortField = " port=";
constexpr std::string_view kTlsPortField = " tls_port=";

Settings Over(Settings base, const Settings& more) {
  for (const auto& [name, value] : more) base[name] = value;
  return base;
}

void Stop(std::string_view program, Process& process) {
  const bool ran = process.Running();
  process.Signal(SIGTERM);
  const std::optional<int> exit_code = process.WaitForExit();
  if (ran) {
    EXPECT_EQ(exit_code, 0) << program << " did not end cleanly: " << process.Err();
  }
  const std::string said = process.Err();
  const bool clean = said.find("Sanitizer") == std::string::npos &&
                     said.find("runtime error:") == std::string::npos;
  EXPECT_TRUE(clean) << program << ": " << said;
}

// The number behind `field`; 0 when there is none.
std::uint16_t PortIn(const std::string& line, std::string_view field) {
  std::uint16_t port = 0;
  const std::size_t at = line.find(field);
  if (at == std::string::npos) return port;
  std::from_chars(line.data() + at + field.size(), line.data() + line.size(), port);
  return port;
}

absl::Status DidNotComeUp(std::string_view program, Process& process) {
  return absl::UnavailableError(
      absl::StrCat(std::string(program), " did not come up: ", process.Out(), process.Err()));
}

}  // namespace

std::string TestKey(int number) {
  char text[48];
  std::snprintf(text, sizeof(text), "AIzaSyTest-key-for-the-fake-only-%06d", number);
  return text;
}

std::vector<std::pair<std::string, std::string>> TestKeys(int projects, int each) {
  std::vector<std::pair<std::string, std::string>> keys;
  for (int i = 0; i < projects * each; ++i) {
    keys.emplace_back(TestKey(i + 1), absl::StrCat("project-", i / each + 1));
  }
  return keys;
}

std::string Cluster::UpstreamUrl() const {
  const std::string_view scheme = options_.fake.tls_key_file.empty() ? "http" : "https";
  return absl::StrCat(std::string(scheme), "://", options_.upstream_host, ":", fake_->port());
}

Cluster::Cluster(ClusterOptions options) : options_(std::move(options)) {
  keyd_address_ = "unix:" + dir_.File("keyd.sock");
}

Cluster::~Cluster() {
  for (RunningProxy& proxy : proxies_) Stop("proxy", *proxy.process);
  if (keyd_ != nullptr) Stop("keyd", *keyd_);
}

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Start(ClusterOptions options) {
  std::unique_ptr<Cluster> cluster(new Cluster(std::move(options)));
  KP_RETURN_IF_ERROR(cluster->StartFake());
  if (cluster->options_.start_keyd) KP_RETURN_IF_ERROR(cluster->StartKeyd());
  for (int i = 0; i < cluster->options_.proxies; ++i) KP_RETURN_IF_ERROR(cluster->StartProxy());
  return cluster;
}

absl::Status Cluster::StartFake() {
  fake::FakeOptions options = options_.fake;
  options.quota.limit = options_.fake_limit;
  for (const auto& [key, project] : options_.keys) options.quota.project_of_key[key] = project;
  absl::StatusOr<std::unique_ptr<fake::FakeGemini>> fake = fake::FakeGemini::Start(options);
  if (!fake.ok()) return fake.status();
  fake_ = *std::move(fake);
  return absl::OkStatus();
}

absl::Status Cluster::StartKeyd() {
  std::string keys;
  for (const auto& [key, project] : options_.keys) {
    absl::StrAppend(&keys, keys.empty() ? "" : ",", key, "@", project);
  }
  ProcessOptions process{.program = Program("keyd")};
  process.environment = Over({{"DATA_DIR", dir_.path()},
                              {"GEMINI_API_KEYS", keys},
                              {"DEFAULT_RPM_LIMIT", "1000000"},
                              {"DEFAULT_RPD_LIMIT", "1000000"},
                              {"DEFAULT_TPM_LIMIT", "1000000000000"}},
                             options_.keyd);
  absl::StatusOr<std::unique_ptr<Process>> started = Process::Start(process);
  if (!started.ok()) return started.status();
  keyd_ = *std::move(started);
  if (!keyd_->WaitForLine(kKeydServes)) return DidNotComeUp("keyd", *keyd_);
  return absl::OkStatus();
}

void Cluster::KillKeyd() {
  keyd_->Signal(SIGKILL);
  keyd_->WaitForExit();
}

absl::Status Cluster::StartProxy(const Settings& more) {
  ProcessOptions process{.program = Program("proxy")};
  process.environment = Over({{"HOST", "127.0.0.1"},
                              {"PORT", "0"},
                              {"DATA_DIR", dir_.path()},
                              {"KEYD_ADDRESS", keyd_address_},
                              {"GEMINI_BASE_URL", UpstreamUrl()},
                              {"RETRY_DELAY_SECONDS", "0"},
                              {"MAX_WAIT_SECONDS", "0"}},
                             options_.proxy);
  process.environment = Over(std::move(process.environment), more);
  absl::StatusOr<std::unique_ptr<Process>> started = Process::Start(process);
  if (!started.ok()) return started.status();
  RunningProxy proxy{*std::move(started), 0, 0};
  const std::optional<std::string> line = proxy.process->WaitForLine(kProxyListens);
  if (!line) return DidNotComeUp("proxy", *proxy.process);
  if (line->find(kPortField) == std::string::npos) {
    return absl::UnavailableError("no port in: " + *line);
  }
  proxy.port = PortIn(*line, kPortField);
  proxy.tls_port = PortIn(*line, kTlsPortField);
  proxies_.push_back(std::move(proxy));
  return absl::OkStatus();
}

fake::Header Cluster::AdminHeader(const std::string& name) {
  const Finished added = Poolctl({"admin-token", "add", name});
  return {"Authorization", absl::StrCat("Bearer ", absl::StripAsciiWhitespace(added.out))};
}

Finished Cluster::Poolctl(std::vector<std::string> args, std::string input) {
  ProcessOptions process{.program = Program("poolctl"), .args = std::move(args)};
  process.input = std::move(input);
  process.environment = {{"DATA_DIR", dir_.path()}, {"KEYD_ADDRESS", keyd_address_}};
  return RunToEnd(process);
}

}  // namespace keypool::itest
