#include "proxy/task.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "proxy/wakeup.h"

namespace keypool::proxy {
namespace {

Task<int> Ready(int value) { co_return value; }

Task<int> After(Wakeup& wakeup, int value) {
  co_await wakeup.Wait();
  co_return value;
}

Task<void> SumReady(int n, long* sum) {
  for (int i = 0; i < n; ++i) *sum += co_await Ready(i);
}

TEST(Task, ManyThatNeverWaitNeedNoStack) {
  long sum = 0;
  Task<void> task = SumReady(1'000'000, &sum);
  task.Start();
  EXPECT_EQ(sum, 499'999'500'000);
}

Task<void> SumAfter(Wakeup& wakeup, int n, long* sum) {
  for (int i = 0; i < n; ++i) *sum += co_await After(wakeup, i);
}

TEST(Task, EveryNotificationContinuesOneWait) {
  Wakeup wakeup;
  long sum = 0;
  Task<void> task = SumAfter(wakeup, 4, &sum);
  task.Start();
  EXPECT_EQ(sum, 0);
  for (int i = 0; i < 4; ++i) wakeup.Notify();
  EXPECT_EQ(sum, 6);
}

TEST(Wakeup, NotificationBeforeTheWaitIsKept) {
  Wakeup wakeup;
  wakeup.Notify();
  wakeup.Notify();
  long sum = 0;
  Task<void> task = SumAfter(wakeup, 2, &sum);
  task.Start();
  EXPECT_EQ(sum, 0);  // one was kept, and spent on the first wait, which gives 0
  wakeup.Notify();
  EXPECT_EQ(sum, 1);
}

struct Flag {
  bool* destroyed;
  ~Flag() { *destroyed = true; }
};
Task<void> Inner(Wakeup& wakeup, bool* destroyed) {
  const Flag flag{destroyed};
  co_await wakeup.Wait();
}
Task<void> Outer(Wakeup& wakeup, bool* inner, bool* outer) {
  const Flag flag{outer};
  co_await Inner(wakeup, inner);
}

TEST(Task, DestroyingItDestroysWhatItAwaits) {
  Wakeup wakeup;
  bool inner = false, outer = false;
  {
    Task<void> task = Outer(wakeup, &inner, &outer);
    task.Start();
    EXPECT_FALSE(inner);
  }
  EXPECT_TRUE(inner);
  EXPECT_TRUE(outer);
}

Task<std::string> Text() { co_return std::string(100, 'x'); }
Task<void> MoveText(std::string* out) { *out = co_await Text(); }

TEST(Task, ValueIsMovedOut) {
  std::string text;
  Task<void> task = MoveText(&text);
  task.Start();
  EXPECT_EQ(text, std::string(100, 'x'));
}

}  // namespace
}  // namespace keypool::proxy
