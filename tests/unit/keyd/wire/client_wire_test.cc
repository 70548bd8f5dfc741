#include "keyd/wire/client_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "keyd/wire/client_token_wire.h"
#include "keyd/wire/lease_wire.h"

namespace keypool::wire {
namespace {

using ::testing::HasSubstr;

ClientChange Full() {
  return {.requests_per_minute = 5,
          .requests_per_day = kUnlimited,
          .input_tokens_per_day = 7,
          .models = std::vector<std::string>{"gemini-2.5-*", "x"},
          .expires_in = absl::Hours(24),
          .weight = 3};
}

TEST(ClientWire, CommandsComeBackWhole) {
  for (const ClientChange& terms :
       {Full(), ClientChange(), ClientChange{.models = std::vector<std::string>{}},
        ClientChange{.expires_in = absl::InfiniteDuration()}}) {
    v1::AddClientRequest request;
    Encode(AddClientCommand{"team-a", terms, {}}, &request);
    const auto add = Decode(request);
    ASSERT_TRUE(add.ok()) << add.status();
    EXPECT_EQ(add->name, "team-a");
    EXPECT_EQ(add->terms, terms);
  }
  v1::SetClientRequest set;
  Encode(SetClientCommand{"a", Full()}, &set);
  EXPECT_EQ(Decode(set)->terms, Full());
  v1::RotateClientRequest rotate;
  EXPECT_EQ(Decode(rotate).status().code(), absl::StatusCode::kInvalidArgument);
  rotate.set_name("a");
  EXPECT_EQ(Decode(rotate)->overlap, absl::Hours(24));
  Encode(RotateClientCommand{"a", absl::ZeroDuration(), {}}, &rotate);
  EXPECT_EQ(Decode(rotate)->overlap, absl::ZeroDuration());
  v1::ListClientsRequest list;
  Encode(ClientsQuery{.name = "", .after = "b", .rows_max = 7}, &list);
  EXPECT_EQ(Decode(list)->after, "b");
  EXPECT_EQ(Decode(list)->rows_max, 7u);
}

TEST(ClientWire, WhatCannotBeIsToldByItsField) {
  const auto wrong = [](auto change, const char* field) {
    v1::AddClientRequest request;
    request.set_name("a");
    change(&request);
    const auto decoded = Decode(request);
    EXPECT_EQ(decoded.status().code(), absl::StatusCode::kInvalidArgument) << field;
    EXPECT_THAT(std::string(decoded.status().message()), HasSubstr(field));
  };
  wrong([](auto* r) { r->set_name("10.0.0.1"); }, "name");
  wrong([](auto* r) { r->mutable_terms()->mutable_requests_per_minute()->set_limit(0); },
        "terms.requests_per_minute.limit: 1 to 1000000000");
  wrong([](auto* r) { r->mutable_terms()->mutable_input_tokens_per_day()->set_limit(1ull << 62); },
        "terms.input_tokens_per_day.limit");
  wrong([](auto* r) { r->mutable_terms()->add_models("a b"); }, "terms.models");
  wrong(
      [](auto* r) {
        r->mutable_terms()->add_models("a");
        r->mutable_terms()->set_all_models(true);
      },
      "terms.models");
  wrong([](auto* r) { r->mutable_terms()->set_expires_in_seconds(0); }, "terms.expires_in_seconds");
  wrong([](auto* r) { r->mutable_terms()->set_weight(101); }, "terms.weight");
  v1::SetClientRequest nothing;
  nothing.set_name("a");
  EXPECT_THAT(std::string(Decode(nothing).status().message()), HasSubstr("at least one thing"));
  v1::RotateClientRequest rotate;
  rotate.set_name("a");
  rotate.set_overlap_seconds(1'000'000'000);
  EXPECT_THAT(std::string(Decode(rotate).status().message()), HasSubstr("overlap_seconds"));
}

TEST(ClientWire, StatusAndTokenComeBackWhole) {
  ClientStatus status;
  status.name = "team-a";
  status.state = ClientState::kRevoked;
  status.terms = {.requests_per_minute = 5, .models = {"m*"}, .weight = 2};
  status.terms.expires = absl::FromUnixSeconds(2'000'000'000);
  status.added_at = absl::FromUnixSeconds(1);
  status.revoked_at = absl::FromUnixSeconds(2);
  status.tokens = {{absl::FromUnixSeconds(3), absl::FromUnixSeconds(4)},
                   {absl::FromUnixSeconds(5), std::nullopt}};
  status.used_this_minute = 1;
  status.used_today = 2;
  status.tokens_today = 3;
  v1::IssuedClient wire;
  Encode(IssuedClient{status, std::make_shared<const Secret>("gkp_x")}, &wire);
  const auto back = Decode(wire);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->token->Reveal(), "gkp_x");
  EXPECT_EQ(back->client.terms, status.terms);
  EXPECT_EQ(back->client.state, status.state);
  EXPECT_EQ(back->client.revoked_at, status.revoked_at);
  EXPECT_EQ(back->client.tokens.size(), 2u);
  EXPECT_FALSE(back->client.tokens[1].valid_until.has_value());
  EXPECT_EQ(back->client.used_today, 2);
  wire.mutable_client()->set_state(static_cast<v1::Client::State>(9));
  EXPECT_EQ(Decode(wire).status().code(), absl::StatusCode::kInternal);
}

TEST(Credential, ATokenGoesInAndItsDigestComesOut) {
  AcquireCommand command;
  command.model = "m";
  command.token = *MakeClientToken();
  command.token_required = true;
  v1::AcquireRequest request;
  Encode(command, std::nullopt, &request);
  const auto decoded = Decode(request);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->command.token, nullptr);
  EXPECT_EQ(decoded->command.token_digest, DigestOf(*command.token));
  EXPECT_TRUE(decoded->command.token_required);
  EXPECT_LE(request.ByteSizeLong(), EncodedBytesMax(command, std::nullopt));
}

TEST(Credential, WhatIsNoTokenIsAsGoodAsNoneAndTooMuchIsRefused) {
  v1::AcquireRequest request;
  request.set_kind(v1::KIND_METERED);
  request.set_model("m");
  EXPECT_FALSE(Decode(request)->command.token_digest.has_value());
  request.set_client_token("gkp_" + std::string(48, 'x'));
  ASSERT_TRUE(Decode(request).ok());
  EXPECT_FALSE(Decode(request)->command.token_digest.has_value());
  request.set_client_token(std::string(65, 'x'));
  EXPECT_EQ(Decode(request).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Credential, AGrantNamesItsClientAndRefusalsTheirReasons) {
  Grant grant;
  grant.lease = LeaseId(1);
  grant.key = KeyId(1);
  grant.secret = std::make_shared<const Secret>("AIza");
  grant.client = "team-a";
  v1::AcquireResponse response;
  Encode(AcquireReply(grant), {Epoch(1), {}, {}}, &response);
  EXPECT_EQ(std::get<Granted>(*Decode(response)).grant.client, "team-a");
  for (const RefusalReason reason : {RefusalReason::kUnauthenticated, RefusalReason::kClientQuota,
                                     RefusalReason::kModelNotAllowed}) {
    Refusal refusal;
    refusal.reason = reason;
    v1::AcquireResponse refused;
    Encode(AcquireReply(refusal), {Epoch(1), {}, {}}, &refused);
    EXPECT_EQ(std::get<Refusal>(*Decode(refused)).reason, reason);
  }
}

}  // namespace
}  // namespace keypool::wire
