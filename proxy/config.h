// The proxy's settings: what they are called, what they may be, and what follows from them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "keyd/base/log.h"
#include "keyd/base/settings.h"
#include "keyd/client/keyd_address.h"
#include "proxy/body.h"
#include "proxy/certificates.h"
#include "proxy/client_patience.h"
#include "proxy/cors.h"
#include "proxy/origin.h"
#include "proxy/public_address.h"

namespace keypool::proxy {

// Constant after the start; read by every thread.
struct ProxyConfig {
  std::string host = "127.0.0.1";
  bool require_client_token = false;
  std::int64_t port = 8000;   // 0: one that is free
  std::string tls_cert_file;  // empty: no HTTPS
  std::string tls_key_file;
  std::int64_t tls_port = 8443;  // PORT itself: HTTPS alone; 0: one that is free
  std::string gemini_base_url = "https://generativelanguage.googleapis.com";
  std::string data_dir;
  std::string keyd_address;  // default: keyd.sock in data_dir
  client::TlsFiles keyd_tls;
  std::int64_t max_retries = 3;
  absl::Duration retry_delay = absl::Seconds(2);
  absl::Duration max_wait = absl::Seconds(10);
  std::string log_level = "INFO";
  std::int64_t threads = 0;  // 0: one per core
  std::int64_t max_connections = 10'000;
  std::int64_t max_connections_per_address = 0;  // 0: as many as there are
  std::int64_t max_connections_per_client = 0;   // 0: as many as there are
  ClientPatience patience;
  std::int64_t max_body_bytes = 100 * 1024 * 1024;
  std::int64_t max_body_memory_bytes = 256 * 1024 * 1024;
  absl::Duration upstream_timeout = absl::Seconds(600);
  absl::Duration shutdown_grace = absl::Seconds(30);
  std::string upstream_ca_file;  // default: the machine's store
  std::string spool_dir;         // default: data_dir if it can be written, else /tmp
  std::string public_base_url;   // default: as each request was addressed
  std::string trusted_proxies;
  std::string cors_origins = "local";

  client::KeydAddress Keyd() const { return {keyd_address, keyd_tls}; }

  // What follows from them; filled by Derive.
  Origin origin;
  std::string public_base;    // public_base_url without a slash at its end; empty when it is
  std::string public_prefix;  // the path of it
  TrustedPeers trusted;
  BodyLimits body;
  log::Level level = log::Level::kInfo;
  CorsPolicy cors;
  std::vector<CertificateFiles> certificates;
  // Not when HTTPS is on the same port.
  bool serves_plain_http = true;
};

// Declares every setting and check. `config` must outlive the parse; data_dir is its default.
void DeclareSettings(Settings* settings, ProxyConfig* config);
// Fills defaults that depend on others, and the derived part. Called once, after a good parse.
void Derive(ProxyConfig* config);

}  // namespace keypool::proxy
