#include "tests/integration/harness/uploads.h"

#include <utility>

namespace keypool::itest {

HttpRequest UploadStart(std::vector<fake::Header> more) {
  HttpRequest start{.method = "POST", .target = "/upload/v1beta/files", .headers = std::move(more)};
  start.headers.push_back({"X-Goog-Upload-Protocol", "resumable"});
  start.headers.push_back({"X-Goog-Upload-Command", "start"});
  start.headers.push_back({"X-Goog-Upload-Header-Content-Type", "text/plain"});
  start.headers.push_back({"Content-Type", "application/json"});
  start.body = R"({"file":{"mimeType":"text/plain"}})";
  return start;
}

HttpRequest UploadStep(const std::string& url, std::string command, std::string offset,
                       std::string body) {
  return {.method = "POST",
          .target = TargetOf(url),
          .headers = {{"X-Goog-Upload-Command", std::move(command)},
                      {"X-Goog-Upload-Offset", std::move(offset)}},
          .body = std::move(body)};
}

std::string TargetOf(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t path = scheme == std::string::npos ? 0 : url.find('/', scheme + 3);
  return path == std::string::npos ? "/" : url.substr(path);
}

std::string NameIn(const std::string& json) {
  const std::string before = "\"name\": \"";
  const std::size_t at = json.find(before);
  if (at == std::string::npos) return {};
  const std::size_t start = at + before.size();
  return json.substr(start, json.find('"', start) - start);
}

std::string UploadFile(std::uint16_t port, const std::string& key) {
  std::vector<fake::Header> credentials;
  if (!key.empty()) credentials.push_back({"x-goog-api-key", key});
  const std::string url = Fetch(port, UploadStart(credentials)).Header("X-Goog-Upload-URL");
  return NameIn(Fetch(port, UploadStep(url, "upload, finalize", "0", "some text")).body);
}

HttpRequest GenerateFrom(const std::vector<std::string>& file_names) {
  HttpRequest request = GenerateContent();
  request.body = R"({"contents":[{"parts":[{"text":"What is in these?"})";
  for (const std::string& name : file_names) {
    request.body +=
        R"(,{"fileData":{"fileUri":"https://generativelanguage.googleapis.com/v1beta/)" + name +
        "\"}}";
  }
  request.body += "]}]}";
  return request;
}

}  // namespace keypool::itest
