#include "keyd/rpc/health_service.h"

#include <any>
#include <utility>

namespace keypool::rpc {
namespace {

constexpr absl::Duration kLookInterval = absl::Milliseconds(100);
constexpr std::size_t kWatchersMax = 256;

// What a Watch remembers.
struct Told {
  std::string name;
  std::optional<grpc::health::v1::HealthCheckResponse::ServingStatus> last;
};

}  // namespace

void HealthService::Serve(grpc::ServerCompletionQueue* queue) {
  check_ = {calls_,
            [this, queue](auto* context, auto* request, auto* writer, void* tag) {
              service_.RequestCheck(context, request, writer, queue, queue, tag);
            },
            [this](CheckCall* call) {
              const auto status = Ask(call->request().service());
              if (!status) return call->Fail(absl::NotFoundError("service: not known"));
              Response response;
              response.set_status(*status);
              call->Reply(response);
            }};
  watch_.calls = calls_;
  watch_.queue = queue;
  watch_.watchers_max = kWatchersMax;
  watch_.accept = [this, queue](auto* context, auto* request, auto* writer, void* tag) {
    service_.RequestWatch(context, request, writer, queue, queue, tag);
  };
  watch_.begin = [](const Request& request) -> absl::StatusOr<Watch::Method::Plan> {
    return Watch::Method::Plan{kLookInterval, Told{request.service(), std::nullopt}};
  };
  watch_.produce = [this](Watch* call) { Produce(call); };
  CheckCall::Await(&check_);
  Watch::Await(&watch_);
}

std::optional<HealthService::Response::ServingStatus> HealthService::Ask(
    const std::string& name) const {
  if (name == "keypool.v1.Admin") return Response::SERVING;
  if (!name.empty() && name != "keypool.v1.Lease") return std::nullopt;
  const bool serving = engine_->Health().ok() && !calls_->draining();
  return serving ? Response::SERVING : Response::NOT_SERVING;
}

void HealthService::Produce(Watch* call) const {
  Told& told = *std::any_cast<Told>(&call->memory());
  const auto status = Ask(told.name).value_or(Response::SERVICE_UNKNOWN);
  if (told.last == status) return call->Skip();
  told.last = status;
  Response response;
  response.set_status(status);
  call->Send(response);
}

}  // namespace keypool::rpc
