#include "cli/events_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/cli/fake_admin_client.h"
#include "tests/fakes/cli/fake_console.h"
#include "tests/fakes/cli/sample_pool.h"

namespace keypool::cli {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

PoolEvent Cooldown(std::uint64_t number, int count = 1) {
  PoolEvent event;
  event.number = number;
  event.at = SampleNow() - absl::Seconds(20);
  event.last_at = event.at + absl::Milliseconds(500);
  event.count = count;
  event.key = KeyId{2};
  event.project = OwnProject(KeyId{2});
  event.model = "m";
  event.row = "429_day";
  event.text = "Google says the day is spent";
  event.until = SampleNow() + absl::Hours(3);
  return event;
}

PoolEvent Added(std::uint64_t number) {
  PoolEvent event;
  event.number = number;
  event.kind = EventKind::kKeyAdded;
  event.at = event.last_at = SampleNow();
  return event;
}

class StillClock final : public Clock {
 public:
  absl::Time WallNow() const override { return SampleNow(); }
  MonoTime MonoNow() const override { return MonoTime(); }
};

class EventsCommand : public testing::Test {
 protected:
  EventsCommand() { options.command = Command::kEvents; }
  ExitCode Run() { return RunCommand(options, keyd, console, clock, absl::UTCTimeZone()); }
  Options options;
  FakeAdminClient keyd;
  FakeConsole console;
  StillClock clock;
};

TEST_F(EventsCommand, ShowsWhatHappenedOldestFirst) {
  keyd.events = {{Epoch{3}, {Added(1), Cooldown(2, 7)}}};
  EXPECT_EQ(Run(), kDone);
  EXPECT_EQ(console.out,
            "NUMBER  AT            EVENT               KEY    PROJECT    MODEL  "
            "UNTIL                      WHY\n"
            "1       13:00:00 UTC  key added           -      -          -\n"
            "2       12:59:40 UTC  cooldown (7 times)  key_2  (its own)  m      "
            "16:00:00 UTC (in 3 h 0 m)  Google says the day is spent (429_day)\n");
  EXPECT_THAT(keyd.calls, ElementsAre("events after 0 limit 50"));
}

TEST_F(EventsCommand, SaysWhenNothingHasHappened) {
  keyd.events = {{Epoch{3}, {}}};
  EXPECT_EQ(Run(), kDone);
  EXPECT_EQ(console.out, "Nothing has happened to the pool since keyd started.\n");
}

TEST_F(EventsCommand, AsJsonIsOneObjectWithStableNames) {
  keyd.events = {{Epoch{3}, {Cooldown(2, 7), Added(3)}}};
  options.json = true;
  options.limit = 2;
  EXPECT_EQ(Run(), kDone);
  EXPECT_EQ(console.out,
            "{\"epoch\":3,\"events\":[{\"number\":2,\"event\":\"cooldown\","
            "\"at\":\"2026-11-22T12:59:40.000Z\",\"last_at\":\"2026-11-22T12:59:40.500Z\","
            "\"count\":7,\"key_id\":\"key_2\",\"project_id\":\"~key_2\",\"model\":\"m\","
            "\"row\":\"429_day\",\"text\":\"Google says the day is spent\","
            "\"until\":\"2026-11-22T16:00:00.000Z\"},"
            "{\"number\":3,\"event\":\"key_added\",\"at\":\"2026-11-22T13:00:00.000Z\","
            "\"last_at\":\"2026-11-22T13:00:00.000Z\",\"count\":1,\"key_id\":null,"
            "\"project_id\":null,\"model\":null,\"row\":null,\"text\":null,\"until\":null}]}\n");
  EXPECT_THAT(keyd.calls, ElementsAre("events after 0 limit 2"));
}

TEST_F(EventsCommand, FollowGoesOnFromTheLastAndBeginsAgainWithAnotherReign) {
  keyd.events = {{Epoch{3}, {Added(1), Cooldown(2)}},
                 {Epoch{3}, {}},
                 {Epoch{3}, {Cooldown(3)}},
                 {Epoch{4}, {}},
                 {Epoch{4}, {Added(1)}}};
  options.follow = true;
  EXPECT_EQ(Run(), kRefused);
  EXPECT_THAT(keyd.calls, ElementsAre("events after 0 limit 50", "events after 2 limit 1000",
                                      "events after 2 limit 1000", "events after 3 limit 1000",
                                      "events after 0 limit 1000", "events after 1 limit 1000"));
  EXPECT_EQ(console.out.find("NUMBER"), console.out.rfind("NUMBER"));
  EXPECT_THAT(console.err, HasSubstr("no more"));
}

TEST_F(EventsCommand, FollowAsJsonIsOneEventInEachLine) {
  keyd.events = {{Epoch{3}, {Added(1), Cooldown(2)}}};
  options.follow = options.json = true;
  EXPECT_EQ(Run(), kRefused);
  EXPECT_THAT(console.out, AllOf(testing::StartsWith("{\"number\":1,"),
                                 HasSubstr("}\n{\"number\":2,"), Not(HasSubstr("epoch"))));
}

TEST_F(EventsCommand, EndsWithTheCodeOfTheError) {
  keyd.error = absl::UnavailableError("KEYD_ADDRESS: nobody there");
  options.follow = true;
  EXPECT_EQ(Run(), kUnreachable);
}

}  // namespace
}  // namespace keypool::cli
