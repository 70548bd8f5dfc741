// What is to be done with a request, decided from its head alone. Pure.
#pragma once

#include <string>
#include <string_view>

#include "keyd/base/lease.h"
#include "keyd/base/secret.h"
#include "proxy/http_types.h"
#include "proxy/resource_names.h"

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
enum class ErrorShape {
  kNative,
  kSse,
  kJsonArray,
  kOpenAi,
  kInteractions,  // with a word in place of the number
};

enum class KeyPlace {
  kGoogHeader,
  kBearer,
  kNone,  // the client has an ephemeral token, of a project of its own: it is left alone
};

struct Plan {
  // Not empty: to be refused with 400 and this sentence, whatever the rest says; static storage.
  std::string_view problem;
  Route route = Route::kUpstream;
  Kind kind = Kind::kUnmetered;
  // Percent-decoded, without "models/" ("gemini-2.5-flash", "tunedModels/x"); empty when the path
  // names none. Never empty with kMetered. Otherwise it is for the log.
  std::string model;
  // The model stands in the body's top-level "model" (see BodyModelScan); then kind is kMetered if
  // one is found.
  bool model_in_body = false;
  // Not empty: a list of this collection, which every project has its own of; see pooled_list.h.
  std::string_view pooled_collection;
  // A list of what everybody has made in the project that answers: nothing for one client of many.
  bool lists_project = false;
  BodyPlan body = BodyPlan::kKeep;
  ErrorShape error_shape = ErrorShape::kNative;
  KeyPlace key_place = KeyPlace::kGoogHeader;
  // The upgrade to the WebSocket of a Live session: after 101 it is a tunnel of bytes, and the
  // model stands in the first message.
  bool live = false;
  // The target to send upstream: byte for byte the client's, without credential parameters (key,
  // access_token, oauth_token, userProject, with or without '$', in any encoding); with
  // KeyPlace::kNone the token stays.
  std::string target;
  // Of the pool's own, wherever the client puts its key: x-goog-api-key, Authorization with any
  // scheme, the query in any encoding. Of several the first in this order. Null: none.
  SecretPtr client_token;
  // What the target names that lives in one project, and what the answer will show of it.
  ResourcePlan resources;
};

// Reads no body and looks at no clock. Every method and path has a plan, or a problem.
//
// To read a path it is percent-decoded once and doubled slashes count as one, as Google may do it;
// what is sent stays as it came. Refused, because two readers could differ on them: "." and ".."
// segments, our own paths written otherwise than literally ("//admin", "/%61dmin", "/health/"), and
// metered methods on a model whose name no Gemini model has: passed on unmetered, they would be a
// way around the quota.
Plan MakePlan(const RequestHead& head);

// True for a header that carries an ephemeral token ("auth_tokens/…"), as SDKs send it:
// "Authorization: Token auth_tokens/…" and "x-goog-api-key: auth_tokens/…".
bool IsEphemeralToken(const Field& field);

// True for 1 to kModelBytesMax of [A-Z a-z 0-9 . _ -], in one or more segments parted by '/'.
bool IsModelName(std::string_view text);
// `text` without "models/" in front; empty when that is no model name.
std::string_view ModelNameIn(std::string_view text);

}  // namespace keypool::proxy
