// Where poolctl meets its user: what it prints, asks and reads. The only place that touches the
// standard streams and the terminal.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keypool::cli {

// Used by one thread.
class Console {
 public:
  // What is known of standard output.
  struct Screen {
    bool terminal = false;
    bool colour = false;  // a terminal that shows colours, and NO_COLOR is not set
    int columns = 0;      // 0: as wide as need be
    int rows = 0;
  };

  virtual ~Console() = default;
  // To standard output, at once.
  virtual void Out(std::string_view text) = 0;
  // One line to standard error.
  virtual void Err(std::string_view line) = 0;
  virtual Screen OutScreen() const = 0;

  // True when standard input is a terminal, so that somebody can answer.
  virtual bool CanAsk() const = 0;
  // A line that is typed without being shown. CANCELLED when the user gives up (Ctrl-C, Ctrl-D).
  virtual absl::StatusOr<std::string> AskSecret(std::string_view question) = 0;
  // True for "y" or "yes".
  virtual bool Confirm(std::string_view question) = 0;
  // A whole file; "-" is standard input. Errors: NOT_FOUND (the file is named), RESOURCE_EXHAUSTED
  // (more than `bytes_max`).
  virtual absl::StatusOr<std::string> ReadAll(const std::string& file, std::size_t bytes_max) = 0;

  virtual void Pause(absl::Duration time) = 0;
};

// `no_color`: NO_COLOR is set, or the terminal is a dumb one.
std::unique_ptr<Console> OpenConsole(bool no_color);

}  // namespace keypool::cli
