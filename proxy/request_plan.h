// What is to be done with a request, decided from its head alone. Pure.
#pragma once

#include <string>
#include <string_view>

#include "keyd/base/lease.h"
#include "proxy/http_types.h"

namespace keypool::proxy {

enum class Route {
  kUpstream,
  kHealth,  // /health
  kAdmin,   // /admin/…
};

enum class BodyPlan {
  kKeep,    // whole, replayable: in memory, then in a temporary file
  kStream,  // passed on as it comes, not replayable: uploads
};

// Which API shape an error of ours takes.
enum class ErrorShape { kNative, kSse, kJsonArray, kOpenAi };

enum class KeyPlace { kGoogHeader, kBearer };

struct Plan {
  Route route = Route::kUpstream;
  Kind kind = Kind::kUnmetered;
  // Percent-decoded, without "models/"; empty when the path names none.
  std::string model;
  // The model stands in the body's top-level "model" (see BodyModelScan); then kind is kMetered if
  // one is found.
  bool model_in_body = false;
  BodyPlan body = BodyPlan::kKeep;
  ErrorShape error_shape = ErrorShape::kNative;
  KeyPlace key_place = KeyPlace::kGoogHeader;
  // The target to send upstream: byte for byte the client's, without credential parameters (key,
  // access_token, in any encoding).
  std::string target;
};

// Reads no body and looks at no clock. Every method and path has a plan.
Plan MakePlan(const RequestHead& head);

}  // namespace keypool::proxy
