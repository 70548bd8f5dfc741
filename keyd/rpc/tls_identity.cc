#include "keyd/rpc/tls_identity.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/audit.h"
#include "keyd/base/status.h"
#include "keyd/wire/text.h"

namespace keypool::rpc {
namespace {

constexpr std::string_view kRolePrefix = "keypool://role/";
constexpr std::array<std::pair<std::string_view, Role>, 2> kRoles = {{
    {"keypool://role/proxy", Role::kProxy},
    {"keypool://role/admin", Role::kAdmin},
}};
constexpr std::size_t kNameBytesMax = 128;         // of a certificate's, in the audit
constexpr unsigned char kHttp2[] = {2, 'h', '2'};  // as ALPN lists it

struct FreeNames {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
using Names = std::unique_ptr<GENERAL_NAMES, FreeNames>;

// The first reason that OpenSSL has, which is the cause of the others.
std::string Reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason == nullptr ? "cannot be read" : reason;
}

absl::Status Wrong(std::string_view setting, const std::string& file) {
  return absl::FailedPreconditionError(absl::StrCat(ToAbsl(setting), ": ", file, ": ", Reason()));
}

int ChooseHttp2(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned int in_size, void*) {
  unsigned char* chosen = nullptr;
  const int result = SSL_select_next_proto(&chosen, out_size, kHttp2, sizeof(kHttp2), in, in_size);
  *out = chosen;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

std::string_view TextOf(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string CommonNameOf(const X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return "";
  unsigned char* utf8 = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (size < 0) return "";
  std::string name(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return name;
}

// The first that tells more than a role.
std::string AlternativeNameOf(const X509* certificate) {
  const Names names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    const bool text = name->type == GEN_URI || name->type == GEN_DNS || name->type == GEN_EMAIL;
    if (text && !TextOf(name->d.ia5).starts_with(kRolePrefix)) {
      return std::string(TextOf(name->d.ia5));
    }
  }
  return "";
}

std::string SerialOf(X509* certificate) {
  std::unique_ptr<BIGNUM, decltype(&BN_free)> number(
      ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr), BN_free);
  char* digits = number == nullptr ? nullptr : BN_bn2hex(number.get());
  const std::string serial = digits == nullptr ? "unknown" : digits;
  OPENSSL_free(digits);
  return serial;
}

}  // namespace

absl::StatusOr<SslContext> MakeSslContext(const TlsListenerOptions& options) {
  ERR_clear_error();
  const SslContext context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (context == nullptr) return absl::UnavailableError(Reason());
  SSL_CTX* ctx = context.get();
  SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // A certificate that has expired meanwhile must not come back with an old session.
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(ctx, 0);
  SSL_CTX_set_alpn_select_cb(ctx, ChooseHttp2, nullptr);
  if (SSL_CTX_use_certificate_chain_file(ctx, options.certificate_file.c_str()) != 1) {
    return Wrong("KEYD_TLS_CERT_FILE", options.certificate_file);
  }
  if (SSL_CTX_use_PrivateKey_file(ctx, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(ctx) != 1) {
    return Wrong("KEYD_TLS_KEY_FILE", options.key_file);
  }
  STACK_OF(X509_NAME)* authorities = SSL_load_client_CA_file(options.client_ca_file.c_str());
  if (authorities == nullptr ||
      SSL_CTX_load_verify_file(ctx, options.client_ca_file.c_str()) != 1) {
    return Wrong("KEYD_TLS_CA_FILE", options.client_ca_file);
  }
  SSL_CTX_set_client_CA_list(ctx, authorities);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return context;
}

std::optional<Role> RoleOfPeer(const SSL* tls) {
  X509* certificate = SSL_get0_peer_certificate(tls);
  if (certificate == nullptr || SSL_get_verify_result(tls) != X509_V_OK) return std::nullopt;
  const Names names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::optional<Role> role;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const std::string_view text = TextOf(name->d.uniformResourceIdentifier);
    if (!text.starts_with(kRolePrefix)) continue;
    const auto* known =
        std::find_if(kRoles.begin(), kRoles.end(), [&](const auto& r) { return r.first == text; });
    if (known == kRoles.end() || role.has_value()) return std::nullopt;
    role = known->second;
  }
  return role;
}

std::string NameOfPeer(const SSL* tls) {
  X509* certificate = SSL_get0_peer_certificate(tls);
  if (certificate == nullptr) return std::string(kAuditNobody);
  std::string name = CommonNameOf(certificate);
  if (name.empty()) name = AlternativeNameOf(certificate);
  if (name.empty() || wire::HasControlByte(name)) name = "without a name";
  return absl::StrCat("certificate ", wire::ClipText(name, kNameBytesMax), ", serial ",
                      SerialOf(certificate));
}

}  // namespace keypool::rpc
