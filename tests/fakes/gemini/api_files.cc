// Files: uploads (resumable in any pieces, or at once), get, list, delete.
#include <boost/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/fakes/gemini/api.h"
#include "tests/fakes/gemini/resources.h"

namespace keypool::fake {
namespace {

namespace json = boost::json;

constexpr std::int64_t kChunkGranularity = 8'388'608;

std::string HeaderOr(const RequestHead& head, std::string_view name, std::string_view otherwise) {
  return std::string(head.Find(name).value_or(otherwise));
}

}  // namespace

json::value GeminiApi::FileResource(const std::string& name) const {
  const File& file = files_.at(name);
  return json::object{{"name", name},
                      {"displayName", file.display_name},
                      {"mimeType", file.mime_type},
                      {"sizeBytes", std::to_string(file.bytes)},
                      {"createTime", Rfc3339(file.created)},
                      {"updateTime", Rfc3339(file.created)},
                      {"expirationTime", Rfc3339(file.created + absl::Hours(48))},
                      {"sha256Hash", absl::Base64Escape(file.sha256)},
                      {"uri", "https://generativelanguage.googleapis.com/v1beta/" + name},
                      {"state", "ACTIVE"}};
}

Reply GeminiApi::Upload(const ApiRequest& request, const Subject& subject) {
  const RequestHead& head = *request.head;
  const std::string command = HeaderOr(head, "x-goog-upload-command", "");
  const bool at_once = HeaderOr(head, "x-goog-upload-protocol", "") == "multipart";
  std::string id;
  for (const QueryParameter& parameter : ParseQuery(head.query())) {
    if (parameter.name == "upload_id") id = parameter.value;
  }
  Reply reply = JsonReply(json::object{});
  if (command.starts_with("start") || at_once) {
    id = absl::StrCat("fake-upload-", ++uploads_begun_);
    File& file = uploads_[id];
    file.mime_type = HeaderOr(head, "x-goog-upload-header-content-type", "text/plain");
    file.display_name = HeaderOr(head, "x-goog-upload-file-name", "");
    file.created = request.at;
    file.project = subject.project;
    const std::string url =
        absl::StrCat(std::string(request.scheme), "://", HeaderOr(head, "host", "localhost"),
                     std::string(head.path()), "?upload_id=", id, "&upload_protocol=resumable");
    reply.headers.push_back({"X-Goog-Upload-URL", url});
    reply.headers.push_back({"X-Goog-Upload-Control-URL", url});
    reply.headers.push_back({"X-Goog-Upload-Chunk-Granularity", std::to_string(kChunkGranularity)});
  }
  const auto found = uploads_.find(id);
  if (found == uploads_.end()) return NoSuchPage(head.path());
  File& file = found->second;
  // Who has the id needs no key; a key must be of its project.
  if (!subject.project.empty() && file.project != subject.project) return NoAccess("Upload", id);
  if (command == "query") {
    reply.headers.push_back({"X-Goog-Upload-Size-Received", std::to_string(file.bytes)});
  } else if (at_once || command.find("upload") != std::string::npos) {
    const std::string offset = HeaderOr(head, "x-goog-upload-offset", "0");
    if (offset != std::to_string(file.bytes)) {
      return BadRequest("The offset does not continue the upload.", Shape::kUnary);
    }
    file.bytes += request.body_bytes;
    file.sha256 = request.body_sha256;
  } else if (command != "finalize" && command != "start") {
    return NoSuchPage(head.path());
  }
  const bool final = at_once || command.find("finalize") != std::string::npos;
  reply.headers.push_back({"X-Goog-Upload-Status", final ? "final" : "active"});
  if (final) reply.pieces = FinishUpload(id).pieces;
  return reply;
}

Reply GeminiApi::FinishUpload(const std::string& id) {
  const std::string name = absl::StrCat("files/fake-", ++made_);
  files_[name] = uploads_.at(id);
  uploads_.erase(id);
  return JsonReply(json::object{{"file", FileResource(name)}});
}

Reply GeminiApi::Files(const ApiRequest& request, const Subject& subject) {
  const std::string name = ResourceName(*request.head);
  if (name == "files") {
    json::array listed;
    for (const auto& [file_name, file] : files_) {
      if (file.project == subject.project) listed.push_back(FileResource(file_name));
    }
    return JsonReply(json::object{{"files", std::move(listed)}});
  }
  const auto found = files_.find(name);
  if (found == files_.end() || found->second.project != subject.project) {
    return NoAccess("File", name.substr(6));
  }
  if (request.head->method != "DELETE") return JsonReply(FileResource(name));
  files_.erase(found);
  return JsonReply(json::object{});
}

}  // namespace keypool::fake
