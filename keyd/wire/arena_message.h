// A message that is filled again and again, in memory that is kept.
#pragma once

#include <google/protobuf/arena.h>

#include <cstddef>
#include <memory>

namespace keypool::wire {

// Not thread-safe. A message of some hundred small parts is made and cleared in steps of a pointer
// instead of an allocation for each part.
template <class Message>
class ArenaMessage {
 public:
  ArenaMessage() { Clear(); }
  ArenaMessage(const ArenaMessage&) = delete;
  ArenaMessage& operator=(const ArenaMessage&) = delete;

  // An empty message; what referred to the one before is void.
  void Clear() {
    arena_.Reset();
    message_ = google::protobuf::Arena::CreateMessage<Message>(&arena_);
  }

  Message& operator*() { return *message_; }
  const Message& operator*() const { return *message_; }
  Message* operator->() { return message_; }
  const Message* operator->() const { return message_; }

 private:
  static constexpr std::size_t kKeptBytes = 32 * 1024;

  static google::protobuf::ArenaOptions Options(char* kept) {
    google::protobuf::ArenaOptions options;
    options.initial_block = kept;
    options.initial_block_size = kKeptBytes;
    return options;
  }

  const std::unique_ptr<char[]> kept_ = std::make_unique_for_overwrite<char[]>(kKeptBytes);
  google::protobuf::Arena arena_{Options(kept_.get())};
  Message* message_ = nullptr;
};

}  // namespace keypool::wire
