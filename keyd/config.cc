#include "keyd/config.h"

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/state_dir.h"
#include "keyd/base/status.h"
#include "keyd/limits_file.h"
#include "keyd/rpc/socket_path.h"
#include "keyd/wire/unix_address.h"

namespace keypool {
namespace {

constexpr char kQuotaZone[] = "America/Los_Angeles";
// What leaves in time is counted by Google a little later, and not by the same little each time.
constexpr absl::Duration kOnTheWay = absl::Milliseconds(100);

absl::Status OneOf(std::string_view name, const std::string& value,
                   std::initializer_list<std::string_view> allowed) {
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return absl::OkStatus();
  std::string list;
  for (std::string_view a : allowed) absl::StrAppend(&list, list.empty() ? "" : ", ", ToAbsl(a));
  return absl::InvalidArgumentError(
      absl::StrCat(ToAbsl(name), ": \"", value, "\" is none of ", list));
}

void DeclareChecks(Config* config, Settings* settings) {
  settings->AddCheck([config] { return OneOf("STORE", config->store, {"sqlite", "memory"}); });
  settings->AddCheck([config] {
    return OneOf("DURABILITY", config->durability, {"process", "power"});
  });
  settings->AddCheck([config] {
    if (log::ParseLevel(config->log_level)) return absl::OkStatus();
    return OneOf("LOG_LEVEL", config->log_level, {"DEBUG", "INFO", "WARNING", "ERROR"});
  });
  settings->AddCheck([config] {
    if (!config->data_dir.empty() && config->data_dir[0] == '/') return absl::OkStatus();
    return absl::InvalidArgumentError("DATA_DIR: must be an absolute path");
  });
  settings->AddCheck([config] {
    return Annotate(wire::ParseUnixAddress(ListenAddress(*config)).status(), "KEYD_LISTEN");
  });
  settings->AddCheck([config] {
    if (config->socket_group.empty()) return absl::OkStatus();
    return rpc::FindSocketGroup(config->socket_group).status();
  });
  settings->AddCheck([config] {
    const rpc::TlsListenerOptions& tls = config->tls;
    if (tls.address.empty() ||
        !(tls.certificate_file.empty() || tls.key_file.empty() || tls.client_ca_file.empty())) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        "KEYD_TLS_LISTEN: needs KEYD_TLS_CERT_FILE, KEYD_TLS_KEY_FILE and KEYD_TLS_CA_FILE; "
        "deploy/make-keyd-ca makes them");
  });
  settings->AddCheck([config] {
    if (config->send_by < config->lease_time_to_live) return absl::OkStatus();
    return absl::InvalidArgumentError("SEND_BY_SECONDS: must be less than LEASE_TTL_SECONDS");
  });
}

}  // namespace

void Declare(Config* config, const Settings::Environment& environment, Settings* settings) {
  config->data_dir = DefaultDataDir(environment);
  settings->AddText("DATA_DIR", &config->data_dir,
                    "Directory of the pool's file and of the socket; made when missing.");
  settings->AddText("KEYD_LISTEN", &config->listen,
                    "Unix socket to listen on, such as unix:/run/keypool/keyd.sock. Empty: "
                    "keyd.sock in DATA_DIR.");
  settings->AddText("KEYD_SOCKET_GROUP", &config->socket_group,
                    "Group, by name or number, whose members may use the socket too, with all "
                    "that its owner may. Empty: keyd's own user alone.");
  settings->AddText(
      "KEYD_TLS_LISTEN", &config->tls.address,
      "host:port for proxies and poolctl on other machines, over mutual TLS 1.3. Empty: "
      "the unix socket only.");
  settings->AddText("KEYD_TLS_CERT_FILE", &config->tls.certificate_file,
                    "PEM file of keyd's certificate there. Read again when it changes.");
  settings->AddText("KEYD_TLS_KEY_FILE", &config->tls.key_file,
                    "PEM file of its key, without a passphrase.");
  settings->AddText("KEYD_TLS_CA_FILE", &config->tls.client_ca_file,
                    "PEM file of who signs the certificates of callers. A certificate says by the "
                    "URI keypool://role/proxy or keypool://role/admin what its owner may do.");
  settings->AddSecretText("GEMINI_API_KEYS", &config->api_keys,
                          "API keys to import, separated by commas or lines: key or key@project, "
                          "where project is the Google Cloud project that owns the key.");
  settings->AddText("GEMINI_API_KEYS_FILE", &config->api_keys_file,
                    "File of API keys to import, written the same way; # begins a comment.");
  const auto credentials = environment.find("CREDENTIALS_DIRECTORY");
  if (credentials != environment.end() && HasMasterKeyCredential(credentials->second)) {
    config->credentials_directory = credentials->second;
  }
  settings->AddSecretText("MASTER_KEY", &config->master_key,
                          "Seals the API keys in DATA_DIR: 64 hexadecimal digits, as `openssl rand "
                          "-hex 32` makes them. Better in a file.");
  settings->AddText("MASTER_KEY_FILE", &config->master_key_file,
                    "File of the master key. Without it, MASTER_KEY and a systemd credential "
                    "keyd-master-key, keyd makes master.key in DATA_DIR. A second key in the file "
                    "opens what was sealed before.");
  settings->AddInt("DEFAULT_RPM_LIMIT", &config->default_rpm_limit, {1, kLimitMax},
                   "Requests a minute, for a project and a model whose limit is not known.");
  settings->AddInt("DEFAULT_RPD_LIMIT", &config->default_rpd_limit, {1, kLimitMax},
                   "Requests a Pacific day, for a project and a model whose limit is not known.");
  settings->AddInt("DEFAULT_TPM_LIMIT", &config->default_tpm_limit, {1, kTokenLimitMax},
                   "Input tokens a minute, for a project and a model whose limit is not known.");
  settings->AddText("LIMITS_FILE", &config->limits_file,
                    "TOML file with limits for models, tiers and projects, over the defaults.");
  settings->AddFlag("REQUIRE_CLIENT_TOKEN", &config->require_client_token,
                    "Serve nobody without a token of `poolctl client add`. In force by itself as "
                    "soon as there is a client.");
  settings->AddText("STORE", &config->store,
                    "Where the pool is remembered: sqlite (a file in DATA_DIR) or memory (nowhere: "
                    "keys and counters end with keyd).");
  settings->AddText("DURABILITY", &config->durability,
                    "What counters survive: process (a crash or kill of keyd) or power (also a "
                    "loss of power, at the price of an fsync). Keys always survive both.");
  settings->AddSeconds("LEASE_TTL_SECONDS", &config->lease_time_to_live, {1, 86'400},
                       "A lease without a report for this long counts as used.");
  settings->AddSeconds("SEND_BY_SECONDS", &config->send_by, {0.05, 30},
                       "A granted request must leave the proxy within this time. Quota windows are "
                       "kept this and 0.1 s longer than a minute.");
  settings->AddText("LOG_LEVEL", &config->log_level, "DEBUG, INFO, WARNING or ERROR.");
  DeclareChecks(config, settings);
}

std::string ListenAddress(const Config& config) {
  return config.listen.empty() ? DefaultKeydAddress(config.data_dir) : config.listen;
}

log::Level LogLevel(const Config& config) {
  return log::ParseLevel(config.log_level).value_or(log::Level::kInfo);
}

rpc::ServerOptions ServerOptions(const Config& config) {
  rpc::ServerOptions options;
  options.listen = ListenAddress(config);
  options.sharing.group = config.socket_group;
  options.send_by = config.send_by;
  options.tls = config.tls;
  options.lease_time_to_live = config.lease_time_to_live;
  options.parse_limits = ParseLimitScopes;
  return options;
}

absl::StatusOr<engine::Options> EngineOptions(const Config& config) {
  engine::Options options;
  options.durability =
      config.durability == "power" ? store::Durability::kPower : store::Durability::kProcess;
  options.pool.default_limits.requests_per_minute = config.default_rpm_limit;
  options.pool.default_limits.requests_per_day = config.default_rpd_limit;
  options.pool.default_limits.input_tokens_per_minute = config.default_tpm_limit;
  absl::StatusOr<policy::LimitRules> limits = ReadLimitsFile(config.limits_file);
  if (!limits.ok()) return limits.status();
  options.pool.limits = *std::move(limits);
  options.pool.require_client_token = config.require_client_token;
  options.pool.send_by = config.send_by + kOnTheWay;
  options.pool.lease_time_to_live = config.lease_time_to_live;
  if (!absl::LoadTimeZone(kQuotaZone, &options.pool.pacific)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the time zone ", kQuotaZone,
        " is not known on this machine, and Google's daily quotas start again at its midnight. "
        "Install the package tzdata, or let TZDIR name the directory of the zone files"));
  }
  return options;
}

MasterKeyPlaces PlacesOfMasterKey(const Config& config) {
  MasterKeyPlaces places;
  places.file = config.master_key_file;
  if (!config.master_key.empty()) places.text = std::make_shared<const Secret>(config.master_key);
  places.credentials_directory = config.credentials_directory;
  places.data_dir = config.data_dir;
  return places;
}

}  // namespace keypool
