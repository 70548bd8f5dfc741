// What the proxy says when it cannot serve a request: one place for every sentence. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "keyd/base/lease.h"
#include "proxy/body.h"
#include "proxy/error_body.h"
#include "proxy/exchange.h"
#include "proxy/read_body.h"

namespace keypool::proxy {

// keyd refused. `at_least`: for Retry-After when keyd names no time.
ErrorAnswer ForRefusal(const Refusal& refusal, std::string_view model, absl::Duration at_least);
// What the log calls it.
std::string_view OutcomeOf(RefusalReason reason);
// The same for the close frame of a Live session, which has room for little: the most important
// comes first.
std::string CloseReason(const ErrorAnswer& error);
// keyd did not answer, or not this request.
ErrorAnswer ForKeydFailure(const absl::Status& status);
// `attempts` keys in a row were refused by upstream, the last one with `http_status`, and no more
// may be tried.
ErrorAnswer ForRetriesUsedUp(int attempts, int http_status, absl::Duration retry_after);
// Upstream gave no answer.
ErrorAnswer ForExchange(ExchangeEnd end, std::string_view problem, std::string_view upstream);
// Upstream's answer shows a key and cannot be masked.
ErrorAnswer ForKeyInAnswer();
// What the client gives Google for the request (X-Server-Timeout) went by before it could be sent.
ErrorAnswer ForTimeUsedUp(absl::Duration given);
// A page in a browser sent it that may not.
ErrorAnswer ForForeignPage(std::string_view origin);
// Plain HTTP came to the port that serves HTTPS.
ErrorAnswer ForPlainHttp();
// A client asks for a list that has what others have made, too.
ErrorAnswer ForListOfProject();
// The address has as many connections as it may have.
ErrorAnswer ForCrowdedAddress(std::int64_t connections_max);
// So has the client, on other connections than the one that it asks on.
ErrorAnswer ForCrowdedClient(std::int64_t connections_max);
// The process may open no more files and sockets.
ErrorAnswer ForNoDescriptors();
// The body could not be taken.
ErrorAnswer ForBody(const ReadBodyResult& result, const BodyLimits& limits);

}  // namespace keypool::proxy
