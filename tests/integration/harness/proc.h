// What the kernel says of a process, and waiting for what nobody announces.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/integration/harness/process.h"

namespace keypool::itest {

// Physical memory, now and at most so far. 0 when there is no such process.
std::int64_t ResidentBytes(pid_t pid);
std::int64_t PeakResidentBytes(pid_t pid);
// Of it: memory of its own, which no file stands behind.
std::int64_t AnonymousBytes(pid_t pid);

// What its file descriptors refer to; files without a name end with " (deleted)".
std::vector<std::string> OpenFiles(pid_t pid);

// Asks again and again, a few milliseconds apart; false at the deadline. Only for what cannot be
// waited for.
bool WaitUntil(const std::function<bool()>& condition, absl::Duration deadline = kDeadline);

}  // namespace keypool::itest
