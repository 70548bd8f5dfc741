#include "keyd/rpc/status.h"

#include <string>

#include "keyd/base/status.h"
#include "keyd/wire/text.h"

namespace keypool::rpc {
namespace {

// Messages travel in a header: gRPC bounds those, and drops the call when they are longer.
constexpr std::size_t kMessageBytesMax = 4096;

static_assert(static_cast<int>(absl::StatusCode::kUnavailable) == grpc::StatusCode::UNAVAILABLE);
static_assert(static_cast<int>(absl::StatusCode::kDataLoss) == grpc::StatusCode::DATA_LOSS);

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      wire::ClipText(ToStd(status.message()), kMessageBytesMax));
}

absl::Status Stopping() { return absl::UnavailableError("keyd is stopping"); }

}  // namespace keypool::rpc
