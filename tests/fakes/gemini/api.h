// The Gemini API as far as clients of the pool use it: credentials, routes, quota, answers. No I/O.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "tests/fakes/gemini/answers.h"
#include "tests/fakes/gemini/http_message.h"
#include "tests/fakes/gemini/quota.h"

namespace keypool::fake {

inline constexpr std::size_t kParsedBodyBytesMax = 4 * 1024 * 1024;

// A request with its body, as far as it is kept.
struct ApiRequest {
  const RequestHead* head = nullptr;
  std::string body;  // the first kParsedBodyBytesMax of it
  std::int64_t body_bytes = 0;
  std::string body_sha256;
  absl::Time at;
  std::string_view scheme = "http";
};

// Who asks for what; found out before the request is judged, so that a fault can be aimed.
struct Subject {
  std::vector<std::string> credentials;
  std::string key;  // the only credential, or empty
  std::string project;
  std::string model;
  // What follows the model's colon ("generateContent"), or the name of the resource ("files").
  std::string method;
  Shape shape = Shape::kUnary;
  bool bearer = false;
  bool openai = false;
};

// Not thread-safe.
class GeminiApi {
 public:
  GeminiApi(QuotaOptions quota, std::set<std::string> models, absl::TimeZone pacific);

  Subject Identify(const ApiRequest& request) const;
  Reply Answer(const ApiRequest& request, const Subject& subject);

  // What becomes of a Live session with that first message. A handle is good in the project that it
  // was given out in.
  struct LiveVerdict {
    int close_code = 0;  // 0: it is served
    std::string reason;
    std::string model;
    bool resumable = false;
  };
  LiveVerdict OpenLive(const Subject& subject, const std::string& message, absl::Time at);
  std::string NewLiveHandle(const std::string& project);

  Quota& quota() { return quota_; }
  const Quota& quota() const { return quota_; }
  void Reset();

 private:
  Reply NativeAnswer(const ApiRequest& request, const Subject& subject);
  Reply OpenAiAnswer(const ApiRequest& request, const Subject& subject);
  Reply Models(const ApiRequest& request, const Subject& subject) const;
  Reply OpenAiModels(const Subject& subject) const;
  Reply Upload(const ApiRequest& request, const Subject& subject);
  Reply FinishUpload(const std::string& id);
  Reply Files(const ApiRequest& request, const Subject& subject);
  boost::json::value FileResource(const std::string& name) const;
  Reply Caches(const ApiRequest& request, const Subject& subject);
  Reply Batches(const ApiRequest& request, const Subject& subject);
  Reply StartBatch(const ApiRequest& request, const Subject& subject);
  Reply Interactions(const ApiRequest& request, const Subject& subject);
  // Google's answer to a body that names what the project does not have; nothing when all is well.
  std::optional<Reply> Foreign(const ApiRequest& request, const Subject& subject) const;

  struct File {
    std::string display_name;
    std::string mime_type;
    std::int64_t bytes = 0;
    std::string sha256;
    absl::Time created;
    std::string project;
  };

  // A cache, a batch or an interaction.
  struct Kept {
    std::string project;
    std::string model;
    absl::Time created;
    std::string state;       // of a batch
    std::string label;       // its display name; of an interaction, what the model said
    absl::Time expires;      // of a cache
    std::string input_file;  // of a batch that was made in OpenAI's way
  };
  static boost::json::value CacheResource(const std::string& name, const Kept& cache);
  static boost::json::value BatchResource(const std::string& name, const Kept& batch);
  static boost::json::object InteractionResource(const std::string& id, const Kept& interaction);
  Reply OpenAiBatches(const ApiRequest& request, const Subject& subject);

  Quota quota_;
  std::set<std::string> models_;
  std::map<std::string, File> files_;         // by "files/…"
  std::map<std::string, File> uploads_;       // by upload_id
  std::map<std::string, Kept> caches_;        // by "cachedContents/…"
  std::map<std::string, Kept> batches_;       // by "batches/…"
  std::map<std::string, Kept> interactions_;  // by id
  std::uint64_t made_ = 0;                    // of all of these but uploads
  std::uint64_t uploads_begun_ = 0;
  std::map<std::string, std::string> live_handles_;  // the project that each is good in
  std::uint64_t answers_ = 0;
};

// The models that are there unless others are named.
std::set<std::string> UsualModels();

}  // namespace keypool::fake
