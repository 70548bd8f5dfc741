// The scan of an answer says the same in any pieces, and what it says could be told to keyd.
#include <algorithm>
#include <string>
#include <vector>

#include "proxy/learned_resources.h"
#include "tests/fuzz/fuzz.h"

namespace keypool::proxy {
namespace {

struct Way {
  Shows shows;
  std::string_view collection;
};
constexpr Way kWays[] = {{Shows::kByName, ""},
                         {Shows::kById, "interactions"},
                         {Shows::kById, "files"},
                         {Shows::kById, "agents"}};

std::vector<ResourceNote> Learn(std::string_view answer, const Way& way, std::size_t piece) {
  LearnedScan scan(way.shows, way.collection);
  for (std::size_t at = 0; at < answer.size(); at += piece) scan.Feed(answer.substr(at, piece));
  return scan.Notes(absl::FromUnixSeconds(1'724'660'696));
}

bool IsVisible(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

void Fuzz(std::string_view bytes) {
  for (const Way& way : kWays) {
    const std::vector<ResourceNote> notes = Learn(bytes, way, bytes.size() + 1);
    FUZZ_CHECK(notes.size() <= kResourcesMax);
    for (const ResourceNote& note : notes) {
      FUZZ_CHECK(!note.name.empty() && note.name.size() <= kResourceBytesMax);
      FUZZ_CHECK(IsVisible(note.name));
      FUZZ_CHECK(note.time_to_live > absl::ZeroDuration());
      FUZZ_CHECK(note.time_to_live <= kResourceTimeMax);
    }
    for (const std::size_t piece : {1u, 3u, 17u}) FUZZ_CHECK(Learn(bytes, way, piece) == notes);
  }
}

}  // namespace keypool::proxy
