// Runs the sqlite_child program that lies beside the test.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace keypool::store {

// Killed, if it still runs, and waited for by the destructor.
class ChildProcess {
 public:
  explicit ChildProcess(std::vector<std::string> arguments);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // The next line of its output; nothing when it has ended.
  std::optional<std::string> ReadLine();
  // SIGKILL, then waits for its end.
  void Kill();

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string buffered_;
};

}  // namespace keypool::store
