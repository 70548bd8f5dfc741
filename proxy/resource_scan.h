// Finds in a JSON request body, while it streams by, what it names that lives in one project: files
// by URI or name, caches, stores, batches' input, interactions, agents. In bounded memory. Pure.
//
// Arguments and results of functions are the caller's own words and not looked into.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/json_walk.h"
#include "proxy/resource_names.h"

namespace keypool::proxy {

class ResourceScan {
 public:
  // Whose files a URI can mean beside Google's own host; see ResourceInUri. The views outlive it.
  struct Hosts {
    std::string_view upstream, proxy, published;
  };
  explicit ResourceScan(const Hosts& hosts) : finder_{hosts} {}

  // The next bytes of the body, in any pieces. Never fails.
  void Feed(std::string_view piece) { walk_.Feed(piece, finder_); }

  // What has come so far.
  const ResourceNames& Names() const { return finder_.names; }

 private:
  // Called by JsonWalk.
  struct Finder {
    static JsonWalk::Member OnName(std::uint8_t place, std::string_view name);
    void OnText(std::uint8_t wish, std::string_view text);
    void OnOpen(std::uint8_t) {}
    void OnClose(std::uint8_t) {}

    Hosts hosts;
    ResourceNames names = {};
  };

  JsonWalk walk_;
  Finder finder_;
};

}  // namespace keypool::proxy
