// A command line of poolctl, read as poolctl reads it.
#pragma once

#include <utility>
#include <vector>

#include "cli/options.h"

namespace keypool::fakes {

struct ReadLine {
  Settings::Parsed parsed;
  cli::Options options;
};
// "poolctl `command` `arguments`…".
inline ReadLine ReadCommand(const char* command, std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), {"poolctl", command});
  ReadLine read;
  read.parsed = cli::ReadOptions(static_cast<int>(arguments.size()), arguments.data(),
                                 {{"HOME", "/home/u"}}, &read.options);
  return read;
}

}  // namespace keypool::fakes
