#include "keyd/client/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/wire/library.h"
#include "keyd/wire/text.h"
#include "keyd/wire/unix_address.h"

namespace keypool::client {
namespace {

constexpr int kBackoffMinMs = 50;
constexpr int kBackoffMaxMs = 250;
// How long one attempt to connect may take; gRPC calls it the minimum backoff.
constexpr int kConnectTimeoutMs = 2000;
// What an error may say, and the headers that it travels in, where a byte may become three.
constexpr std::size_t kErrorBytesMax = 4096;
constexpr int kMetadataBytesMax = 16 * 1024;
constexpr unsigned int kCertificatesReadEverySeconds = 10;
constexpr int kMessageBytesMax = 64 * 1024 * 1024;

grpc::ChannelArguments Arguments() {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kBackoffMinMs);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kBackoffMaxMs);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  // One connection for each session: threads do not wait for each other's socket.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // Calls are repeated by who knows whether that is safe.
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // A unix socket has no bandwidth-delay product to measure, and no proxy.
  args.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  args.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1 << 20);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytesMax);
  args.SetMaxReceiveMessageSize(kMessageBytesMax);
  args.SetMaxSendMessageSize(kMessageBytesMax);
  return args;
}

// Shows our certificate, and takes only a keyd that the authority has signed, by its name.
std::shared_ptr<grpc::ChannelCredentials> Credentials(const TlsFiles& files) {
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          files.key, files.certificate, files.authority, kCertificatesReadEverySeconds));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  return grpc::experimental::TlsCredentials(options);
}

}  // namespace

std::shared_ptr<grpc::Channel> OpenChannel(const KeydAddress& address) {
  wire::SetUpGrpc();
  if (const auto target = TlsTarget(address.text)) {
    return grpc::CreateCustomChannel("dns:///" + *target, Credentials(address.tls), Arguments());
  }
  const absl::StatusOr<std::string> path = wire::ParseUnixAddress(address.text);
  if (!path.ok()) {
    return grpc::CreateCustomChannel("lame:", nullptr, Arguments());
  }
  return grpc::CreateCustomChannel(wire::GrpcTarget(*path), grpc::InsecureChannelCredentials(),
                                   Arguments());
}

absl::Status FromGrpc(const grpc::Status& status, std::string_view address) {
  if (status.ok()) return absl::OkStatus();
  const auto path = wire::ParseUnixAddress(address);
  if (!path.ok() && !TlsTarget(address)) {
    return absl::UnavailableError(absl::StrCat("KEYD_ADDRESS: ", path.status().message()));
  }
  const std::string detail = wire::ClipText(status.error_message(), kErrorBytesMax);
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  if (code != absl::StatusCode::kUnavailable) return absl::Status(code, detail);
  // gRPC's own words when there is nobody at the address; keyd's words otherwise.
  if (absl::StrContains(detail, "connect")) {
    return absl::UnavailableError(
        absl::StrCat("keyd cannot be reached at ", ToAbsl(address), ": ", detail,
                     ". Does keyd run, and does it listen on KEYD_ADDRESS?"));
  }
  return absl::UnavailableError(absl::StrCat("keyd at ", ToAbsl(address), ": ", detail));
}

}  // namespace keypool::client
