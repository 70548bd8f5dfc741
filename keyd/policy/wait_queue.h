// Who waits for one model, or for one project of it: round-robin over clients, each as often in its
// turn as its weight says, and first come first served within one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "keyd/base/clock.h"
#include "keyd/base/ids.h"
#include "keyd/base/lease.h"

namespace keypool::policy {

// An Acquire that was neither granted nor refused yet.
struct Waiting {
  std::uint64_t ticket = 0;  // the pool's caller knows it by this
  AcquireCommand command;    // that excludes nothing
  MonoTime since;
  MonoTime until;
  std::int64_t weight = 1;  // of its client; of the last that came
};

// Not thread-safe.
class WaitQueue {
 public:
  // Of one client, the longest waiting first; never empty.
  struct Line {
    std::string client;
    std::list<Waiting> waiting;
    std::int64_t weight = 1;
    std::int64_t served = 0;  // of the present turn
  };
  using Lines = std::list<Line>;

  bool empty() const { return lines_.empty(); }
  std::size_t size() const { return size_; }
  // In the order of their turns.
  Lines& lines() { return lines_; }

  // Behind all of its client; a client that had nobody waiting comes after all other clients.
  void Add(Waiting waiting);
  // Takes the first of a line, whose client has had its turn with it when that was its last one.
  Waiting Serve(Lines::iterator line);
  // Its client has its turn after all others. Gives the one behind it.
  Lines::iterator PassBy(Lines::iterator line);
  // Takes one out of turn. Requires that it is there.
  Waiting Remove(const std::string& client, std::uint64_t ticket);

 private:
  Waiting Take(Lines::iterator line, std::list<Waiting>::iterator at);

  Lines lines_;
  absl::flat_hash_map<std::string, Lines::iterator> by_client_;
  std::size_t size_ = 0;
};

struct Model;

// Those who wait for the same.
struct HeldQueue {
  Model* model = nullptr;
  ProjectId pin;  // that all of them wait for; empty: for any
  WaitQueue waiting;
  MonoTime due;            // when the first of them can be granted
  bool gives_way = false;  // the next slot is for those who wait for any project
};

}  // namespace keypool::policy
