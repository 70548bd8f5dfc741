// proxy: wiring only.
#include <sys/resource.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "keyd/base/clock.h"
#include "keyd/base/log.h"
#include "keyd/base/process_secrets.h"
#include "keyd/base/settings.h"
#include "proxy/config.h"
#include "proxy/server.h"

namespace {

// Two descriptors for each connection: ask for as many as the machine lets us have.
void RaiseDescriptorLimit(std::int64_t max_connections) {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  constexpr std::int64_t kOwn = 100;
  if (limit.rlim_max < static_cast<rlim_t>(2 * max_connections + kOwn)) {
    keypool::log::Warning("few_descriptors",
                          {{"max_connections", max_connections},
                           {"descriptors", static_cast<std::int64_t>(limit.rlim_max)},
                           {"needed", 2 * max_connections + kOwn}});
  }
}

}  // namespace

int main(int argc, char** argv) {
  keypool::RefuseDumps();
  keypool::proxy::ProxyConfig config;
  keypool::Settings settings(
      "proxy", "Passes Gemini API requests on, each with a key of the pool that keyd looks after.");
  keypool::proxy::DeclareSettings(&settings, &config);
  const keypool::Settings::Parsed parsed =
      settings.Parse(argc, argv, keypool::Settings::ProcessEnvironment());
  std::fputs(parsed.out.c_str(), stdout);
  std::fputs(parsed.err.c_str(), stderr);
  if (parsed.next == keypool::Settings::Next::kExit) return parsed.exit_code;
  keypool::proxy::Derive(&config);

  keypool::proxy::Server::BlockSignals();
  keypool::log::Start(config.level);
  std::signal(SIGPIPE, SIG_IGN);
  RaiseDescriptorLimit(config.max_connections);
  auto server = keypool::proxy::Server::Open(config, keypool::SystemClock());
  if (!server.ok()) {
    const std::string problem(server.status().message());
    keypool::log::Error("proxy_not_started", {{"problem", problem}});
    return EXIT_FAILURE;
  }
  (*server)->Run();
  return EXIT_SUCCESS;
}
