// The one place that makes answers of the proxy's own.
#pragma once

#include <string>
#include <string_view>

#include "keyd/base/clock.h"
#include "proxy/client_connection.h"
#include "proxy/error_body.h"
#include "proxy/request_plan.h"
#include "proxy/task.h"

namespace keypool::proxy {

// Of the request that is answered.
struct AnswerTo {
  ErrorShape shape = ErrorShape::kNative;
  bool head_only = false;  // HEAD
  bool keep_alive = true;
  std::string_view cors_fields = {};  // complete lines, for a page in a browser
};

// An error in Google's shape. kNone: it is on its way.
Task<Interrupt> RespondError(ClientConnection& client, const Clock& clock, const ErrorAnswer& error,
                             AnswerTo to);

// The whole of an answer that ends its connection, for a client that is not let in.
std::string ErrorAtTheDoor(const Clock& clock, const ErrorAnswer& error);

// A page of the proxy itself. `allow` is for 405; `fields` are more lines, complete.
struct Page {
  int http_status = 200;
  std::string body;  // JSON
  std::string_view allow;
  std::string fields = {};
};
Task<Interrupt> RespondPage(ClientConnection& client, const Clock& clock, const Page& page,
                            AnswerTo to);

// Tells a browser that the request may be sent that it asks for: 204 with these complete lines.
Task<Interrupt> RespondPreflight(ClientConnection& client, const Clock& clock,
                                 std::string_view preflight_fields, AnswerTo to);

}  // namespace keypool::proxy
