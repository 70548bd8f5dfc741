// One program under test: started with its own environment, watched line by line, always reaped.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keyd/base/mutex.h"

namespace keypool::itest {

// Generous, because sanitizers are slow and the machine may be busy; nothing waits that long when
// all is well.
inline constexpr absl::Duration kDeadline = absl::Seconds(60);

struct ProcessOptions {
  std::string program;
  std::vector<std::string> args = {};
  // The whole environment, but for PATH and the sanitizers' options, which are handed down.
  std::map<std::string, std::string> environment = {};
  std::string input = {};  // standard input, then its end
};

// Thread-safe, but for construction and destruction. Start it on a thread that lives as long as the
// process is needed: the process is killed when that thread ends.
class Process {
 public:
  // Errors: INTERNAL (fork, pipe). A program that cannot be run exits with 127.
  static absl::StatusOr<std::unique_ptr<Process>> Start(const ProcessOptions& options);
  // Kills it if it still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  // Does nothing once it has ended.
  void Signal(int signal);
  // The first line, on either stream, that contains `part`; nothing when it ended or `deadline`
  // passed before.
  std::optional<std::string> WaitForLine(std::string_view part,
                                         absl::Duration deadline = kDeadline);
  // The exit code, or 128 plus the signal. Nothing when it still runs at the deadline.
  std::optional<int> WaitForExit(absl::Duration deadline = kDeadline);
  bool Running();
  // What it wrote so far.
  std::string Out();
  std::string Err();

 private:
  Process(pid_t pid, int out, int err, int in, std::string input);
  void Watch(int out, int err, int in, std::string input);
  void Reap();

  const pid_t pid_;
  Mutex mutex_;
  CondVar changed_;
  std::string out_ ABSL_GUARDED_BY(mutex_);
  std::string err_ ABSL_GUARDED_BY(mutex_);
  std::optional<int> exit_code_ ABSL_GUARDED_BY(mutex_);
  std::thread watcher_;
};

struct Finished {
  int exit_code = 0;
  std::string out;
  std::string err;
};
// Runs a program to its end; it is killed at the deadline (exit code 137).
Finished RunToEnd(const ProcessOptions& options, absl::Duration deadline = kDeadline);

}  // namespace keypool::itest
