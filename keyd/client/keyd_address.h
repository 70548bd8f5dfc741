// Where keyd is, and how to show it who calls.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "keyd/base/settings.h"

namespace keypool::client {

// PEM files; for addresses that begin with tls://. Read again when they change.
struct TlsFiles {
  std::string authority;    // who signs keyd's certificate
  std::string certificate;  // our own, which says our role
  std::string key;
};

struct KeydAddress {
  KeydAddress(std::string address = "") : text(std::move(address)) {}
  KeydAddress(const char* address) : text(address) {}
  KeydAddress(std::string address, TlsFiles files)
      : text(std::move(address)), tls(std::move(files)) {}

  std::string text;  // "unix:/path", "unix:path" or "tls://host:port"
  TlsFiles tls;
};

// "host:port" of "tls://host:port"; nothing of other addresses.
std::optional<std::string> TlsTarget(std::string_view address);

// INVALID_ARGUMENT: what is wrong, with the settings KEYD_ADDRESS and KEYD_TLS_… named. An empty
// address is right: the program has a default.
absl::Status CheckKeydAddress(const KeydAddress& address);

// KEYD_TLS_CA_FILE, KEYD_TLS_CERT_FILE and KEYD_TLS_KEY_FILE of a program that calls keyd. `files`
// must outlive `settings`.
void DeclareKeydTls(TlsFiles* files, Settings* settings);

}  // namespace keypool::client
