#include "keyd/wire/client_wire.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/wire/client_token_wire.h"
#include "keyd/wire/errors.h"
#include "keyd/wire/text.h"
#include "keyd/wire/timestamp.h"
#include "keyd/wire/token_terms.h"

namespace keypool::wire {
namespace {

// The number of a message, and of what it is in C++.
struct NumberField {
  const ClientNumber* number;
  bool (v1::ClientTerms::*has)() const;
  const v1::LimitNumber& (v1::ClientTerms::*get)() const;
  v1::LimitNumber* (v1::ClientTerms::*add)();
  const v1::LimitNumber& (v1::Client::*shown)() const;
  v1::LimitNumber* (v1::Client::*show)();
};
constexpr NumberField kNumberFields[] = {
    {&kClientNumbers[0], &v1::ClientTerms::has_requests_per_minute,
     &v1::ClientTerms::requests_per_minute, &v1::ClientTerms::mutable_requests_per_minute,
     &v1::Client::requests_per_minute, &v1::Client::mutable_requests_per_minute},
    {&kClientNumbers[1], &v1::ClientTerms::has_requests_per_day, &v1::ClientTerms::requests_per_day,
     &v1::ClientTerms::mutable_requests_per_day, &v1::Client::requests_per_day,
     &v1::Client::mutable_requests_per_day},
    {&kClientNumbers[2], &v1::ClientTerms::has_input_tokens_per_day,
     &v1::ClientTerms::input_tokens_per_day, &v1::ClientTerms::mutable_input_tokens_per_day,
     &v1::Client::input_tokens_per_day, &v1::Client::mutable_input_tokens_per_day}};

void EncodeNumber(std::int64_t number, v1::LimitNumber* out) {
  if (number == kUnlimited) {
    out->set_unlimited(true);
  } else {
    out->set_limit(static_cast<std::uint64_t>(std::max<std::int64_t>(0, number)));
  }
}

std::int64_t NumberOf(const v1::LimitNumber& in) {
  if (in.unlimited()) return kUnlimited;
  return static_cast<std::int64_t>(std::min<std::uint64_t>(in.limit(), kUnlimited));
}

void EncodeTerms(const ClientChange& terms, v1::ClientTerms* out) {
  for (const NumberField& field : kNumberFields) {
    const std::optional<std::int64_t>& number = terms.*field.number->change;
    if (number) EncodeNumber(*number, (out->*field.add)());
  }
  if (terms.models) {
    for (const std::string& model : *terms.models) {
      out->add_models(ClipText(model, kClientModelBytesMax));
    }
    out->set_all_models(terms.models->empty());
  }
  EncodeExpiry(terms.expires_in, out);
  if (terms.weight) out->set_weight(static_cast<std::uint32_t>(*terms.weight));
}

absl::Status DecodeNumbers(const v1::ClientTerms& in, ClientChange* terms) {
  for (const NumberField& field : kNumberFields) {
    if (!(in.*field.has)()) continue;
    const v1::LimitNumber& said = (in.*field.get)();
    if (!said.unlimited() &&
        (said.limit() < 1 || said.limit() > static_cast<std::uint64_t>(field.number->most))) {
      return Invalid(ToStd(absl::StrCat("terms.", ToAbsl(field.number->key), ".limit")),
                     absl::StrCat("1 to ", field.number->most, ", or unlimited"));
    }
    terms->*field.number->change = NumberOf(said);
  }
  return absl::OkStatus();
}

absl::StatusOr<ClientChange> DecodeTerms(const v1::ClientTerms& in) {
  ClientChange terms;
  KP_RETURN_IF_ERROR(DecodeNumbers(in, &terms));
  if (in.models_size() > static_cast<int>(kClientModelsMax)) {
    return Invalid("terms.models", "at most 32");
  }
  if (in.all_models() && in.models_size() > 0) {
    return Invalid("terms.models", "empty with all_models");
  }
  for (const std::string& model : in.models()) {
    if (!IsModelPattern(model)) {
      return Invalid("terms.models",
                     "patterns of 1 to 128 letters, digits and . _ - / : with * and ?");
    }
  }
  if (in.all_models() || in.models_size() > 0) {
    terms.models.emplace(in.models().begin(), in.models().end());
  }
  KP_RETURN_IF_ERROR(DecodeExpiry(in, "terms.expires_in_seconds", &terms.expires_in));
  if (in.weight() > kClientWeightMax) return Invalid("terms.weight", "1 to 100");
  if (in.weight() > 0) terms.weight = in.weight();
  return terms;
}

v1::Client::State EncodeState(ClientState state) {
  static_assert(static_cast<int>(kClientStateLast) + 2 == v1::Client::State_ARRAYSIZE);
  return static_cast<v1::Client::State>(static_cast<int>(state) + 1);
}

}  // namespace

void Encode(const AddClientCommand& command, v1::AddClientRequest* out) {
  out->set_name(ClipText(command.name, kOwnerNameBytesMax));
  EncodeTerms(command.terms, out->mutable_terms());
}

absl::StatusOr<AddClientCommand> Decode(const v1::AddClientRequest& in) {
  KP_RETURN_IF_ERROR(CheckOwnerName(in.name()));
  absl::StatusOr<ClientChange> terms = DecodeTerms(in.terms());
  if (!terms.ok()) return terms.status();
  return AddClientCommand{in.name(), *std::move(terms)};
}

void Encode(const SetClientCommand& command, v1::SetClientRequest* out) {
  out->set_name(ClipText(command.name, kOwnerNameBytesMax));
  EncodeTerms(command.terms, out->mutable_terms());
}

absl::StatusOr<SetClientCommand> Decode(const v1::SetClientRequest& in) {
  KP_RETURN_IF_ERROR(CheckOwnerName(in.name()));
  absl::StatusOr<ClientChange> terms = DecodeTerms(in.terms());
  if (!terms.ok()) return terms.status();
  if (*terms == ClientChange()) return Invalid("terms", "at least one thing to change");
  return SetClientCommand{in.name(), *std::move(terms)};
}

void Encode(const RotateClientCommand& command, v1::RotateClientRequest* out) {
  out->set_name(ClipText(command.name, kOwnerNameBytesMax));
  out->set_overlap_seconds(WholeSeconds(command.overlap));
}

absl::StatusOr<RotateClientCommand> Decode(const v1::RotateClientRequest& in) {
  KP_RETURN_IF_ERROR(CheckOwnerName(in.name()));
  RotateClientCommand command;
  command.name = in.name();
  KP_RETURN_IF_ERROR(DecodeOverlap(in, &command.overlap));
  return command;
}

void Encode(const RevokeClientCommand& command, v1::RevokeClientRequest* out) {
  out->set_name(ClipText(command.name, kOwnerNameBytesMax));
}

absl::StatusOr<RevokeClientCommand> Decode(const v1::RevokeClientRequest& in) {
  KP_RETURN_IF_ERROR(CheckOwnerName(in.name()));
  return RevokeClientCommand{in.name()};
}

void Encode(const RemoveClientCommand& command, v1::RemoveClientRequest* out) {
  out->set_name(ClipText(command.name, kOwnerNameBytesMax));
}

absl::StatusOr<RemoveClientCommand> Decode(const v1::RemoveClientRequest& in) {
  KP_RETURN_IF_ERROR(CheckOwnerName(in.name()));
  return RemoveClientCommand{in.name()};
}

void Encode(const ClientsQuery& query, v1::ListClientsRequest* out) {
  out->set_name(ClipText(query.name, kOwnerNameBytesMax));
  out->set_page_size(
      static_cast<std::uint32_t>(std::clamp<std::size_t>(query.rows_max, 1, kClientRowsMax)));
  out->set_page_token(ClipText(query.after, kOwnerNameBytesMax));
}

absl::StatusOr<ClientsQuery> Decode(const v1::ListClientsRequest& in) {
  if (!in.name().empty()) {
    KP_RETURN_IF_ERROR(CheckOwnerName(in.name()));
  }
  if (in.page_size() > kClientRowsMax) return Invalid("page_size", "1 to 1000, or 0 for 1000");
  if (!in.page_token().empty() && !IsClientName(in.page_token())) {
    return Invalid("page_token", "not a token of an earlier page");
  }
  ClientsQuery query{in.name(), in.page_token()};
  if (in.page_size() > 0) query.rows_max = in.page_size();
  return query;
}

void Encode(const ClientStatus& client, v1::Client* out) {
  const auto count = [](std::int64_t n) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, n));
  };
  out->set_name(client.name);
  out->set_state(EncodeState(client.state));
  for (const NumberField& field : kNumberFields) {
    EncodeNumber(client.terms.*field.number->number, (out->*field.show)());
  }
  for (const std::string& model : client.terms.models) out->add_models(model);
  out->set_weight(static_cast<std::uint32_t>(client.terms.weight));
  EncodeTime(client.added_at, out->mutable_added_at());
  if (client.terms.expires != absl::InfiniteFuture()) {
    EncodeTime(client.terms.expires, out->mutable_expires_at());
  }
  if (client.revoked_at) EncodeTime(*client.revoked_at, out->mutable_revoked_at());
  EncodeTokens(client.tokens, out);
  out->set_used_this_minute(count(client.used_this_minute));
  out->set_used_today(count(client.used_today));
  out->set_input_tokens_today(count(client.tokens_today));
}

absl::StatusOr<ClientStatus> Decode(const v1::Client& in) {
  if (in.state() < v1::Client::STATE_ACTIVE || in.state() > v1::Client::STATE_REVOKED) {
    return NotUnderstood("client.state");
  }
  ClientStatus client;
  client.name = in.name();
  client.state = static_cast<ClientState>(static_cast<int>(in.state()) - 1);
  for (const NumberField& field : kNumberFields) {
    client.terms.*field.number->number = NumberOf((in.*field.shown)());
  }
  client.terms.models.assign(in.models().begin(), in.models().end());
  client.terms.weight = in.weight();
  client.added_at = DecodeTime(in.added_at());
  if (in.has_expires_at()) client.terms.expires = DecodeTime(in.expires_at());
  if (in.has_revoked_at()) client.revoked_at = DecodeTime(in.revoked_at());
  client.tokens = DecodeTokens(in);
  client.used_this_minute = static_cast<std::int64_t>(in.used_this_minute());
  client.used_today = static_cast<std::int64_t>(in.used_today());
  client.tokens_today = static_cast<std::int64_t>(in.input_tokens_today());
  return client;
}

void Encode(const IssuedClient& issued, v1::IssuedClient* out) {
  Encode(issued.client, out->mutable_client());
  EncodeToken(*issued.token, out->mutable_token());
}

absl::StatusOr<IssuedClient> Decode(const v1::IssuedClient& in) {
  absl::StatusOr<ClientStatus> client = Decode(in.client());
  if (!client.ok()) return client.status();
  if (in.token().empty()) return NotUnderstood("token");
  return IssuedClient{*std::move(client), std::make_shared<const Secret>(in.token())};
}

void Encode(const ClientsPage& page, v1::ListClientsResponse* out) {
  for (const ClientStatus& client : page.rows) Encode(client, out->add_clients());
  if (page.more && !page.rows.empty()) out->set_next_page_token(page.rows.back().name);
}

absl::StatusOr<ClientsPage> Decode(const v1::ListClientsResponse& in) {
  ClientsPage page;
  for (const v1::Client& client : in.clients()) {
    absl::StatusOr<ClientStatus> row = Decode(client);
    if (!row.ok()) return row.status();
    page.rows.push_back(*std::move(row));
  }
  page.more = !in.next_page_token().empty();
  return page;
}

}  // namespace keypool::wire
