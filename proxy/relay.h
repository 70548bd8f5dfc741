// Hands upstream's answer to the client as it comes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/time/time.h"
#include "proxy/answer_facts.h"
#include "proxy/answer_scan.h"
#include "proxy/client_connection.h"
#include "proxy/exchange.h"
#include "proxy/headers.h"
#include "proxy/redact.h"
#include "proxy/task.h"

namespace keypool::proxy {

enum class RelayEnd {
  kComplete,
  kUpstreamCut,     // upstream ended before its answer did
  kUpstreamSilent,  // … said nothing for too long
  kClientGone,
  kClientStalled,  // the client takes nothing
  kKeyShows,       // what would come next holds a key and cannot be masked
};
struct RelayResult {
  RelayEnd end = RelayEnd::kComplete;
  std::uint64_t payload_bytes = 0;
  bool begun = false;  // the client has got something
};

// How the payload of `head` is framed for a client of HTTP/1.`minor_version`.
OutBody ClientFraming(const ResponseHead& head, int minor_version);

// Sends the head, what answer().kept holds, and the rest of the payload: each read from upstream
// leads to at most one write, at once. After any end but kComplete the client must not see a clean
// end: ClientConnection::Abort.
// Nothing goes that shows one of `keys`: they are masked, and a packed answer with one is unpacked
// when it is there as a whole, and else ends in front of it.
// The payload goes by `scan` too, if there is one.
Task<RelayResult> Relay(ClientConnection& client, Exchange& exchange, ClientHeadOptions options,
                        const Redactor& keys, AnswerScan* scan);

struct KeepLimits {
  std::size_t bytes;
  // One that dribbles is relayed without a second look.
  absl::Duration time = absl::Seconds(5);
};
// Reads the payload of a small answer into answer().kept, until it is complete or `limits` are
// exceeded: what is still to come is for Relay. Masks `keys` in it. kGone: the client has left.
Task<Interrupt> KeepPayload(ClientConnection& client, Exchange& exchange, const Redactor& keys,
                            KeepLimits limits = {kErrorBodyBytesMax});

}  // namespace keypool::proxy
