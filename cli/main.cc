// poolctl: wiring only.
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/options.h"
#include "keyd/base/clock.h"
#include "keyd/base/process_secrets.h"
#include "keyd/base/settings.h"
#include "keyd/client/admin_client.h"

int main(int argc, char** argv) {
  using namespace keypool;
  RefuseDumps();
  const Settings::Environment environment = Settings::ProcessEnvironment();
  const auto is_set = [&environment](const char* name, std::string_view value = "") {
    const auto it = environment.find(name);
    return it != environment.end() && !it->second.empty() && (value.empty() || it->second == value);
  };
  const auto console = cli::OpenConsole(is_set("NO_COLOR") || is_set("TERM", "dumb"));

  cli::Options options;
  const Settings::Parsed parsed = cli::ReadOptions(argc, argv, environment, &options);
  if (parsed.next == Settings::Next::kExit) {
    console->Out(parsed.out);
    if (!parsed.err.empty()) console->Err(parsed.err.substr(0, parsed.err.size() - 1));
    return parsed.exit_code;
  }
  const auto keyd = client::AdminClient::Open(
      {client::KeydAddress(options.address, options.keyd_tls), options.timeout});
  return cli::RunCommand(options, *keyd, *console, SystemClock(), absl::LocalTimeZone());
}
