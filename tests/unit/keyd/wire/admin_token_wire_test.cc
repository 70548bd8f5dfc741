#include "keyd/wire/admin_token_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace keypool::wire {
namespace {

using ::testing::HasSubstr;

template <class Request, class Command>
Command ThereAndBack(const Command& command) {
  Request wire;
  Encode(command, &wire);
  absl::StatusOr<Command> back = Decode(wire);
  EXPECT_TRUE(back.ok()) << back.status();
  return back.ok() ? *back : Command{};
}

TEST(AdminTokenWire, CommandsComeBackWithoutTheirTokens) {
  const auto added = ThereAndBack<v1::AddAdminTokenRequest>(
      AddAdminTokenCommand{"ops", absl::Hours(5), TokenDigest{1}});
  EXPECT_EQ(added.name, "ops");
  EXPECT_EQ(added.expires_in, absl::Hours(5));
  EXPECT_EQ(added.token, TokenDigest{});
  EXPECT_EQ(ThereAndBack<v1::AddAdminTokenRequest>(AddAdminTokenCommand{.name = "a"}).expires_in,
            absl::InfiniteDuration());
  const auto rotated = ThereAndBack<v1::RotateAdminTokenRequest>(
      RotateAdminTokenCommand{"ops", absl::ZeroDuration(), absl::Hours(1)});
  EXPECT_EQ(rotated.overlap, absl::ZeroDuration());
  EXPECT_EQ(rotated.expires_in, absl::Hours(1));
  EXPECT_EQ(
      ThereAndBack<v1::RotateAdminTokenRequest>(RotateAdminTokenCommand{.name = "a"}).expires_in,
      std::nullopt);
  EXPECT_EQ(ThereAndBack<v1::RevokeAdminTokenRequest>(RevokeAdminTokenCommand{"x"}).name, "x");
}

TEST(AdminTokenWire, WhatIsWrongIsNamed) {
  v1::AddAdminTokenRequest add;
  add.set_name("10.0.0.1");
  EXPECT_THAT(std::string(Decode(add).status().message()), HasSubstr("name"));
  add.set_name("ops");
  add.set_expires_in_seconds(0);
  EXPECT_THAT(std::string(Decode(add).status().message()), HasSubstr("expires_in_seconds"));
  v1::RotateAdminTokenRequest rotate;
  rotate.set_name("ops");
  rotate.set_overlap_seconds(7'776'001);
  EXPECT_THAT(std::string(Decode(rotate).status().message()), HasSubstr("overlap_seconds"));
  EXPECT_EQ(Decode(v1::RevokeAdminTokenRequest()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(AdminTokenWire, AnswersComeBackWhole) {
  AdminTokenStatus status;
  status.name = "ops";
  status.expired = true;
  status.added_at = absl::FromUnixSeconds(100);
  status.expires = absl::FromUnixSeconds(200);
  status.tokens = {{absl::FromUnixSeconds(150), std::nullopt},
                   {absl::FromUnixSeconds(100), absl::FromUnixSeconds(190)}};
  v1::IssuedAdminToken wire;
  Encode(IssuedAdminToken{status, std::make_shared<const Secret>("gka_x")}, &wire);
  const auto back = Decode(wire);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->token->Reveal(), "gka_x");
  EXPECT_EQ(back->status.name, "ops");
  EXPECT_TRUE(back->status.expired);
  EXPECT_EQ(back->status.expires, status.expires);
  ASSERT_EQ(back->status.tokens.size(), 2u);
  EXPECT_EQ(back->status.tokens[1].valid_until, status.tokens[1].valid_until);
  EXPECT_EQ(back->status.tokens[0].valid_until, std::nullopt);
  wire.clear_token();
  EXPECT_EQ(Decode(wire).status().code(), absl::StatusCode::kInternal);
  status.expires = absl::InfiniteFuture();
  v1::ListAdminTokensResponse list;
  Encode(std::vector<AdminTokenStatus>{status}, &list);
  const auto all = Decode(list);
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->size(), 1u);
  EXPECT_EQ(all->front().expires, absl::InfiniteFuture());
}

}  // namespace
}  // namespace keypool::wire
