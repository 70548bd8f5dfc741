// What keyd is told when it starts.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keyd/base/log.h"
#include "keyd/base/settings.h"
#include "keyd/engine/engine.h"
#include "keyd/master_key.h"
#include "keyd/rpc/server.h"

namespace keypool {

struct Config {
  std::string data_dir;
  std::string listen;        // empty: keyd.sock in data_dir
  std::string socket_group;  // empty: the owner alone
  rpc::TlsListenerOptions tls;
  std::string store = "sqlite";
  std::string durability = "process";
  std::int64_t default_rpm_limit = 10;
  std::int64_t default_rpd_limit = 250;
  std::int64_t default_tpm_limit = 250'000;
  std::string api_keys;  // secret
  std::string api_keys_file;
  std::string limits_file;
  std::string master_key;  // secret
  std::string master_key_file;
  std::string credentials_directory;  // empty, or it has the credential keyd-master-key
  bool require_client_token = false;
  std::string log_level = "INFO";
  absl::Duration lease_time_to_live = absl::Minutes(10);
  absl::Duration send_by = absl::Milliseconds(500);
};

// Declares every setting of keyd, with the defaults that follow from `environment`. `config` must
// outlive `settings`.
void Declare(Config* config, const Settings::Environment& environment, Settings* settings);

// The parts that take a configuration of their own. REQUIRES: what Parse accepted.
std::string ListenAddress(const Config& config);
log::Level LogLevel(const Config& config);
rpc::ServerOptions ServerOptions(const Config& config);
// Errors: FAILED_PRECONDITION (this machine does not know the time zone of Google's quota day; the
// fix is named), those of ReadLimitsFile.
absl::StatusOr<engine::Options> EngineOptions(const Config& config);
MasterKeyPlaces PlacesOfMasterKey(const Config& config);

}  // namespace keypool
