// Finds in an answer of 2xx, while it streams by, which resources it shows to live in the project
// that gave it: the one that was made or asked for, or those of a list. In bounded memory, and
// without changing the answer. Pure.
//
// Names count only where the answer's own resources have them, so that what a model writes is never
// taken for one. Server-sent events are read as well as plain JSON.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "keyd/base/lease.h"
#include "proxy/http_types.h"
#include "proxy/json_walk.h"
#include "proxy/resource_names.h"

namespace keypool::proxy {

class LearnedScan {
 public:
  // `collection` as in ResourcePlan, with kById.
  LearnedScan(Shows shows, std::string_view collection) : finder_{shows, collection} {}

  // The next bytes of the payload (chunked coding removed, and unpacked), in any pieces. Never
  // fails.
  void Feed(std::string_view text) { walk_.Feed(text, finder_); }

  // What has come so far, at most kResourcesMax: to be remembered from `now` on until the answer
  // says that it expires, or as long as is usual.
  std::vector<ResourceNote> Notes(absl::Time now) const;

 private:
  struct Found {
    std::string name;
    std::optional<absl::Time> until;
  };
  // Called by JsonWalk.
  struct Finder {
    JsonWalk::Member OnName(std::uint8_t place, std::string_view name) const;
    void OnText(std::uint8_t wish, std::string_view text);
    void OnOpen(std::uint8_t place);
    void OnClose(std::uint8_t place);
    void Add(Found found);

    Shows shows;
    std::string_view collection;
    std::array<Found, 2> open = {};  // of the answer, and of a resource inside
    bool inside = false;
    std::vector<Found> found = {};
  };

  JsonWalk walk_;
  Finder finder_;
};

// The upload session that an answer begins, by its X-Goog-Upload-URL or Location; empty when none.
std::string UploadBegunBy(const ResponseHead& head);

}  // namespace keypool::proxy
