// Puts an answer on the wire, well or as badly as a fault wants it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>

#include "tests/fakes/gemini/faults.h"
#include "tests/fakes/gemini/http_message.h"
#include "tests/fakes/gemini/journal.h"
#include "tests/fakes/gemini/shared.h"
#include "tests/fakes/gemini/transport.h"

namespace keypool::fake {

struct Delivery {
  Transport& transport;
  Shared& shared;
  Reply reply;
  std::optional<Fault> fault;
  bool head_only = false;  // HEAD
};

struct Delivered {
  Ending ending = Ending::kAnswered;
  bool close = false;  // the connection must not be used again
};

// `delivery` must live until it returns.
boost::asio::awaitable<Delivered> Deliver(Delivery& delivery);

// Reads and forgets until the peer has closed.
boost::asio::awaitable<void> WaitUntilPeerCloses(Transport& transport);

}  // namespace keypool::fake
