// A channel to keyd over its unix socket or mutual TLS, and gRPC's errors in our words.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "keyd/client/keyd_address.h"

namespace keypool::client {

// A connection of its own, which reconnects after 50 to 250 ms. An address that keyd cannot have
// gives a channel on which every call fails with the reason.
std::shared_ptr<grpc::Channel> OpenChannel(const KeydAddress& address);

// The same code; UNAVAILABLE names the address and what to look at.
absl::Status FromGrpc(const grpc::Status& status, std::string_view address);

}  // namespace keypool::client
