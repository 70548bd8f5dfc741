#include "proxy/body.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace keypool::proxy {
namespace {

BodyLimits Limits() {
  BodyLimits limits;
  limits.bytes_max = 10'000;
  limits.memory_bytes_max = 1'000;
  limits.spool_dir = testing::TempDir();
  return limits;
}

std::string Pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 7 % 26);
  return text;
}

// What a replay of the body gives, in pieces of `step`.
std::string Replay(const Body& body, std::size_t step) {
  if (!body.Spooled()) return std::string(body.InMemory());
  std::string all;
  std::string piece(step, '\0');
  for (;;) {
    const absl::StatusOr<std::size_t> n = body.Read(all.size(), piece.data(), step);
    EXPECT_TRUE(n.ok()) << n.status();
    if (!n.ok() || *n == 0) return all;
    all.append(piece, 0, *n);
  }
}

TEST(Body, SmallOneStaysInMemory) {
  const BodyLimits limits = Limits();
  Body body(limits);
  ASSERT_TRUE(body.Append("hello ").ok());
  ASSERT_TRUE(body.Append("world").ok());
  EXPECT_FALSE(body.Spooled());
  EXPECT_EQ(body.InMemory(), "hello world");
  EXPECT_EQ(body.size(), 11u);
}

TEST(Body, BorrowedOneIsNotCopied) {
  const BodyLimits limits = Limits();
  const std::string buffer = Pattern(500);
  Body body(limits);
  body.Borrow(buffer);
  EXPECT_EQ(body.InMemory().data(), buffer.data());
  EXPECT_EQ(body.size(), 500u);
}

TEST(Body, MovesToAFileBeyondTheThresholdAndReplaysTheSameBytes) {
  const BodyLimits limits = Limits();
  for (const std::size_t size : {1'000u, 1'001u, 4'096u, 10'000u}) {
    const std::string all = Pattern(size);
    for (const std::size_t step : {1u, 333u, 10'000u}) {
      Body body(limits);
      for (std::size_t at = 0; at < size; at += step) {
        ASSERT_TRUE(body.Append(std::string_view(all).substr(at, step)).ok());
      }
      EXPECT_EQ(body.Spooled(), size > 1'000) << size;
      EXPECT_EQ(body.size(), size);
      EXPECT_EQ(Replay(body, 777), all) << size << " in steps of " << step;
      EXPECT_EQ(Replay(body, 4'096), all) << "a second time";
    }
  }
}

TEST(Body, FileHasNoName) {
  const BodyLimits limits = [] {
    BodyLimits own = Limits();
    own.spool_dir = testing::TempDir() + "/body_test_spool";
    std::filesystem::create_directory(own.spool_dir);
    return own;
  }();
  Body body(limits);
  ASSERT_TRUE(body.Append(Pattern(5'000)).ok());
  EXPECT_TRUE(body.Spooled());
  EXPECT_TRUE(std::filesystem::is_empty(limits.spool_dir));
}

TEST(Body, OneByteTooManyIsOutOfRange) {
  const BodyLimits limits = Limits();
  Body body(limits);
  EXPECT_TRUE(body.Append(Pattern(10'000)).ok());
  EXPECT_EQ(body.Append("x").code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(body.size(), 10'000u);
}

TEST(Body, MemoryOfAllIsUsedUpThenItMovesToAFileEarlyAndGivesBackWhatItHad) {
  BodyLimits limits = Limits();
  limits.bytes_max = limits.memory_bytes_max = 1'000'000;
  BodyMemory all(300'000);
  const std::string piece = Pattern(100'000);
  Body first(limits, &all);
  ASSERT_TRUE(first.Append(piece).ok());
  {
    Body second(limits, &all);
    ASSERT_TRUE(second.Append(piece).ok());
    EXPECT_FALSE(second.Spooled());
    ASSERT_TRUE(second.Append(piece).ok());
    ASSERT_TRUE(second.Append(piece).ok());
    EXPECT_TRUE(second.Spooled());
    EXPECT_EQ(Replay(second, 4096), piece + piece + piece);
    Body third(limits, &all);
    ASSERT_TRUE(third.Append(piece).ok());
    EXPECT_FALSE(third.Spooled()) << "what moved to a file has given back";
  }
  EXPECT_TRUE(all.Take(300'000 - (100'000 - 16 * 1024)));
  EXPECT_FALSE(all.Take(1)) << "what has gone has given back, no more";
}

TEST(Body, MemoryOfAllIsUsedUpThenSmallOnesStayInMemory) {
  const BodyLimits limits = Limits();
  BodyMemory all(0);
  Body body(limits, &all);
  ASSERT_TRUE(body.Append(Pattern(1'000)).ok());
  EXPECT_FALSE(body.Spooled());
}

TEST(Body, DirectoryThatIsNotThereIsNamed) {
  BodyLimits limits = Limits();
  limits.spool_dir = "/no/such/directory";
  Body body(limits);
  const absl::Status status = body.Append(Pattern(2'000));
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_NE(status.message().find("/no/such/directory"), std::string::npos);
  EXPECT_NE(status.message().find("SPOOL_DIR"), std::string::npos);
}

}  // namespace
}  // namespace keypool::proxy
