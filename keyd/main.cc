// keyd: wiring only.
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "keyd/base/clock.h"
#include "keyd/base/log.h"
#include "keyd/base/process_secrets.h"
#include "keyd/base/settings.h"
#include "keyd/base/status.h"
#include "keyd/base/version.h"
#include "keyd/config.h"
#include "keyd/engine/engine.h"
#include "keyd/import.h"
#include "keyd/master_key.h"
#include "keyd/rpc/advice.h"
#include "keyd/rpc/server.h"
#include "keyd/rpc/socket_path.h"
#include "keyd/store/mem_store.h"
#include "keyd/store/sqlite_store.h"

namespace keypool {
namespace {

absl::StatusOr<ImportList> ReadKeys(const Config& config) {
  std::vector<std::string> notes;
  absl::StatusOr<std::string> file = ReadKeysFile(config.api_keys_file, &notes);
  if (!file.ok()) return file.status();
  absl::StatusOr<ImportList> list = ParseKeys(config.api_keys, *file);
  Wipe(&*file);
  if (!list.ok()) return list.status();
  list->notes.insert(list->notes.begin(), notes.begin(), notes.end());
  return list;
}

// Makes DATA_DIR. Answers the folders that were missing.
absl::StatusOr<std::vector<std::string>> MakeDataDir(const Config& config) {
  std::vector<std::string> made;
  std::error_code error;
  std::filesystem::path folder = config.data_dir;
  while (!folder.empty() && !std::filesystem::exists(folder, error)) {
    made.push_back(folder);
    folder = folder.parent_path();
  }
  std::filesystem::create_directories(config.data_dir, error);
  if (!error) return made;
  return absl::FailedPreconditionError(
      absl::StrCat("DATA_DIR: cannot make ", config.data_dir, ": ", error.message()));
}

absl::StatusOr<std::unique_ptr<store::Store>> OpenStore(const Config& config,
                                                        MasterKeys* master_keys) {
  if (config.store == "memory") return std::make_unique<store::MemStore>();
  absl::StatusOr<std::unique_ptr<store::SqliteStore>> file =
      store::SqliteStore::Open(absl::StrCat(config.data_dir, "/keyd.db"),
                               [&](std::string_view id) { return master_keys->For(id); });
  if (!file.ok()) return file.status();
  return *std::move(file);
}

absl::StatusOr<PoolSummary> AskSummary(engine::Engine* engine) {
  auto answer = std::make_shared<std::promise<absl::StatusOr<PoolStatus>>>();
  std::future<absl::StatusOr<PoolStatus>> status = answer->get_future();
  engine->Status({.model = "", .after = KeyId(), .keys_max = 1},
                 [answer](absl::StatusOr<PoolStatus> s) { answer->set_value(std::move(s)); });
  absl::StatusOr<PoolStatus> got = status.get();
  if (!got.ok()) return got.status();
  return got->summary;
}

void TellStart(const Config& config, const PoolSummary& summary) {
  log::Info("keyd_started", {{"version", Version()},
                             {"address", ListenAddress(config)},
                             {"data_dir", config.data_dir},
                             {"store", config.store},
                             {"epoch", summary.epoch.value()},
                             {"keys", summary.keys_total},
                             {"active", summary.keys_active},
                             {"projects", summary.projects_total}});
  if (const std::string advice = rpc::Advice(summary); !advice.empty()) {
    log::Warning("pool_advice", {{"advice", advice}});
  }
}

// Serving goes on, whatever is found: `poolctl audit --verify` says it again.
void CheckAudit(engine::Engine* engine) {
  engine->VerifyAudit([](const absl::StatusOr<AuditVerdict>& verdict) {
    if (!verdict.ok()) {
      log::Error("audit_unchecked", {{"error", ToStd(verdict.status().message())}});
    } else if (verdict->broken) {
      log::Error("audit_broken",
                 {{"record", verdict->broken->number}, {"why", verdict->broken->why}});
    }
  });
}

// Returns after SIGTERM or SIGINT and a clean end. `stop_signals` are blocked in every thread.
absl::Status Serve(const Config& config, MasterKeys* master_keys, const engine::Options& options,
                   ImportList keys, const sigset_t& stop_signals) {
  absl::StatusOr<std::vector<std::string>> made_folders = MakeDataDir(config);
  if (!made_folders.ok()) return made_folders.status();
  const absl::StatusOr<std::unique_ptr<store::Store>> store = OpenStore(config, master_keys);
  if (!store.ok()) return store.status();
  const auto engine = engine::Engine::Start(options, SystemClock(), **store);
  if (!engine.ok()) return engine.status();
  KP_RETURN_IF_ERROR(master_keys->Settle());
  (*engine)->OnUnhealthy([](const absl::Status& why) {
    log::Error("unhealthy", {{"error", ToStd(why.message())}});
  });
  CheckAudit(engine->get());
  KP_RETURN_IF_ERROR(Import(std::exchange(keys, {}), engine->get()));
  const absl::StatusOr<PoolSummary> summary = AskSummary(engine->get());
  if (!summary.ok()) return summary.status();
  rpc::ServerOptions server_options = ServerOptions(config);
  server_options.sharing.made_folders = *std::move(made_folders);
  server_options.rotate_master_key = [&] { return master_keys->Rotate(store->get()); };
  const auto server = rpc::Server::Start(server_options, engine->get());
  if (!server.ok()) return server.status();
  TellStart(config, *summary);

  int received = 0;
  sigwait(&stop_signals, &received);
  log::Info("keyd_stopping", {{"signal", received}});
  // A second signal ends the process at once.
  pthread_sigmask(SIG_UNBLOCK, &stop_signals, nullptr);
  (*server)->Stop();
  (*engine)->Stop();
  log::Info("keyd_stopped");
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  // Before the first thread: threads inherit the mask of signals.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  sigaddset(&stop_signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  RefuseDumps();
  Config config;
  Settings::Environment environment = Settings::ProcessEnvironment();
  Settings settings("keyd", "Holds a pool of Gemini API keys and lends them to proxies.");
  settings.RefuseArguments("keyd takes no arguments; add a key with `poolctl add`.");
  Declare(&config, environment, &settings);
  absl::StatusOr<engine::Options> options;
  settings.AddCheck([&] { return (options = EngineOptions(config)).status(); });
  absl::StatusOr<ImportList> keys;
  settings.AddCheck([&] { return (keys = ReadKeys(config)).status(); });
  const Settings::Parsed parsed = settings.Parse(argc, argv, environment);
  WipeEnvironment("GEMINI_API_KEYS", &environment);
  WipeEnvironment("MASTER_KEY", &environment);
  Wipe(&config.api_keys);
  MasterKeys master_keys(PlacesOfMasterKey(config));
  Wipe(&config.master_key);
  std::fputs(parsed.out.c_str(), stdout);
  std::fputs(parsed.err.c_str(), stderr);
  if (parsed.next == Settings::Next::kExit || !options.ok() || !keys.ok()) return parsed.exit_code;

  const rpc::PrivateUmask umask;
  log::Start(LogLevel(config));
  const absl::Status status = Serve(config, &master_keys, *options, *std::move(keys), stop_signals);
  log::Flush();
  if (status.ok()) return 0;
  std::fprintf(stderr, "keyd: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace keypool

int main(int argc, char** argv) { return keypool::Main(argc, argv); }
