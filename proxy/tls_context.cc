#include "proxy/tls_context.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace keypool::proxy {
namespace {

std::string LastError() {
  const unsigned long code = ERR_peek_last_error();
  char text[256];
  ERR_error_string_n(code, text, sizeof(text));
  ERR_clear_error();
  return text;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TlsContext>> TlsContext::Create(const Origin& origin,
                                                               const std::string& ca_file) {
  std::unique_ptr<TlsContext> tls(new TlsContext(origin));
  boost::system::error_code not_an_address;
  boost::asio::ip::make_address(origin.host, not_an_address);
  tls->host_is_address_ = !not_an_address;

  ERR_clear_error();
  tls->context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = tls->context_.get();
  if (context == nullptr) return absl::InternalError(absl::StrCat("TLS: ", LastError()));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // What was not taken may be offered again from another address: parts are gathered anew.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  const int trusted = ca_file.empty()
                          ? SSL_CTX_set_default_verify_paths(context)
                          : SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr);
  if (trusted != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        ca_file.empty() ? "the machine's certificate store" : "UPSTREAM_CA_FILE " + ca_file,
        " holds no certificate that can be read: ", LastError()));
  }
  static constexpr unsigned char kAlpn[] = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(context, kAlpn, sizeof(kAlpn) - 1);
  SSL_CTX_set_session_cache_mode(
      context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL | SSL_SESS_CACHE_NO_AUTO_CLEAR);
  SSL_CTX_set_app_data(context, tls.get());
  SSL_CTX_sess_set_new_cb(context, &TlsContext::OnSession);
  return tls;
}

SslPtr TlsContext::Connect(int descriptor) {
  ERR_clear_error();
  SslPtr ssl(SSL_new(context_.get()));
  if (ssl == nullptr || SSL_set_fd(ssl.get(), descriptor) != 1) return nullptr;
  if (host_is_address_) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host_.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl.get(), host_.c_str());
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl.get(), host_.c_str());
  }
  SSL_set_connect_state(ssl.get());
  if (SessionPtr session = TakeSession()) SSL_set_session(ssl.get(), session.get());
  return ssl;
}

int TlsContext::OnSession(SSL* ssl, SSL_SESSION* session) {
  auto* tls = static_cast<TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  if (tls->sessions_.size() == kSessionsMax) tls->sessions_.erase(tls->sessions_.begin());
  tls->sessions_.emplace_back(session);
  return 1;  // ours now
}

TlsContext::SessionPtr TlsContext::TakeSession() {
  if (sessions_.empty()) return nullptr;
  SSL_SESSION* newest = sessions_.back().get();
  if (SSL_SESSION_get_protocol_version(newest) < TLS1_3_VERSION) {
    SSL_SESSION_up_ref(newest);
    return SessionPtr(newest);
  }
  SessionPtr session = std::move(sessions_.back());
  sessions_.pop_back();
  return session;
}

std::string TlsContext::Problem(const SSL* ssl) {
  if (const long verdict = SSL_get_verify_result(ssl); verdict != X509_V_OK) {
    ERR_clear_error();
    return absl::StrCat("its certificate is not accepted: ",
                        X509_verify_cert_error_string(verdict));
  }
  if (ERR_peek_last_error() == 0) return "the connection ended during the TLS handshake";
  return absl::StrCat("TLS: ", LastError());
}

}  // namespace keypool::proxy
