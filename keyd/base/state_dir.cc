#include "keyd/base/state_dir.h"

namespace keypool {
namespace {

std::string Absolute(const Settings::Environment& environment, const std::string& name) {
  const auto it = environment.find(name);
  if (it == environment.end() || !it->second.starts_with('/')) return "";
  return it->second;
}

}  // namespace

std::string DefaultDataDir(const Settings::Environment& environment) {
  const std::string service = Absolute(environment, "STATE_DIRECTORY");
  if (!service.empty()) return service.substr(0, service.find(':'));
  const std::string state_home = Absolute(environment, "XDG_STATE_HOME");
  if (!state_home.empty()) return state_home + "/keypool";
  const std::string home = Absolute(environment, "HOME");
  if (!home.empty()) return (home == "/" ? "" : home) + "/.local/state/keypool";
  return "/var/lib/keypool";
}

std::string DefaultKeydAddress(std::string_view data_dir) {
  return "unix:" + std::string(data_dir) + "/keyd.sock";
}

}  // namespace keypool
