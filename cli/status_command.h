// `poolctl status`, and what it shares with the other commands.
#pragma once

#include <future>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/commands.h"

namespace keypool::cli {

// Starts a call with callback and waits for its answer. Every call of AdminClient ends by its own
// timeout.
template <class T, class Start>
absl::StatusOr<T> Await(Start start) {
  // Shared: the thread that sets the value may still be inside the promise when this one goes on.
  auto promise = std::make_shared<std::promise<absl::StatusOr<T>>>();
  start([promise](absl::StatusOr<T> answer) { promise->set_value(std::move(answer)); });
  return promise->get_future().get();
}

// One line that names problem and fix; the exit code for it.
ExitCode ReportError(const absl::Status& status, Console& console);

ExitCode RunStatus(const Options& options, client::AdminClient& keyd, Console& console,
                   const Clock& clock, absl::TimeZone zone);

}  // namespace keypool::cli
