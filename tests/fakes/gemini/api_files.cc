// Files: resumable uploads (start, upload, finalize), get, list, delete.
#include <boost/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/fakes/gemini/api.h"

namespace keypool::fake {
namespace {

namespace json = boost::json;

constexpr std::int64_t kChunkGranularity = 8'388'608;

std::string HeaderOr(const RequestHead& head, std::string_view name, std::string_view otherwise) {
  return std::string(head.Find(name).value_or(otherwise));
}

std::string Rfc3339(absl::Time t) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", t, absl::UTCTimeZone());
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

Reply GeminiApi::Upload(const ApiRequest& request) {
  const RequestHead& head = *request.head;
  const std::string command = HeaderOr(head, "x-goog-upload-command", "");
  Reply reply = JsonReply(json::object{});
  reply.framing = Framing::kSized;
  if (command == "start") {
    const std::string id = absl::StrCat("fake-upload-", uploads_.size() + 1);
    File& file = uploads_[id];
    file.mime_type = HeaderOr(head, "x-goog-upload-header-content-type", "text/plain");
    file.display_name = HeaderOr(head, "x-goog-upload-file-name", "");
    file.created = request.at;
    Subject subject = Identify(request);
    file.project = subject.project;
    const std::string url =
        absl::StrCat(std::string(request.scheme), "://", HeaderOr(head, "host", "localhost"),
                     std::string(head.path()), "?upload_id=", id, "&upload_protocol=resumable");
    reply.headers.push_back({"X-Goog-Upload-URL", url});
    reply.headers.push_back({"X-Goog-Upload-Control-URL", url});
    reply.headers.push_back({"X-Goog-Upload-Status", "active"});
    reply.headers.push_back({"X-Goog-Upload-Chunk-Granularity", std::to_string(kChunkGranularity)});
    return reply;
  }
  std::string id;
  for (const QueryParameter& parameter : ParseQuery(head.query())) {
    if (parameter.name == "upload_id") id = parameter.value;
  }
  const auto found = uploads_.find(id);
  if (found == uploads_.end() || command.find("upload") == std::string::npos) {
    return NoSuchPage(head.path());
  }
  File& file = found->second;
  const std::string offset = HeaderOr(head, "x-goog-upload-offset", "0");
  if (offset != std::to_string(file.bytes)) {
    return BadRequest("The offset does not continue the upload.", Shape::kUnary);
  }
  file.bytes += request.body_bytes;
  file.sha256 = request.body_sha256;
  const bool final = command.find("finalize") != std::string::npos;
  reply.headers.push_back({"X-Goog-Upload-Status", final ? "final" : "active"});
  if (!final) return reply;
  const std::string name = absl::StrCat("files/fake-", files_.size() + 1);
  files_[name] = file;
  uploads_.erase(found);
  reply.pieces = {Pretty(json::object{{"file", FileResource(name)}})};
  return reply;
}

Reply GeminiApi::Files(const ApiRequest& request) const {
  const std::string_view path = request.head->path();
  const std::size_t at = path.find("/files");
  const std::string name(path.substr(at + 1));
  const std::string project = Identify(request).project;
  if (name == "files") {
    json::array listed;
    for (const auto& [file_name, file] : files_) {
      if (file.project == project) listed.push_back(FileResource(file_name));
    }
    return JsonReply(json::object{{"files", std::move(listed)}});
  }
  const auto found = files_.find(name);
  if (found == files_.end() || found->second.project != project) {
    return ErrorReply({403,
                       "PERMISSION_DENIED",
                       "You do not have permission to access the File " + name.substr(6) +
                           " or it may not exist.",
                       {}},
                      Shape::kUnary);
  }
  return JsonReply(FileResource(name));
}

}  // namespace keypool::fake
