#include "keyd/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "absl/strings/str_split.h"
#include "keyd/base/log_format.h"
#include "keyd/base/secret.h"

namespace keypool::log {
namespace {

using testing::HasSubstr;

std::string Line(Fields fields, absl::Time wall = absl::UnixEpoch(), Level level = Level::kInfo) {
  std::string line;
  AppendLine(&line, wall, level, "event", fields);
  return line;
}

TEST(LogLine, HasTimeLevelEventAndTypedFields) {
  EXPECT_EQ(
      Line({{"lease", 7u}, {"key", "key_3"}, {"sent", true}, {"ratio", 0.25}, {"delta", -3}},
           absl::FromUnixMillis(1'795'377'027'123)),
      "2026-11-22T19:50:27.123Z INFO event lease=7 key=key_3 sent=true ratio=0.25 delta=-3\n");
  EXPECT_EQ(Line({}, absl::UnixEpoch(), Level::kError), "1970-01-01T00:00:00.000Z ERROR event\n");
}

TEST(LogLine, AnyTimeStaysReadable) {
  EXPECT_EQ(Line({}, absl::FromUnixMillis(-1)), "1969-12-31T23:59:59.999Z INFO event\n");
  EXPECT_EQ(Line({}, absl::InfiniteFuture()), "9999-12-31T23:59:59.999Z INFO event\n");
  EXPECT_EQ(Line({}, absl::InfinitePast()), "0000-01-01T00:00:00.000Z INFO event\n");
  EXPECT_EQ(Line({}, absl::FromUnixSeconds(951'782'400)), "2000-02-29T00:00:00.000Z INFO event\n");
}

TEST(LogLine, ValueIsEscapedSoThatALineStaysALineAndAFieldAField) {
  struct Case {
    std::string_view value, shown;
  };
  for (const Case& c : std::vector<Case>{
           {"plain/text:1,2;{}", "plain/text:1,2;{}"},
           {"", "\"\""},
           {"a b", "\"a b\""},
           {"a=b", "\"a=b\""},
           {"say \"hi\"", "\"say \\\"hi\\\"\""},
           {"c:\\x", "\"c:\\\\x\""},
           {"a\nINFO b", "\"a\\nINFO b\""},
           {"\r\t", "\"\\r\\t\""},
           {std::string_view("\0\x1b[31m\x7f", 7), "\"\\x00\\x1b[31m\\x7f\""},
           {"\u4e2d\U0001F600", "\"\u4e2d\U0001F600\""},
           {"\xc2\x9b", "\"\\xc2\\x9b\""},           // a control character of eight bits
           {"\xc0\xaf", "\"\\xc0\\xaf\""},           // overlong
           {"\xed\xa0\x80", "\"\\xed\\xa0\\x80\""},  // half a surrogate pair
           {"x\xff", "\"x\\xff\""},
           {"\xe4\xb8", "\"\\xe4\\xb8\""},  // cut short
       }) {
    EXPECT_EQ(Line({{"v", c.value}}),
              "1970-01-01T00:00:00.000Z INFO event v=" + std::string(c.shown) + "\n");
  }
}

TEST(LogLine, LongValueIsCut) {
  const std::string line = Line({{"v", std::string(kValueBytesMax + 1, 'x')}});
  EXPECT_THAT(line, HasSubstr("x\u2026\"\n"));
  EXPECT_LT(line.size(), kValueBytesMax + 100);
}

template <class T>
concept Loggable = requires(const T& value) {
  Field("k", value);
};

TEST(Log, SecretCannotBeLogged) {
  static_assert(Loggable<std::string> && Loggable<int> && Loggable<const char*>);
  static_assert(!Loggable<Secret>);
  static_assert(!Loggable<SecretPtr>);
}

TEST(Log, LevelIsReadInAnyCaseAndNothingElse) {
  EXPECT_EQ(ParseLevel("INFO"), Level::kInfo);
  EXPECT_EQ(ParseLevel("warning"), Level::kWarning);
  for (const char* text : {"", "WARN", "info ", "2", "TRACE"}) {
    EXPECT_EQ(ParseLevel(text), std::nullopt) << text;
  }
}

TEST(Log, LinesOfAllThreadsAreWrittenWholeOnceAndByFlush) {
  constexpr int kThreads = 4, kLines = 500;
  Start(Level::kInfo);
  testing::internal::CaptureStderr();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < kLines; ++i) {
        Info("line", {{"thread", t}, {"i", i}});
        Debug("not_wanted");
      }
    });
  }
  for (auto& thread : threads) thread.join();
  Warning("last");
  const std::string text = testing::internal::GetCapturedStderr();
  std::vector<int> next(kThreads, 0);
  int lines = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    ++lines;
    int thread = -1, i = -1;
    if (std::sscanf(std::string(line).c_str(), "%*s INFO line thread=%d i=%d", &thread, &i) != 2) {
      EXPECT_THAT(std::string(line), HasSubstr("WARNING last"));
      continue;
    }
    ASSERT_TRUE(thread >= 0 && thread < kThreads) << line;
    EXPECT_EQ(i, next[thread]++) << line;
  }
  EXPECT_EQ(lines, kThreads * kLines + 1);
}

TEST(Log, LineIsWrittenByItselfSoon) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const int standard_error = ::dup(STDERR_FILENO);
  Flush();
  ::dup2(pipe_ends[1], STDERR_FILENO);
  Start(Level::kInfo);
  Info("soon");
  pollfd wait{pipe_ends[0], POLLIN, 0};
  const int ready = ::poll(&wait, 1, 10'000);
  ::dup2(standard_error, STDERR_FILENO);
  char text[256];
  const ssize_t n = ready == 1 ? ::read(pipe_ends[0], text, sizeof text) : 0;
  for (const int fd : {pipe_ends[0], pipe_ends[1], standard_error}) ::close(fd);
  ASSERT_GT(n, 0);
  EXPECT_THAT(std::string(text, static_cast<std::size_t>(n)), HasSubstr("INFO soon\n"));
}

TEST(LogDeathTest, BufferedLinesAreWrittenAtExit) {
  EXPECT_EXIT(
      {
        Start(Level::kInfo);
        Info("goodbye", {{"x", 1}});
        std::exit(0);
      },
      testing::ExitedWithCode(0), "INFO goodbye x=1");
}

TEST(LogDeathTest, BeforeStartOnlyWarningsAreWrittenAndAtOnce) {
  // In a process of its own, since others start the log of this one.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        Info("too_early");
        Warning("early");
        std::_Exit(0);
      },
      testing::ExitedWithCode(0),
      testing::AllOf(HasSubstr("WARNING early"), testing::Not(HasSubstr("too_early"))));
}

}  // namespace
}  // namespace keypool::log
