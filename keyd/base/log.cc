#include "keyd/base/log.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "keyd/base/clock.h"
#include "keyd/base/log_format.h"
#include "keyd/base/mutex.h"
#include "keyd/base/status.h"

namespace keypool::log {
namespace {

constexpr std::chrono::milliseconds kDelayMax(200);
constexpr std::size_t kWakeBytes = 64 << 10;      // the flusher does not wait for more than this
constexpr std::size_t kBufferBytesMax = 4 << 20;  // lines are dropped, and counted, beyond it
static_assert(kWakeBytes < kBufferBytesMax);

// Nobody can be told when standard error itself fails: what it does not take is lost.
void WriteAll(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n > 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (n < 0 && errno != EINTR) {
      return;
    }
  }
}

// A buffer that threads fill under one short lock, and a thread that empties it. Nobody holds the
// lock while writing, so a slow reader of standard error stops no one but the flusher, and those
// who log warnings.
class Logger {
 public:
  void Start(Level level) {
    level_.store(level, std::memory_order_relaxed);
    if (started_.exchange(true)) return;
    std::atexit(log::Flush);
    std::thread([this] { RunFlusher(); }).detach();
  }

  bool Enabled(Level level) const { return level >= level_.load(std::memory_order_relaxed); }

  void Write(Level level, std::string_view line) {
    {
      MutexLock lock(&mutex_);
      if (buffer_.size() + line.size() > kBufferBytesMax) {
        ++dropped_;
        return;
      }
      const std::size_t before = buffer_.size();
      buffer_.append(line);
      const bool wake = before == 0 || (before < kWakeBytes && buffer_.size() >= kWakeBytes);
      if (wake) wake_.NotifyOne();
    }
    if (level >= Level::kWarning || !started_.load(std::memory_order_relaxed)) Flush();
  }

  void Flush() {
    MutexLock writing(&writing_);
    std::uint64_t dropped = 0;
    {
      MutexLock lock(&mutex_);
      buffer_.swap(spare_);
      std::swap(dropped, dropped_);
    }
    if (dropped > 0) {
      AppendLine(&spare_, SystemClock().WallNow(), Level::kWarning, "log_lines_dropped",
                 {{"lines", dropped}});
    }
    WriteAll(spare_);
    spare_.clear();
  }

 private:
  void RunFlusher() {
    while (true) {
      WaitForWork();
      Flush();
    }
  }

  // Sleeps while there is nothing; then up to kDelayMax, so that lines travel together.
  void WaitForWork() {
    MutexLock lock(&mutex_);
    while (buffer_.empty()) wake_.Wait(&mutex_);
    if (buffer_.size() < kWakeBytes) wake_.WaitFor(&mutex_, kDelayMax);
  }

  std::atomic<Level> level_{Level::kWarning};
  std::atomic<bool> started_{false};

  Mutex mutex_;
  CondVar wake_;
  std::string buffer_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;

  Mutex writing_ ABSL_ACQUIRED_BEFORE(mutex_);  // keeps the order of what is written
  std::string spare_ ABSL_GUARDED_BY(writing_);
};

// Never destroyed: threads may log until the very end.
Logger& TheLogger() {
  static Logger* const logger = new Logger;
  return *logger;
}

}  // namespace

std::optional<Level> ParseLevel(std::string_view text) {
  const absl::string_view t = ToAbsl(text);
  if (absl::EqualsIgnoreCase(t, "DEBUG")) return Level::kDebug;
  if (absl::EqualsIgnoreCase(t, "INFO")) return Level::kInfo;
  if (absl::EqualsIgnoreCase(t, "WARNING")) return Level::kWarning;
  if (absl::EqualsIgnoreCase(t, "ERROR")) return Level::kError;
  return std::nullopt;
}

void Start(Level level) { TheLogger().Start(level); }
void Flush() { TheLogger().Flush(); }
bool Enabled(Level level) { return TheLogger().Enabled(level); }

void Write(Level level, std::string_view event, Fields fields) {
  Logger& logger = TheLogger();
  if (!logger.Enabled(level)) return;
  thread_local std::string line;  // keeps its memory from line to line
  line.clear();
  AppendLine(&line, SystemClock().WallNow(), level, event, fields);
  logger.Write(level, line);
}

}  // namespace keypool::log
