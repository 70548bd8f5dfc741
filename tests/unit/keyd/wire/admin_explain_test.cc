// Explain and Events on the wire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "keyd/wire/admin_wire.h"

namespace keypool::wire {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::UnixEpoch() + absl::Hours(500'000) + absl::Nanoseconds(7);

template <class Message, class From>
Message Encoded(const From& from) {
  Message message, read;
  Encode(from, &message);
  EXPECT_TRUE(read.ParseFromString(message.SerializeAsString()));
  return read;
}

TEST(AdminExplainWire, RequestsSurviveTheWire) {
  const auto explain =
      Decode(Encoded<v1::ExplainRequest>(ExplainQuery{"m", ProjectId("p"), KeyId(41), 17}));
  ASSERT_TRUE(explain.ok()) << explain.status();
  EXPECT_EQ(explain->model, "m");
  EXPECT_EQ(explain->project, ProjectId("p"));
  EXPECT_EQ(explain->after, KeyId(41));
  EXPECT_EQ(explain->keys_max, 17u);
  const auto bare = Decode(Encoded<v1::ExplainRequest>(ExplainQuery{"m"}));
  ASSERT_TRUE(bare.ok()) << bare.status();
  EXPECT_EQ(bare->project, std::nullopt);
  EXPECT_EQ(bare->after, KeyId());

  const auto events = Decode(Encoded<v1::EventsRequest>(EventsQuery{12, 34}));
  ASSERT_TRUE(events.ok()) << events.status();
  EXPECT_EQ(events->after, 12u);
  EXPECT_EQ(events->limit, 34u);
}

TEST(AdminExplainWire, RequestsOutOfBoundsNameTheField) {
  v1::ExplainRequest explain;
  EXPECT_THAT(std::string(Decode(explain).status().message()), HasSubstr("model: 1 to 128"));
  explain.set_model(std::string(129, 'm'));
  EXPECT_THAT(std::string(Decode(explain).status().message()), HasSubstr("model: 1 to 128"));
  explain.set_model("m");
  explain.set_page_size(1001);
  EXPECT_THAT(std::string(Decode(explain).status().message()), HasSubstr("page_size"));
  explain.set_page_size(0);
  explain.set_page_token("x");
  EXPECT_THAT(std::string(Decode(explain).status().message()), HasSubstr("page_token"));
  explain.set_page_token("");
  EXPECT_EQ(Decode(explain)->keys_max, 1000u);
  v1::EventsRequest events;
  EXPECT_EQ(Decode(events)->limit, 1000u);
  events.set_limit(1001);
  EXPECT_THAT(std::string(Decode(events).status().message()), HasSubstr("limit: 1 to 1000"));
}

TEST(AdminExplainWire, ExplanationSurvivesTheWire) {
  Explanation said;
  said.now = kNow;
  said.refusal = "not now";
  said.first_at = kNow + absl::Seconds(3);
  for (int i = 0; i <= static_cast<int>(kKeyVerdictLast); ++i) {
    KeyExplanation key;
    key.key = KeyId(static_cast<std::uint64_t>(i + 1));
    key.project = ProjectId("p");
    key.verdict = static_cast<KeyVerdict>(i);
    key.until = kNow + absl::Seconds(i);
    key.reason = "because";
    key.row = "429_day";
    key.since = kNow - absl::Seconds(i);
    said.keys.push_back(key);
  }
  said.more = true;
  const auto message = Encoded<v1::ExplainResponse>(said);
  EXPECT_EQ(message.next_page_token(), ToString(said.keys.back().key));
  const auto read = Decode(message);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->now, kNow);
  EXPECT_EQ(read->next_key, std::nullopt);
  EXPECT_EQ(read->refusal, "not now");
  EXPECT_EQ(read->first_at, said.first_at);
  EXPECT_TRUE(read->more);
  ASSERT_EQ(read->keys.size(), said.keys.size());
  for (std::size_t i = 0; i < said.keys.size(); ++i) {
    EXPECT_EQ(read->keys[i].key, said.keys[i].key);
    EXPECT_EQ(read->keys[i].project, said.keys[i].project);
    EXPECT_EQ(read->keys[i].verdict, said.keys[i].verdict) << NameOf(said.keys[i].verdict);
    EXPECT_EQ(read->keys[i].until, said.keys[i].until);
    EXPECT_EQ(read->keys[i].since, said.keys[i].since);
    EXPECT_EQ(read->keys[i].row, "429_day");
  }
  said.next_key = KeyId(3);
  said.next_project = ProjectId("q");
  EXPECT_EQ(Decode(Encoded<v1::ExplainResponse>(said))->next_key, KeyId(3));
  EXPECT_EQ(Decode(Encoded<v1::ExplainResponse>(said))->next_project, ProjectId("q"));
}

TEST(AdminExplainWire, EventsSurviveTheWire) {
  PoolEvents told{Epoch(9), {}};
  for (int i = 0; i <= static_cast<int>(kEventKindLast); ++i) {
    PoolEvent event;
    event.number = static_cast<std::uint64_t>(i + 1);
    event.kind = static_cast<EventKind>(i);
    event.at = kNow;
    event.last_at = kNow + absl::Seconds(1);
    event.count = i + 1;
    if (i % 2) event.key = KeyId(5);
    event.project = ProjectId("p");
    event.model = "m";
    event.row = "429_day";
    event.text = "spent";
    if (i % 3) event.until = kNow;
    told.events.push_back(event);
  }
  const auto read = Decode(Encoded<v1::EventsResponse>(told));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->epoch, Epoch(9));
  ASSERT_EQ(read->events.size(), told.events.size());
  for (std::size_t i = 0; i < told.events.size(); ++i) {
    EXPECT_EQ(read->events[i].number, told.events[i].number);
    EXPECT_EQ(read->events[i].kind, told.events[i].kind) << NameOf(told.events[i].kind);
    EXPECT_EQ(read->events[i].last_at, told.events[i].last_at);
    EXPECT_EQ(read->events[i].count, told.events[i].count);
    EXPECT_EQ(read->events[i].key, told.events[i].key);
    EXPECT_EQ(read->events[i].text, "spent");
    EXPECT_EQ(read->events[i].until, told.events[i].until);
  }
}

TEST(AdminExplainWire, WhatThisVersionDoesNotKnowIsNotGuessed) {
  v1::ExplainResponse explanation;
  explanation.add_keys()->set_key_id("key_1");
  EXPECT_THAT(std::string(Decode(explanation).status().message()), HasSubstr("keys.verdict"));
  explanation.mutable_keys(0)->set_verdict(static_cast<v1::KeyExplanation::Verdict>(99));
  EXPECT_EQ(Decode(explanation).status().code(), absl::StatusCode::kInternal);
  explanation.mutable_keys(0)->set_key_id("x");
  EXPECT_THAT(std::string(Decode(explanation).status().message()), HasSubstr("keys.key_id"));
  v1::EventsResponse events;
  events.add_events()->set_kind(static_cast<v1::PoolEvent::Kind>(99));
  EXPECT_THAT(std::string(Decode(events).status().message()), HasSubstr("events.kind"));
}

}  // namespace
}  // namespace keypool::wire
