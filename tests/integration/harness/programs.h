// Which keyd, proxy and poolctl are under test.
#pragma once

#include <string>
#include <string_view>

namespace keypool::itest {

// The path of "keyd", "proxy" or "poolctl": those built with the tests, or those in the folder that
// KEYPOOL_PROGRAMS names. So programs with a sanitizer are tested by tests without one, which are
// built once and are no slower than a client would be. Thread-safe.
std::string Program(std::string_view name);
// A sanitizer slows the programs down and takes memory of its own: nothing is to be measured.
bool ProgramsAreSanitized();

}  // namespace keypool::itest
