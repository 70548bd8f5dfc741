// clients.proto ⇄ base/clients.h. Decoding validates; the error names the field and its bound.
// Pure; thread-safe.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/base/clients.h"
#include "keypool/v1/clients.pb.h"

namespace keypool::wire {

// Requests, encoded by the client and decoded by keyd; tokens are not in them. Errors of Decode:
// INVALID_ARGUMENT (the field is named).
void Encode(const AddClientCommand& command, v1::AddClientRequest* out);
absl::StatusOr<AddClientCommand> Decode(const v1::AddClientRequest& in);
void Encode(const SetClientCommand& command, v1::SetClientRequest* out);
absl::StatusOr<SetClientCommand> Decode(const v1::SetClientRequest& in);
void Encode(const RotateClientCommand& command, v1::RotateClientRequest* out);
absl::StatusOr<RotateClientCommand> Decode(const v1::RotateClientRequest& in);
void Encode(const RevokeClientCommand& command, v1::RevokeClientRequest* out);
absl::StatusOr<RevokeClientCommand> Decode(const v1::RevokeClientRequest& in);
void Encode(const RemoveClientCommand& command, v1::RemoveClientRequest* out);
absl::StatusOr<RemoveClientCommand> Decode(const v1::RemoveClientRequest& in);
void Encode(const ClientsQuery& query, v1::ListClientsRequest* out);
absl::StatusOr<ClientsQuery> Decode(const v1::ListClientsRequest& in);

// Answers. Errors of Decode: INTERNAL (keyd said something that this version does not understand).
void Encode(const ClientStatus& client, v1::Client* out);
absl::StatusOr<ClientStatus> Decode(const v1::Client& in);
void Encode(const IssuedClient& issued, v1::IssuedClient* out);
absl::StatusOr<IssuedClient> Decode(const v1::IssuedClient& in);
void Encode(const ClientsPage& page, v1::ListClientsResponse* out);
absl::StatusOr<ClientsPage> Decode(const v1::ListClientsResponse& in);

}  // namespace keypool::wire
