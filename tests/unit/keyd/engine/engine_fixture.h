// An engine on a clock that stands still, and a store that goes wrong on command.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "keyd/engine/engine.h"
#include "keyd/store/mem_store.h"
#include "tests/fakes/keyd/fake_clock.h"
#include "tests/fakes/keyd/faulty_store.h"

namespace keypool::engine {

inline constexpr char kModel[] = "gemini-2.5-flash";
inline constexpr std::chrono::seconds kPatience(30);  // a hang, not a slow machine

struct LeaseAnswer {
  absl::Status status;
  std::vector<LeaseReply> replies;
};

// The value, or a failed test when it does not come.
template <class T>
T Await(std::future<T> future) {
  if (future.wait_for(kPatience) != std::future_status::ready) {
    ADD_FAILURE() << "no answer";
    std::abort();
  }
  return future.get();
}

template <class T>
bool IsReady(const std::future<T>& future) {
  return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

// Looks again and again until it holds; false after kPatience.
inline bool Eventually(const std::function<bool()>& condition) {
  const MonoTime deadline = SystemClock().MonoNow() + absl::FromChrono(kPatience);
  while (!condition()) {
    if (SystemClock().MonoNow() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

// A callback and the future of what it is given.
template <class T>
std::pair<std::function<void(T)>, std::future<T>> Expecting() {
  auto promise = std::make_shared<std::promise<T>>();
  std::future<T> future = promise->get_future();
  return {[promise](T value) { promise->set_value(std::move(value)); }, std::move(future)};
}

Options TestOptions();

LeaseCommand AcquireOf(std::uint64_t tag = 0, std::string model = kModel);
ReportCommand ReportOf(const Grant& grant, Epoch epoch, int http_status);

std::future<LeaseAnswer> Post(Engine& engine, std::vector<LeaseCommand> commands);
std::future<absl::StatusOr<KeyStatus>> AddKey(Engine& engine, std::string secret,
                                              std::string project);
absl::StatusOr<PoolStatus> StatusNow(Engine& engine);

class EngineTest : public ::testing::Test {
 protected:
  // Starts on what the store holds; a failure ends the test.
  void Start(const Options& options = TestOptions());
  KeyId AddKeyNow(std::string secret, std::string project = "project-a");
  AcquireReply AcquireNow();
  // Holds the store and fills it with commits until the engine has to wait for it.
  void Block();

  fakes::FakeClock clock_;
  store::MemStore memory_;
  fakes::FaultyStore store_{memory_};
  std::unique_ptr<Engine> engine_;
  std::vector<std::future<absl::StatusOr<KeyStatus>>> blockers_;
};

}  // namespace keypool::engine
