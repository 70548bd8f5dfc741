// What every fuzz target defines. With Clang and KEYPOOL_FUZZ it is linked with libFuzzer,
// otherwise with replay.cc, which feeds it the corpus.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace keypool::proxy {
// Ends the process when something is not as it must be, whatever the bytes are. Targets over keyd's
// code define it too, as proxy::Fuzz.
void Fuzz(std::string_view bytes);
}  // namespace keypool::proxy

#define FUZZ_CHECK(condition)                                                      \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                \
    }                                                                              \
  } while (false)
