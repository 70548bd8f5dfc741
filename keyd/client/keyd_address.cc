#include "keyd/client/keyd_address.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"

namespace keypool::client {
namespace {

absl::Status CheckFile(std::string_view setting, const std::string& path) {
  if (path.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(ToAbsl(setting), ": must name a PEM file, because KEYD_ADDRESS is tls://"));
  }
  if (access(path.c_str(), R_OK) == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(ToAbsl(setting), ": ", path, ": ", std::generic_category().message(errno)));
}

}  // namespace

std::optional<std::string> TlsTarget(std::string_view address) {
  constexpr std::string_view kScheme = "tls://";
  if (!address.starts_with(kScheme)) return std::nullopt;
  return std::string(address.substr(kScheme.size()));
}

absl::Status CheckKeydAddress(const KeydAddress& address) {
  if (address.text.empty()) return absl::OkStatus();
  if (!TlsTarget(address.text)) {
    if (address.text.starts_with("unix:") && address.text.size() > 5) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("KEYD_ADDRESS: \"", address.text,
                     "\" is neither unix:/path/to/keyd.sock nor tls://host:port"));
  }
  KP_RETURN_IF_ERROR(CheckFile("KEYD_TLS_CA_FILE", address.tls.authority));
  KP_RETURN_IF_ERROR(CheckFile("KEYD_TLS_CERT_FILE", address.tls.certificate));
  return CheckFile("KEYD_TLS_KEY_FILE", address.tls.key);
}

void DeclareKeydTls(TlsFiles* files, Settings* settings) {
  settings->AddText("KEYD_TLS_CA_FILE", &files->authority,
                    "With KEYD_ADDRESS=tls://host:port: PEM file of who signs keyd's certificate.");
  settings->AddText("KEYD_TLS_CERT_FILE", &files->certificate,
                    "PEM file of the certificate that tells keyd who calls, and in which role.");
  settings->AddText("KEYD_TLS_KEY_FILE", &files->key, "PEM file of its key, without a passphrase.");
}

}  // namespace keypool::client
