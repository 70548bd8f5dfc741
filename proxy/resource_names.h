// Names of what lives in one project at Google's ("files/abc"), as paths, bodies and answers have
// them. Pure.
//
// A name is made the same wherever it is found: the collection and the id, without version; of
// what lies below another resource ("fileSearchStores/s/documents/d") that one's; of operations all
// of it ("models/m/operations/o"). Ids are visible ASCII; what is none has no name.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "keyd/base/lease.h"

namespace keypool::proxy {

// Different names, in the order in which they came.
class ResourceNames {
 public:
  // An empty name is none.
  void Add(std::string name);
  const std::vector<std::string>& all() const { return names_; }
  bool empty() const { return names_.empty(); }
  // More than kResourcesMax came; the others are not kept.
  bool TooMany() const { return too_many_; }

 private:
  std::vector<std::string> names_;
  bool too_many_ = false;
};

// What an answer of 2xx shows to live in the project that gave it.
enum class Shows : std::uint8_t {
  kNothing,
  kByName,  // resources with a "name"
  kById,    // … with an "id", of ResourcePlan::collection
};

// What the target of a request tells.
struct ResourcePlan {
  ResourceNames names;
  std::string self;  // the resource that the path is of, when it is no more than that
  Shows shows = Shows::kNothing;
  std::string_view collection = {};  // static storage
};

// `rest` is what stands behind "/{version}/" of a decoded path.
ResourcePlan ResourcesInPath(std::string_view rest);
// `rest` is what stands behind "/upload/". `query` is as it came, without its '?'.
ResourcePlan ResourcesInUpload(std::string_view rest, std::string_view query);

// Of a full name, in any of the forms that Google writes; empty when it is of no collection known
// to live in a project.
std::string ResourceNamed(std::string_view full_name);
// What an operation works on, when that lives in a project too: the tuned model or the store in
// front of "/operations/". Empty: nothing does, or `name` is of no operation.
std::string SubjectOfOperation(std::string_view name);
// True for the path behind the version of a list that has what anybody has made in a project:
// "interactions", "openai/batches", "models/veo/operations".
bool IsListOfProject(std::string_view rest);
// Of a name that may leave its collection out: "files/abc" and "abc" are both "files/abc".
std::string ResourceOf(std::string_view collection, std::string_view name_or_id);

// Of a file by its URI, "https://generativelanguage.googleapis.com/v1beta/files/abc:download", or
// by its name alone. Empty for what lives elsewhere. `hosts` (with ports, if any) are those which
// stand for Google's beside Google's own.
std::string ResourceInUri(std::string_view uri, std::initializer_list<std::string_view> hosts);

// Of an upload session and of a handle to resume a Live session. They can be as long as they like
// and are good for who has them: only a digest is told.
std::string UploadResource(std::string_view upload_id);
std::string LiveResource(std::string_view handle);

// How long a resource is remembered whose answer does not tell its end.
absl::Duration UsualLifetime(std::string_view name);
// True when an answer of 2xx to a request that names it shows that it lives there: not for what
// Google also has for everybody, such as its own agents.
bool IsOfOneProject(std::string_view name);

}  // namespace keypool::proxy
