// Who may use the pool, with a token of their own: what an operator says and sees of clients. Plain
// data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "keyd/base/client_token.h"
#include "keyd/base/operator_limits.h"
#include "keyd/base/secret.h"

namespace keypool {

inline constexpr std::size_t kClientsMax = 10'000;  // revoked ones included
inline constexpr std::size_t kClientModelsMax = 32;
inline constexpr std::size_t kClientModelBytesMax = 128;
inline constexpr std::int64_t kClientWeightMax = 100;
inline constexpr std::size_t kClientRowsMax = 1000;

// True for a letter, and up to 63 letters, digits and . _ - behind it. So no name is an address,
// which stands in the accounts for callers without a token.
bool IsClientName(std::string_view text);
// True for 1 to kClientModelBytesMax of the bytes of model names, '*' and '?'.
bool IsModelPattern(std::string_view text);
// '*' stands for any bytes, '?' for any one. O(pattern · text).
bool MatchesModel(std::string_view pattern, std::string_view model);

// What a client may do. kUnlimited: as much as the pool has.
struct ClientTerms {
  std::int64_t requests_per_minute = kUnlimited;
  std::int64_t requests_per_day = kUnlimited;      // of the Pacific calendar
  std::int64_t input_tokens_per_day = kUnlimited;  // of the same
  std::vector<std::string> models = {};            // patterns; none: every model
  absl::Time expires = absl::InfiniteFuture();
  // Of those who wait for quota, one of weight 3 is served three times in a turn.
  std::int64_t weight = 1;
  friend bool operator==(const ClientTerms&, const ClientTerms&) = default;
};
// What it leaves open stays as it is.
struct ClientChange {
  std::optional<std::int64_t> requests_per_minute = std::nullopt;
  std::optional<std::int64_t> requests_per_day = std::nullopt;
  std::optional<std::int64_t> input_tokens_per_day = std::nullopt;
  std::optional<std::vector<std::string>> models = std::nullopt;
  std::optional<absl::Duration> expires_in = std::nullopt;  // InfiniteDuration: never
  std::optional<std::int64_t> weight = std::nullopt;
  friend bool operator==(const ClientChange&, const ClientChange&) = default;
};

// Its three numbers, with what they are called, and their bounds.
struct ClientNumber {
  std::int64_t ClientTerms::*number;
  std::optional<std::int64_t> ClientChange::*change;
  std::string_view key;   // in JSON
  std::string_view flag;  // of poolctl
  std::string_view text;
  std::int64_t most;  // and at least 1
};
inline constexpr ClientNumber kClientNumbers[] = {
    {&ClientTerms::requests_per_minute, &ClientChange::requests_per_minute, "requests_per_minute",
     "rpm", "requests a minute", kLimitMax},
    {&ClientTerms::requests_per_day, &ClientChange::requests_per_day, "requests_per_day", "rpd",
     "requests a day", kLimitMax},
    {&ClientTerms::input_tokens_per_day, &ClientChange::input_tokens_per_day,
     "input_tokens_per_day", "tpd", "input tokens a day", kTokenLimitMax}};

// --- What an operator does

// Errors: ALREADY_EXISTS (unless it was revoked: then it begins anew), RESOURCE_EXHAUSTED.
struct AddClientCommand {
  std::string name;
  ClientChange terms;
  TokenDigest token = {};
  std::string who = {};  // calls; for the audit, never on the wire
};
// Of the following, errors: NOT_FOUND, FAILED_PRECONDITION (revoked; Remove: not revoked).
struct SetClientCommand {
  std::string name;
  ClientChange terms;
  std::string who = {};  // as of AddClientCommand
};
// A new token; the one before is good for `overlap` more, one before that no longer.
struct RotateClientCommand {
  std::string name;
  absl::Duration overlap = kTokenOverlap;
  TokenDigest token = {};
  std::string who = {};
};
// No token of it is good any more. It stays in the list, and its name in the accounts.
struct RevokeClientCommand {
  std::string name;
  std::string who = {};
};
// Forgets one that was revoked. Without any client, and unless tokens are required, the pool serves
// everybody again.
struct RemoveClientCommand {
  std::string name;
  std::string who = {};
};
using ClientCommand = std::variant<AddClientCommand, SetClientCommand, RotateClientCommand,
                                   RevokeClientCommand, RemoveClientCommand>;

// --- What an operator sees

enum class ClientState { kActive, kExpired, kRevoked };
inline constexpr ClientState kClientStateLast = ClientState::kRevoked;
// As it stands in JSON and in tables.
std::string_view NameOf(ClientState state);

struct ClientStatus {
  std::string name;
  ClientState state = ClientState::kActive;
  ClientTerms terms;
  absl::Time added_at;
  std::optional<absl::Time> revoked_at = std::nullopt;
  std::vector<TokenStatus> tokens = {};  // those that are good, the newest first
  // Of metered requests.
  std::int64_t used_this_minute = 0;
  std::int64_t used_today = 0;
  std::int64_t tokens_today = 0;
};
// The token is shown this once.
struct IssuedClient {
  ClientStatus client;
  SecretPtr token;
};

struct ClientsQuery {
  std::string name = {};   // not empty: this one alone; NOT_FOUND when there is none
  std::string after = {};  // names behind this one only
  std::size_t rows_max = kClientRowsMax;
};
// In the order of their names.
struct ClientsPage {
  std::vector<ClientStatus> rows;
  bool more = false;
};

}  // namespace keypool
