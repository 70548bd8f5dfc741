#include "proxy/certificates.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "keyd/base/assert.h"
#include "keyd/base/status.h"

namespace keypool::proxy {
namespace {

std::string LastError() {
  const unsigned long code = ERR_peek_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "unknown error" : reason;
}

// Nobody is there to be asked for it.
int NoPassphrase(char*, int, int, void*) { return -1; }

int ChooseProtocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                   const unsigned char* offered, unsigned offered_size, void*) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, chosen_size, kOurs, sizeof(kOurs) - 1, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

SslContextPtr MakeContext() {
  SslContextPtr made(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* const context = made.get();
  KP_ASSERT(context != nullptr);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Idle connections hold no buffers; what was not taken may be offered again from another address.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_default_passwd_cb(context, &NoPassphrase);
  SSL_CTX_set_alpn_select_cb(context, &ChooseProtocol, nullptr);
  // Sessions are resumed by tickets, which cost no memory here.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  static constexpr unsigned char kId[] = "keypool";
  SSL_CTX_set_session_id_context(context, kId, sizeof(kId) - 1);
  return made;
}

// The DNS names that a certificate is for, in small letters; "*.example" as it stands.
std::vector<std::string> NamesOf(X509* certificate) {
  std::vector<std::string> names;
  auto* const all = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(all, i);
    if (name->type != GEN_DNS) continue;
    const auto* const text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    const auto size = static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName));
    names.push_back(absl::AsciiStrToLower(absl::string_view(text, size)));
  }
  GENERAL_NAMES_free(all);
  return names;
}

// What is wrong with the key; empty when nothing is.
std::string UseKey(SSL_CTX* context, const CertificateFiles& pair) {
  const bool used = SSL_CTX_use_PrivateKey_file(context, pair.key.c_str(), SSL_FILETYPE_PEM) == 1;
  if (used && SSL_CTX_check_private_key(context) == 1) return {};
  // A key of another kind is found by the second call only.
  const bool other = used || ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH;
  const std::string error = LastError();
  if (other) {
    return absl::StrCat("TLS_KEY_FILE ", pair.key, " is not the key of TLS_CERT_FILE ",
                        pair.certificate);
  }
  return absl::StrCat("TLS_KEY_FILE ", pair.key,
                      " holds no key without a passphrase that can be read: ", error);
}

}  // namespace

struct Certificates::Set {
  struct One {
    SslContextPtr context;
    std::vector<std::string> names;
  };
  std::vector<One> all;

  // A name as it stands goes before a wildcard, which stands for one label.
  std::size_t Choose(std::string_view asked) const {
    std::string name = absl::AsciiStrToLower(ToAbsl(asked));
    if (name.ends_with('.')) name.pop_back();
    const auto has = [this](const std::string& wanted) {
      return std::find_if(all.begin(), all.end(), [&wanted](const One& one) {
        return std::find(one.names.begin(), one.names.end(), wanted) != one.names.end();
      });
    };
    auto found = has(name);
    const std::size_t dot = name.find('.');
    if (found == all.end() && dot != 0 && dot != std::string::npos) {
      found = has("*" + name.substr(dot));
    }
    return found == all.end() ? 0 : static_cast<std::size_t>(found - all.begin());
  }
};

Certificates::Certificates(std::vector<CertificateFiles> files) : files_(std::move(files)) {}
Certificates::~Certificates() = default;

absl::StatusOr<std::unique_ptr<Certificates>> Certificates::Load(
    std::vector<CertificateFiles> files) {
  KP_ASSERT(!files.empty());
  std::unique_ptr<Certificates> certificates(new Certificates(std::move(files)));
  KP_RETURN_IF_ERROR(certificates->Reload());
  return certificates;
}

absl::Status Certificates::Reload() {
  absl::StatusOr<std::shared_ptr<const Set>> set = Read(files_);
  if (!set.ok()) return set.status();
  const MutexLock lock(&mutex_);
  set_.swap(*set);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Certificates::Set>> Certificates::Read(
    const std::vector<CertificateFiles>& files) {
  auto set = std::make_shared<Set>();
  std::vector<std::string> wrong;
  for (const CertificateFiles& pair : files) {
    ERR_clear_error();
    SslContextPtr context = MakeContext();
    SSL_CTX_set_tlsext_servername_callback(context.get(), &Certificates::OnName);
    if (SSL_CTX_use_certificate_chain_file(context.get(), pair.certificate.c_str()) != 1) {
      wrong.push_back(absl::StrCat("TLS_CERT_FILE ", pair.certificate,
                                   " holds no certificate that can be read: ", LastError()));
      continue;
    }
    std::vector<std::string> names = NamesOf(SSL_CTX_get0_certificate(context.get()));
    if (std::string problem = UseKey(context.get(), pair); !problem.empty()) {
      wrong.push_back(std::move(problem));
      continue;
    }
    set->all.push_back({std::move(context), std::move(names)});
  }
  if (!wrong.empty()) return absl::InvalidArgumentError(absl::StrJoin(wrong, "; "));
  return set;
}

std::shared_ptr<const Certificates::Set> Certificates::Present() const {
  const MutexLock lock(&mutex_);
  return set_;
}

// A connection keeps the set that it started with, whatever is loaded while it shakes hands.
int Certificates::SetIndex() {
  static const int kIndex = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr, [](void*, void* set, CRYPTO_EX_DATA*, int, long, void*) {
        delete static_cast<std::shared_ptr<const Set>*>(set);
      });
  return kIndex;
}

SslPtr Certificates::Accept(int descriptor) const {
  std::shared_ptr<const Set> set = Present();
  ERR_clear_error();
  SslPtr ssl(SSL_new(set->all.front().context.get()));
  if (ssl == nullptr || SSL_set_fd(ssl.get(), descriptor) != 1) return nullptr;
  auto kept = std::make_unique<std::shared_ptr<const Set>>(std::move(set));
  if (SSL_set_ex_data(ssl.get(), SetIndex(), kept.get()) != 1) return nullptr;
  kept.release();
  SSL_set_accept_state(ssl.get());
  return ssl;
}

int Certificates::OnName(SSL* ssl, int*, void*) {
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  const auto* const set =
      static_cast<std::shared_ptr<const Set>*>(SSL_get_ex_data(ssl, SetIndex()));
  if (name == nullptr || set == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_SSL_CTX(ssl, (*set)->all[(*set)->Choose(name)].context.get());
  return SSL_TLSEXT_ERR_OK;
}

std::size_t Certificates::Choose(std::string_view name) const { return Present()->Choose(name); }

}  // namespace keypool::proxy
