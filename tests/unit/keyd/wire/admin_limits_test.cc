// Limits at run time, on the wire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>

#include "keyd/wire/admin_wire.h"

namespace keypool::wire {
namespace {

using ::testing::HasSubstr;

template <class Message, class From>
Message Encoded(const From& from) {
  Message message, read;
  Encode(from, &message);
  EXPECT_TRUE(read.ParseFromString(message.SerializeAsString()));
  return read;
}

std::vector<ScopeLimits> Samples() {
  return {{{}, {.requests_per_minute = 1, .requests_per_day = 0}, ""},
          {{LimitLevel::kEverywhere, "", LimitModels::kOne, "模型"},
           {.input_tokens_per_minute = kTokenLimitMax, .input_tokens_per_day = kUnlimited},
           ""},
          {{LimitLevel::kTier, "tier one", LimitModels::kTogether, ""},
           {.requests_per_minute = kLimitMax},
           ""},
          {{LimitLevel::kProject, "~key_7", LimitModels::kEach, ""}, {}, "paid"}};
}

TEST(AdminLimits, CommandsSurviveTheWire) {
  for (const ScopeLimits& said : Samples()) {
    const auto set = Decode(Encoded<v1::SetLimitsRequest>(SetLimitsCommand{said}));
    ASSERT_TRUE(set.ok()) << set.status();
    EXPECT_EQ(set->said, said);
    const auto answer = Decode(Encoded<v1::ScopeLimits>(said));
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(*answer, said);
    const UnsetLimitsCommand command{said.scope, true, false, true, false, true};
    const auto unset = Decode(Encoded<v1::UnsetLimitsRequest>(command));
    ASSERT_TRUE(unset.ok()) << unset.status();
    EXPECT_EQ(unset->scope, said.scope);
    EXPECT_TRUE(unset->requests_per_minute && unset->input_tokens_per_minute && unset->tier);
    EXPECT_FALSE(unset->requests_per_day || unset->input_tokens_per_day);
  }
}

TEST(AdminLimits, TextAndItsAnswerSurviveTheWire) {
  const auto text = Decode(
      Encoded<v1::ImportLimitsRequest>(ImportLimitsText{"\xff not UTF-8", "team.toml", true}));
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(text->text, "\xff not UTF-8");
  EXPECT_EQ(text->name, "team.toml");
  EXPECT_TRUE(text->dry_run);
  EXPECT_EQ(Decode(v1::ImportLimitsRequest())->name, "limits");
  const auto imported = Decode(Encoded<v1::ImportLimitsResponse>(ImportedLimits{12, 3}));
  EXPECT_EQ(imported->scopes, 12);
  EXPECT_EQ(imported->scopes_before, 3);
}

TEST(AdminLimits, PagesSurviveTheWireAndLeadOn) {
  LimitsPage page;
  for (const ScopeLimits& said : Samples()) page.rows.push_back({LimitOrigin::kFile, said});
  page.more = true;
  const auto response = Encoded<v1::ListLimitsResponse>(page);
  const auto back = Decode(response);
  ASSERT_TRUE(back.ok()) << back.status();
  ASSERT_EQ(back->rows.size(), page.rows.size());
  for (std::size_t i = 0; i < page.rows.size(); ++i) {
    EXPECT_EQ(back->rows[i].said, page.rows[i].said);
    EXPECT_EQ(back->rows[i].origin, LimitOrigin::kFile);
  }
  EXPECT_TRUE(back->more);
  v1::ListLimitsRequest next;
  next.set_page_token(response.next_page_token());
  const auto query = Decode(next);
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_EQ(query->after, (LimitRow::Place{Samples().back().scope, LimitOrigin::kFile}));
  EXPECT_EQ(query->rows_max, kLimitRowsMax);
  const auto again = Decode(Encoded<v1::ListLimitsRequest>(*query));
  EXPECT_EQ(again->after, query->after);
}

TEST(AdminLimits, WhatIsNotAllowedIsRefusedWithTheField) {
  using Break = std::function<void(v1::ScopeLimits*)>;
  const std::pair<Break, std::string> cases[] = {
      {[](auto* l) { l->mutable_requests_per_minute()->set_limit(0); },
       "limits: requests_per_minute.limit: 1 to 1000000000"},
      {[](auto* l) { l->mutable_requests_per_day()->set_limit(1'000'000'001); },
       "limits: requests_per_day.limit: 0 to 1000000000"},
      {[](auto* l) { l->mutable_input_tokens_per_day()->set_limit(UINT64_MAX); },
       "limits: input_tokens_per_day.limit: 1 to 1000000000000"},
      {[](auto* l) { l->mutable_scope()->set_tier(std::string(129, 't')); }, "scope.tier: at most"},
      {[](auto* l) { l->mutable_scope()->set_tier("a\nb"); }, "scope.tier: at most 128"},
      {[](auto* l) { l->mutable_scope()->set_project_id("~key_x"); }, "scope.project_id: 1 to 128"},
      {[](auto* l) { l->mutable_scope()->set_model("models/m"); }, "scope.model: at most 128"},
      {[](auto* l) { l->mutable_scope()->set_all_models(true); }, "scope.all_models: only with"},
      {[](auto* l) {
         l->mutable_scope()->set_tier("t");
         l->mutable_scope()->set_project_id("p");
       },
       "scope: a tier or a project_id"},
      {[](auto* l) {
         l->mutable_scope()->set_tier("t");
         l->mutable_scope()->set_model("m");
         l->mutable_scope()->set_all_models(true);
       },
       "scope: a model or all_models"},
      {[](auto* l) { l->set_tier("paid"); }, "limits: tier: only of a project"},
      {[](auto* l) { l->clear_input_tokens_per_minute(); }, "limits: at least one number"}};
  for (const auto& [spoil, error] : cases) {
    v1::SetLimitsRequest request;
    request.mutable_limits()->mutable_input_tokens_per_minute()->set_limit(5);
    ASSERT_TRUE(Decode(request).ok());
    spoil(request.mutable_limits());
    const absl::Status status = Decode(request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << error;
    EXPECT_THAT(std::string(status.message()), HasSubstr(error));
  }
}

TEST(AdminLimits, QuestionsAndTextsAreBounded) {
  v1::ListLimitsRequest list;
  list.set_page_size(1001);
  EXPECT_THAT(std::string(Decode(list).status().message()), HasSubstr("page_size: 1 to 1000"));
  list.set_page_size(1);
  for (const char* token : {"!", "AAAA", "key_1"}) {
    list.set_page_token(token);
    EXPECT_THAT(std::string(Decode(list).status().message()), HasSubstr("page_token: "));
  }
  v1::ImportLimitsRequest import;
  import.set_text(std::string(kLimitsTextBytesMax + 1, ' '));
  EXPECT_THAT(std::string(Decode(import).status().message()), HasSubstr("text: at most 4000000"));
  import.set_text("");
  import.set_name(std::string(1025, 'n'));
  EXPECT_THAT(std::string(Decode(import).status().message()), HasSubstr("name: at most 1024"));
  v1::UnsetLimitsRequest unset;
  unset.mutable_scope()->set_project_id("-p");
  EXPECT_THAT(std::string(Decode(unset).status().message()), HasSubstr("scope.project_id: "));
}

TEST(AdminLimits, AnUnknownSourceIsNotUnderstood) {
  v1::ListLimitsResponse response;
  response.add_rows();
  EXPECT_EQ(Decode(response).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace keypool::wire
