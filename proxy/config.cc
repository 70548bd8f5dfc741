#include "proxy/config.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "keyd/base/state_dir.h"
#include "keyd/base/status.h"

namespace keypool::proxy {
namespace {

using Wrong = std::optional<std::string>;

Wrong WrongHost(std::string_view host) {
  boost::system::error_code error;
  const std::string text = host == "localhost" ? "127.0.0.1" : std::string(host);
  static_cast<void>(boost::asio::ip::make_address(text, error));
  if (!error) return std::nullopt;
  return absl::StrCat("\"", text, "\" is not an IP address; use 127.0.0.1 or ::1, or 0.0.0.0");
}

// An address that others can reach needs tokens.
absl::Status CheckReach(const ProxyConfig& config) {
  boost::system::error_code error;
  const std::string text = config.host == "localhost" ? "127.0.0.1" : config.host;
  const auto address = boost::asio::ip::make_address(text, error);
  if (error || address.is_loopback() || config.require_client_token) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "HOST: ", text,
      " can be reached by others, and whoever reaches the port spends the pool's quota: set "
      "REQUIRE_CLIENT_TOKEN=true and give out tokens with `poolctl client add`, or use 127.0.0.1 "
      "or ::1"));
}

Wrong WrongOrigin(std::string_view url) {
  const absl::Status status = ParseOrigin(url).status();
  if (status.ok()) return std::nullopt;
  return std::string(status.message());
}

Wrong WrongCorsOrigins(std::string_view list) {
  const absl::Status status = CorsPolicy::Parse(list).status();
  if (status.ok()) return std::nullopt;
  return std::string(status.message());
}

Wrong WrongLevel(std::string_view level) {
  if (log::ParseLevel(level).has_value()) return std::nullopt;
  return absl::StrCat("\"", ToAbsl(level), "\" is none of DEBUG, INFO, WARNING and ERROR");
}

Wrong WrongFile(std::string_view file) {
  if (file.empty() || ::access(std::string(file).c_str(), R_OK) == 0) return std::nullopt;
  return absl::StrCat(ToAbsl(file), " cannot be read");
}

Wrong WrongDirectory(std::string_view directory) {
  if (directory.empty() || ::access(std::string(directory).c_str(), W_OK | X_OK) == 0) {
    return std::nullopt;
  }
  return absl::StrCat(ToAbsl(directory), " is not a directory that can be written");
}

Wrong WrongPublicBase(std::string_view url) {
  return url.empty() ? std::nullopt : WrongOrigin(url);
}

Wrong WrongPeers(std::string_view list) {
  const absl::Status status = TrustedPeers::Parse(list).status();
  if (status.ok()) return std::nullopt;
  return std::string(status.message());
}

void DeclareAddress(Settings* settings, ProxyConfig* config) {
  settings->AddText("PUBLIC_BASE_URL", &config->public_base_url,
                    "Where clients reach the proxy, such as https://pool.example/gemini: goes into "
                    "the addresses that uploads go on at, and its path may stand in front of "
                    "every request's own. Empty: the address that each request was sent to.",
                    WrongPublicBase);
  settings->AddText("TRUSTED_PROXIES", &config->trusted_proxies,
                    "Addresses and ranges (10.0.0.0/8) of reverse proxies, comma separated, whose "
                    "X-Forwarded-Proto and X-Forwarded-Host tell the address that a request was "
                    "sent to.",
                    WrongPeers);
}

std::vector<std::string> ListOf(const std::string& text) {
  return absl::StrSplit(text, ',', absl::SkipWhitespace());
}

// Pairs what stands at the same place. Errors: INVALID_ARGUMENT, the settings are named.
absl::StatusOr<std::vector<CertificateFiles>> PairFiles(const ProxyConfig& config) {
  const std::vector<std::string> certificates = ListOf(config.tls_cert_file);
  const std::vector<std::string> keys = ListOf(config.tls_key_file);
  if (certificates.size() != keys.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("TLS_CERT_FILE names ", certificates.size(), " and TLS_KEY_FILE ", keys.size(),
                     " files; each certificate needs its key, in the same order"));
  }
  std::vector<CertificateFiles> files;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    files.push_back({std::string(absl::StripAsciiWhitespace(certificates[i])),
                     std::string(absl::StripAsciiWhitespace(keys[i]))});
  }
  return files;
}

// Reads them, as the start does: a check of the settings is to find what the start would.
absl::Status CheckCertificates(const ProxyConfig& config) {
  absl::StatusOr<std::vector<CertificateFiles>> files = PairFiles(config);
  if (!files.ok() || files->empty()) return files.status();
  return Certificates::Load(*std::move(files)).status();
}

void DeclareTls(Settings* settings, ProxyConfig* config) {
  settings->AddText("TLS_CERT_FILE", &config->tls_cert_file,
                    "PEM file of the certificate, and those it was signed with, for HTTPS on "
                    "TLS_PORT. Several, comma separated, are chosen by the name that a client asks "
                    "for; read again on SIGHUP. Empty: no HTTPS.");
  settings->AddText("TLS_KEY_FILE", &config->tls_key_file,
                    "PEM file of the certificate's key, without a passphrase; several in the order "
                    "of TLS_CERT_FILE.");
  settings->AddInt("TLS_PORT", &config->tls_port, {0, 65535},
                   "Port for HTTPS, when there is a certificate; the same as PORT: HTTPS alone; 0 "
                   "takes a free one.");
  settings->AddCheck([config] { return CheckCertificates(*config); });
}

void DeclareServing(Settings* settings, ProxyConfig* config) {
  settings->AddText("HOST", &config->host,
                    "Address to listen on. One beyond loopback needs REQUIRE_CLIENT_TOKEN.",
                    WrongHost);
  settings->AddFlag("REQUIRE_CLIENT_TOKEN", &config->require_client_token,
                    "Serve nobody without a token of `poolctl client add`, whatever keyd is set "
                    "to.");
  settings->AddCheck([config] { return CheckReach(*config); });
  settings->AddInt("PORT", &config->port, {0, 65535}, "Port to listen on; 0 takes a free one.");
  settings->AddInt("THREADS", &config->threads, {0, 256},
                   "Threads that serve; 0 is one for each core.");
  settings->AddInt("MAX_CONNECTIONS", &config->max_connections, {1, 1'000'000},
                   "Client connections at a time; more wait in the kernel's queue.");
  settings->AddInt(
      "MAX_CONNECTIONS_PER_ADDRESS", &config->max_connections_per_address, {0, 1'000'000},
      "Connections of one client address at a time (of IPv6, of one /64 network); more "
      "get 503. Those of TRUSTED_PROXIES are not counted; 0 is no limit.");
  settings->AddInt("MAX_CONNECTIONS_PER_CLIENT", &config->max_connections_per_client,
                   {0, 1'000'000},
                   "Connections of one client, known by its token, at a time; what comes on more "
                   "gets 429. 0 is no limit.");
  settings->AddInt("MAX_BODY_BYTES", &config->max_body_bytes, {1024, std::int64_t{16} << 30},
                   "Largest request body; uploads, which stream through, have no limit.");
  settings->AddInt("MAX_BODY_MEMORY_BYTES", &config->max_body_memory_bytes,
                   {0, std::int64_t{1} << 40},
                   "Memory for all request bodies at a time, beside 16 KiB for each connection. "
                   "When it is used up, bodies go to files in SPOOL_DIR.");
  settings->AddText("SPOOL_DIR", &config->spool_dir,
                    "Directory for request bodies over 1 MiB, in files without a name. Empty: "
                    "DATA_DIR when it can be written, else /tmp.",
                    WrongDirectory);
  settings->AddText("CORS_ORIGINS", &config->cors_origins,
                    "Pages in browsers that may use the proxy: origins (https://app.example), "
                    "comma separated; local is this machine, extensions and desktop programs; * is "
                    "everybody; none is nobody.",
                    WrongCorsOrigins);
  settings->AddSeconds("SHUTDOWN_GRACE_SECONDS", &config->shutdown_grace, {0, 3600},
                       "How long requests may go on after SIGTERM.");
}

void DeclarePatience(Settings* settings, ClientPatience* patience) {
  settings->AddSeconds("HEAD_TIMEOUT_SECONDS", &patience->head, {1, 3600},
                       "How long a client may take for the headers of a request, and for a TLS "
                       "handshake.");
  settings->AddSeconds("BODY_TIMEOUT_SECONDS", &patience->body_stall, {1, 3600},
                       "How long a client may send nothing of a body that it owes.");
  settings->AddInt("MIN_BODY_BYTES_PER_SECOND", &patience->body_bytes_per_second_min,
                   {0, 1'000'000'000},
                   "Slowest rate of a request body, measured after BODY_TIMEOUT_SECONDS of "
                   "waiting for it; 0 is none.");
  settings->AddSeconds("IDLE_TIMEOUT_SECONDS", &patience->idle, {1, 86'400},
                       "How long a client connection may lie idle between requests.");
  settings->AddSeconds("WRITE_TIMEOUT_SECONDS", &patience->write_stall, {1, 3600},
                       "How long a client may take nothing of its answer.");
}

void DeclareUpstream(Settings* settings, ProxyConfig* config) {
  settings->AddText("GEMINI_BASE_URL", &config->gemini_base_url,
                    "Where requests go, https:// or http://, with an optional path in front of "
                    "every request's own.",
                    WrongOrigin);
  settings->AddText("UPSTREAM_CA_FILE", &config->upstream_ca_file,
                    "PEM file of the authorities that upstream's certificate is checked against. "
                    "Empty: the machine's.",
                    WrongFile);
  settings->AddSeconds("UPSTREAM_TIMEOUT_SECONDS", &config->upstream_timeout, {1, 86'400},
                       "How long upstream may be silent, before its answer and inside it.");
  settings->AddInt("MAX_RETRIES", &config->max_retries, {0, 20},
                   "More attempts for one request, each on another key.");
  settings->AddSeconds("RETRY_DELAY_SECONDS", &config->retry_delay, {0, 60},
                       "Longest pause before a model that Google has no room for is tried again.");
  settings->AddSeconds(
      "MAX_WAIT_SECONDS", &config->max_wait, {0, 600},
      "How long a request may wait for a key when none is free; 0 refuses at once.");
}

}  // namespace

void DeclareSettings(Settings* settings, ProxyConfig* config) {
  config->data_dir = DefaultDataDir(Settings::ProcessEnvironment());
  DeclareServing(settings, config);
  DeclarePatience(settings, &config->patience);
  DeclareTls(settings, config);
  DeclareUpstream(settings, config);
  DeclareAddress(settings, config);
  settings->AddText("DATA_DIR", &config->data_dir, "Directory of keyd's state and its socket.");
  settings->AddText("KEYD_ADDRESS", &config->keyd_address,
                    "Where keyd listens: unix:/path/to/keyd.sock or tls://host:port. Empty: "
                    "keyd.sock in DATA_DIR.");
  client::DeclareKeydTls(&config->keyd_tls, settings);
  settings->AddCheck([config] { return client::CheckKeydAddress(config->Keyd()); });
  settings->AddText("LOG_LEVEL", &config->log_level, "DEBUG, INFO, WARNING or ERROR.", WrongLevel);
}

void Derive(ProxyConfig* config) {
  if (config->host == "localhost") config->host = "127.0.0.1";
  if (config->keyd_address.empty()) config->keyd_address = DefaultKeydAddress(config->data_dir);
  if (config->threads == 0) {
    config->threads = std::max<std::int64_t>(1, std::thread::hardware_concurrency());
  }
  if (config->spool_dir.empty()) {
    config->spool_dir =
        ::access(config->data_dir.c_str(), W_OK | X_OK) == 0 ? config->data_dir : "/tmp";
  }
  if (absl::StatusOr<Origin> origin = ParseOrigin(config->gemini_base_url); origin.ok()) {
    config->origin = *std::move(origin);
  }
  if (absl::StatusOr<Origin> base = ParseOrigin(config->public_base_url); base.ok()) {
    config->public_base =
        absl::StrCat(base->tls ? "https" : "http", "://", base->authority, base->prefix);
    config->public_prefix = base->prefix;
  }
  if (absl::StatusOr<TrustedPeers> peers = TrustedPeers::Parse(config->trusted_proxies);
      peers.ok()) {
    config->trusted = *std::move(peers);
  }
  if (absl::StatusOr<CorsPolicy> cors = CorsPolicy::Parse(config->cors_origins); cors.ok()) {
    config->cors = *std::move(cors);
  }
  if (absl::StatusOr<std::vector<CertificateFiles>> files = PairFiles(*config); files.ok()) {
    config->certificates = *std::move(files);
  }
  config->serves_plain_http =
      config->certificates.empty() || config->tls_port == 0 || config->tls_port != config->port;
  config->level = log::ParseLevel(config->log_level).value_or(log::Level::kInfo);
  config->body.bytes_max = static_cast<std::uint64_t>(config->max_body_bytes);
  config->body.spool_dir = config->spool_dir;
}

}  // namespace keypool::proxy
