#include "tests/integration/harness/tls_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace keypool::itest {

TlsClient::TlsClient(std::uint16_t port, const TlsOptions& options)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      context_(SSL_CTX_new(TLS_client_method())) {
  const timeval patience = {absl::ToInt64Seconds(kDeadline), 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return;
  SSL_CTX_set_min_proto_version(context_.get(), options.version_min);
  SSL_CTX_set_max_proto_version(context_.get(), options.version_max);
  // TLS 1.1 is offered at this level only.
  if (options.version_max < TLS1_2_VERSION) SSL_CTX_set_security_level(context_.get(), 0);
  if (!options.authority.empty()) {
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    if (SSL_CTX_load_verify_file(context_.get(), options.authority.c_str()) != 1) return;
  }
  ssl_.reset(SSL_new(context_.get()));
  SSL_set_fd(ssl_.get(), fd_);
  if (!options.server_name.empty()) {
    SSL_set_tlsext_host_name(ssl_.get(), options.server_name.c_str());
    SSL_set1_host(ssl_.get(), options.server_name.c_str());
  }
  if (!options.alpn.empty()) {
    SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(options.alpn.data()),
                        static_cast<unsigned>(options.alpn.size()));
  }
  connected_ = SSL_connect(ssl_.get()) == 1;
}

TlsClient::~TlsClient() {
  ssl_.reset();
  if (fd_ >= 0) ::close(fd_);
}

std::string TlsClient::Alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string TlsClient::Version() const { return SSL_get_version(ssl_.get()); }

std::string TlsClient::PeerName() const {
  X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return {};
  std::array<char, 256> name{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(),
                            static_cast<int>(name.size()));
  return name.data();
}

bool TlsClient::Send(std::string_view bytes) {
  std::size_t sent = 0;
  return SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent) == 1 && sent == bytes.size();
}

int TlsClient::Fill() {
  std::array<char, 16 * 1024> piece;
  std::size_t size = 0;
  const int result = SSL_read_ex(ssl_.get(), piece.data(), piece.size(), &size);
  if (result != 1) return SSL_get_error(ssl_.get(), result);
  buffer_.append(piece.data(), size);
  return SSL_ERROR_NONE;
}

std::string TlsClient::ReadUntil(std::string_view end) {
  std::size_t at = 0;
  while ((at = buffer_.find(end)) == std::string::npos) {
    if (Fill() != SSL_ERROR_NONE) return std::exchange(buffer_, {});
  }
  std::string found = buffer_.substr(0, at + end.size());
  buffer_.erase(0, found.size());
  return found;
}

std::string TlsClient::ReadToEnd(bool* clean) {
  int status = SSL_ERROR_NONE;
  while (status == SSL_ERROR_NONE) status = Fill();
  *clean = status == SSL_ERROR_ZERO_RETURN;
  return std::exchange(buffer_, {});
}

}  // namespace keypool::itest
