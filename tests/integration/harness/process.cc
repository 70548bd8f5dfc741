#include "tests/integration/harness/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "keyd/base/clock.h"

namespace keypool::itest {
namespace {

constexpr std::array kHandedDown{"PATH", "ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS",
                                 "LSAN_OPTIONS"};

struct Pipe {
  int read = -1, write = -1;
};

bool Open(Pipe* p) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return false;
  *p = {fds[0], fds[1]};
  return true;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Environment(const ProcessOptions& options) {
  std::vector<std::string> environment;
  for (const char* name : kHandedDown) {
    const char* value = std::getenv(name);
    if (value != nullptr) environment.push_back(std::string(name) + "=" + value);
  }
  for (const auto& [name, value] : options.environment) environment.push_back(name + "=" + value);
  return environment;
}

// Between fork and exec: calls only what is safe there.
[[noreturn]] void Become(const char* program, char* const* args, char* const* environment, int in,
                         int out, int err) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  execve(program, args, environment);
  _exit(127);
}

// Appends what is there. False at the end.
bool ReadInto(int fd, std::string* text) {
  std::array<char, 16 * 1024> buffer;
  const ssize_t n = read(fd, buffer.data(), buffer.size());
  if (n > 0) text->append(buffer.data(), static_cast<std::size_t>(n));
  return n > 0 || (n < 0 && errno == EINTR);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Process>> Process::Start(const ProcessOptions& options) {
  Pipe in, out, err;
  if (!Open(&in) || !Open(&out) || !Open(&err)) return absl::InternalError("pipe");
  std::vector<std::string> args{options.program};
  args.insert(args.end(), options.args.begin(), options.args.end());
  std::vector<std::string> environment = Environment(options);
  const std::vector<char*> arg_pointers = Pointers(args);
  const std::vector<char*> environment_pointers = Pointers(environment);
  const pid_t pid = fork();
  if (pid == 0) {
    Become(args[0].c_str(), arg_pointers.data(), environment_pointers.data(), in.read, out.write,
           err.write);
  }
  close(in.read);
  close(out.write);
  close(err.write);
  if (pid < 0) return absl::InternalError(std::string("fork: ") + std::strerror(errno));
  return std::unique_ptr<Process>(new Process(pid, out.read, err.read, in.write, options.input));
}

Process::Process(pid_t pid, int out, int err, int in, std::string input)
    : pid_(pid), watcher_(&Process::Watch, this, out, err, in, std::move(input)) {}

Process::~Process() {
  Signal(SIGKILL);
  watcher_.join();
}

void Process::Watch(int out, int err, int in, std::string input) {
  signal(SIGPIPE, SIG_IGN);
  std::size_t written = 0;
  while (written < input.size()) {
    const ssize_t n = write(in, input.data() + written, input.size() - written);
    if (n <= 0) break;
    written += static_cast<std::size_t>(n);
  }
  close(in);
  std::array<pollfd, 2> fds{{{out, POLLIN, 0}, {err, POLLIN, 0}}};
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    if (poll(fds.data(), fds.size(), -1) < 0) continue;
    for (pollfd& fd : fds) {
      if (fd.fd < 0 || fd.revents == 0) continue;
      std::string text;
      const bool more = ReadInto(fd.fd, &text);
      MutexLock lock(&mutex_);
      (&fd == &fds[0] ? out_ : err_).append(text);
      if (!more) fd.fd = -1;
      changed_.NotifyAll();
    }
  }
  close(out);
  close(err);
  Reap();
}

void Process::Reap() {
  // Known to be over, yet not reaped: until then no other process can have its number.
  siginfo_t info;
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  MutexLock lock(&mutex_);
  int status = 0;
  waitpid(pid_, &status, 0);
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  changed_.NotifyAll();
}

void Process::Signal(int signal) {
  MutexLock lock(&mutex_);
  if (!exit_code_) kill(pid_, signal);
}

std::optional<std::string> Process::WaitForLine(std::string_view part, absl::Duration deadline) {
  const MonoTime end = SystemClock().MonoNow() + deadline;
  MutexLock lock(&mutex_);
  while (true) {
    for (const std::string* text : {&out_, &err_}) {
      const std::size_t at = text->find(part);
      const std::size_t stop = at == std::string::npos ? at : text->find('\n', at);
      if (stop == std::string::npos) continue;
      const std::size_t start = at == 0 ? 0 : text->rfind('\n', at - 1) + 1;
      return text->substr(start, stop - start);
    }
    const absl::Duration left = end - SystemClock().MonoNow();
    if (exit_code_ || left <= absl::ZeroDuration()) return std::nullopt;
    changed_.WaitFor(&mutex_, absl::ToChronoNanoseconds(left));
  }
}

std::optional<int> Process::WaitForExit(absl::Duration deadline) {
  const MonoTime end = SystemClock().MonoNow() + deadline;
  MutexLock lock(&mutex_);
  while (!exit_code_) {
    const absl::Duration left = end - SystemClock().MonoNow();
    if (left <= absl::ZeroDuration()) return std::nullopt;
    changed_.WaitFor(&mutex_, absl::ToChronoNanoseconds(left));
  }
  return exit_code_;
}

bool Process::Running() {
  MutexLock lock(&mutex_);
  return !exit_code_;
}

std::string Process::Out() {
  MutexLock lock(&mutex_);
  return out_;
}

std::string Process::Err() {
  MutexLock lock(&mutex_);
  return err_;
}

Finished RunToEnd(const ProcessOptions& options, absl::Duration deadline) {
  absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(options);
  if (!process.ok()) return {127, "", std::string(process.status().message())};
  if (!(*process)->WaitForExit(deadline)) (*process)->Signal(SIGKILL);
  const int exit_code = (*process)->WaitForExit().value_or(137);
  return {exit_code, (*process)->Out(), (*process)->Err()};
}

}  // namespace keypool::itest
