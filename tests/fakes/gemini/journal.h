// Everything that reached the fake, newest last, bounded.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/fakes/gemini/http_message.h"

namespace keypool::fake {

// How a request ended, as the fake saw it.
enum class Ending {
  kOpen,        // not yet
  kAnswered,    // the whole answer was written
  kPeerClosed,  // the peer went away before
  kCut,         // the fake cut it, as it was told
};
std::string_view ToString(Ending ending);

struct SeenRequest {
  std::uint64_t number = 0;      // 1, 2, … over the life of the fake
  std::uint64_t connection = 0;  // 1, 2, …
  int on_connection = 0;         // 1 for the first request of its connection
  absl::Time at;                 // when its head was complete
  RequestHead head;
  bool chunked = false;
  std::int64_t body_bytes = 0;
  std::string body;         // the first kBodyKeptBytes of it
  std::string body_sha256;  // lower-case hex; empty until the body is complete
  std::string key;          // as it came; empty without one
  std::string project;
  std::string model;
  int status = 0;  // answered; 0 for none
  Ending ending = Ending::kOpen;
  std::string tls_server_name;
  bool tls_resumed = false;
};

inline constexpr std::size_t kBodyKeptBytes = 64 * 1024;

// Not thread-safe.
class Journal {
 public:
  explicit Journal(std::size_t requests_max) : requests_max_(requests_max) {}

  // Gives the request its number.
  std::uint64_t Add(SeenRequest request);
  // Null when it has been pushed out.
  SeenRequest* Find(std::uint64_t number);
  std::vector<SeenRequest> After(std::uint64_t number) const;
  std::uint64_t total() const { return total_; }
  // Heads that a strict server refuses; no honest proxy sends one.
  std::int64_t malformed = 0;
  // Forgets the requests; numbers go on.
  void Clear();

 private:
  std::size_t requests_max_;
  std::uint64_t total_ = 0;
  std::deque<SeenRequest> requests_;
};

}  // namespace keypool::fake
