#include "cli/console.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace keypool::cli {
namespace {

constexpr std::size_t kTypedBytesMax = 4096;
constexpr char kCtrlC = 3, kCtrlD = 4, kBackspace = 8, kCtrlU = 21, kDelete = 127;

void WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n > 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (n < 0 && errno != EINTR) {
      return;  // nobody is there to be told
    }
  }
}

// The next byte, or nothing at the end of the input.
std::optional<char> ReadByte(int fd) {
  char c = 0;
  ssize_t n = 0;
  do {
    n = ::read(fd, &c, 1);
  } while (n < 0 && errno == EINTR);
  if (n != 1) return std::nullopt;
  return c;
}

// Takes bytes from the terminal one by one, unshown, until destroyed. Ctrl-C arrives as a byte, so
// that no signal can end the process while the terminal is in this state.
class SilentTerminal {
 public:
  SilentTerminal() : changed_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!changed_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG);
    silent.c_cc[VMIN] = 1;
    silent.c_cc[VTIME] = 0;
    changed_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
  }
  ~SilentTerminal() {
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;
  bool silent() const { return changed_; }

 private:
  termios before_{};
  bool changed_;
};

class RealConsole final : public Console {
 public:
  explicit RealConsole(bool no_color) : no_color_(no_color) {}

  void Out(std::string_view text) override { WriteAll(STDOUT_FILENO, text); }
  void Err(std::string_view line) override { WriteAll(STDERR_FILENO, std::string(line) + "\n"); }

  Screen OutScreen() const override {
    Screen screen;
    screen.terminal = ::isatty(STDOUT_FILENO) == 1;
    screen.colour = screen.terminal && !no_color_;
    winsize size{};
    if (screen.terminal && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
      screen.columns = size.ws_col;
      screen.rows = size.ws_row;
    }
    return screen;
  }

  bool CanAsk() const override { return ::isatty(STDIN_FILENO) == 1; }

  absl::StatusOr<std::string> AskSecret(std::string_view question) override {
    WriteAll(STDERR_FILENO, question);
    absl::StatusOr<std::string> typed = ReadUnshown();
    WriteAll(STDERR_FILENO, "\n");
    return typed;
  }

  bool Confirm(std::string_view question) override {
    WriteAll(STDERR_FILENO, question);
    std::string answer;
    while (answer.size() < kTypedBytesMax) {
      const std::optional<char> c = ReadByte(STDIN_FILENO);
      if (!c || *c == '\n') break;
      answer += *c;
    }
    return answer == "y" || answer == "Y" || answer == "yes";
  }

  absl::StatusOr<std::string> ReadAll(const std::string& file, std::size_t bytes_max) override {
    const int fd = file == "-" ? STDIN_FILENO : ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
      return absl::NotFoundError(
          absl::StrCat("cannot open the file \"", file, "\"; name one that you may read"));
    }
    std::string text(bytes_max + 1, '\0');
    std::size_t size = 0;
    ssize_t n = 0;
    do {
      n = ::read(fd, text.data() + size, text.size() - size);
      if (n > 0) size += static_cast<std::size_t>(n);
    } while ((n > 0 && size < text.size()) || (n < 0 && errno == EINTR));
    if (fd != STDIN_FILENO) ::close(fd);
    if (n < 0) return absl::NotFoundError(absl::StrCat("cannot read \"", file, "\""));
    if (size > bytes_max) {
      return absl::ResourceExhaustedError(
          absl::StrCat("\"", file, "\" has more than ", bytes_max, " bytes"));
    }
    text.resize(size);
    return text;
  }

  void Pause(absl::Duration time) override {
    ::poll(nullptr, 0, static_cast<int>(absl::ToInt64Milliseconds(time)));
  }

 private:
  static absl::StatusOr<std::string> ReadUnshown() {
    const SilentTerminal terminal;
    if (!terminal.silent()) {
      return absl::FailedPreconditionError(
          "the terminal cannot hide what is typed; give the secret with --file");
    }
    std::string typed;
    while (typed.size() < kTypedBytesMax) {
      const std::optional<char> c = ReadByte(STDIN_FILENO);
      if (!c || *c == kCtrlC || *c == kCtrlD) return absl::CancelledError("nothing was added");
      if (*c == '\n' || *c == '\r') break;
      if (*c == kBackspace || *c == kDelete) {
        if (!typed.empty()) typed.pop_back();
      } else if (*c == kCtrlU) {
        typed.clear();
      } else {
        typed += *c;
      }
    }
    return typed;
  }

  const bool no_color_;
};

}  // namespace

std::unique_ptr<Console> OpenConsole(bool no_color) {
  return std::make_unique<RealConsole>(no_color);
}

}  // namespace keypool::cli
