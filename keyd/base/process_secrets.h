// Keeps the secrets of this process out of files and out of the sight of other processes.
#pragma once

#include <string>
#include <string_view>

#include "keyd/base/settings.h"

namespace keypool {

// No core dump, and no reading of this process's memory by others of the same user. To be called
// before a secret is read. Without effect under AddressSanitizer, which looks for leaks that way.
void RefuseDumps();

// Overwrites what it holds, and empties it.
void Wipe(std::string* text);

// Overwrites the value of the variable where the system handed it over, which /proc/PID/environ
// shows, and in `copy`. Children do not inherit it. Not thread-safe: before the first thread.
void WipeEnvironment(std::string_view name, Settings::Environment* copy);

}  // namespace keypool
