#include "tests/fakes/gemini/control.h"

#include <boost/json.hpp>
#include <charconv>

#include "absl/strings/escaping.h"

namespace keypool::fake {
namespace {

namespace json = boost::json;

constexpr std::string_view kControl = "/__fake/";
constexpr std::size_t kEchoBytesMax = 1024 * 1024 * 1024;
constexpr std::size_t kPieceBytes = 16 * 1024;

std::string Parameter(const RequestHead& head, std::string_view name) {
  for (const QueryParameter& parameter : ParseQuery(head.query())) {
    if (parameter.name == name) return parameter.value;
  }
  return "";
}

std::uint64_t NumberOr(const std::string& text, std::uint64_t otherwise) {
  std::uint64_t number = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Reply Done() { return JsonReply(json::object{{"ok", true}}); }

Reply Wrong(std::string_view message) {
  Reply reply = JsonReply(json::object{{"error", message}});
  reply.status = 400;
  return reply;
}

json::value CountsJson(const FakeCounts& counts) {
  json::array buckets;
  for (const BucketCount& bucket : counts.buckets) {
    buckets.push_back(json::object{{"project", bucket.project},
                                   {"model", bucket.model},
                                   {"key", bucket.key},
                                   {"admitted", bucket.admitted},
                                   {"refused", bucket.refused}});
  }
  return json::object{
      {"requests", counts.requests},       {"malformed", counts.malformed},
      {"connections", counts.connections}, {"connections_open", counts.connections_open},
      {"admitted", counts.admitted},       {"refused", counts.refused},
      {"buckets", std::move(buckets)}};
}

json::value SeenJson(const SeenRequest& seen) {
  return json::object{{"number", seen.number},
                      {"connection", seen.connection},
                      {"on_connection", seen.on_connection},
                      {"at", absl::FormatTime(absl::RFC3339_full, seen.at, absl::UTCTimeZone())},
                      {"method", seen.head.method},
                      {"target", seen.head.target},
                      {"head_base64", absl::Base64Escape(seen.head.raw)},
                      {"chunked", seen.chunked},
                      {"body_bytes", seen.body_bytes},
                      {"body_sha256", seen.body_sha256},
                      {"key", seen.key},
                      {"project", seen.project},
                      {"model", seen.model},
                      {"status", seen.status},
                      {"ending", ToString(seen.ending)},
                      {"tls_server_name", seen.tls_server_name},
                      {"tls_resumed", seen.tls_resumed}};
}

Reply Requests(const RequestHead& head, Shared& shared) {
  std::vector<SeenRequest> requests;
  {
    MutexLock lock(&shared.state.mutex);
    requests = shared.state.journal.After(NumberOr(Parameter(head, "after"), 0));
  }
  json::array listed;
  for (const SeenRequest& seen : requests) listed.push_back(SeenJson(seen));
  return JsonReply(json::object{{"requests", std::move(listed)}});
}

Reply AddFault(const std::string& body, Shared& shared) {
  absl::StatusOr<Fault> fault = ParseFault(body);
  if (!fault.ok()) return Wrong(std::string(fault.status().message()));
  MutexLock lock(&shared.state.mutex);
  shared.state.faults.Add(*std::move(fault));
  return Done();
}

Reply AddKey(const std::string& body, Shared& shared) {
  boost::system::error_code error;
  const json::value value = json::parse(body, error);
  const json::object* object = error ? nullptr : value.if_object();
  const json::value* key = object == nullptr ? nullptr : object->if_contains("key");
  const json::value* project = object == nullptr ? nullptr : object->if_contains("project");
  if (key == nullptr || !key->is_string() || project == nullptr || !project->is_string()) {
    return Wrong("the body must be {\"key\": text, \"project\": text}");
  }
  MutexLock lock(&shared.state.mutex);
  shared.state.api.quota().AddKey(std::string(key->get_string()),
                                  std::string(project->get_string()));
  return Done();
}

}  // namespace

bool IsControl(std::string_view target) { return target.starts_with(kControl); }

Reply AnswerControl(const ApiRequest& request, Shared& shared) {
  const RequestHead& head = *request.head;
  const std::string what = head.method + " " + std::string(head.path().substr(kControl.size()));
  if (what == "GET counts") return JsonReply(CountsJson(shared.state.Counts()));
  if (what == "GET requests") return Requests(head, shared);
  if (what == "POST faults") return AddFault(request.body, shared);
  if (what == "POST keys") return AddKey(request.body, shared);
  if (what == "POST step") {
    shared.Step(static_cast<int>(NumberOr(Parameter(head, "pieces"), 1)));
    return Done();
  }
  if (what == "POST reset") {
    shared.state.Reset();
    return Done();
  }
  if (what == "DELETE faults") {
    MutexLock lock(&shared.state.mutex);
    shared.state.faults.Clear();
    return Done();
  }
  return NoSuchPage(head.path());
}

std::string EchoBytes(std::size_t n) {
  std::string bytes(n, '\0');
  std::uint32_t state = 1;
  for (char& byte : bytes) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

std::optional<Reply> AnswerEcho(const ApiRequest& request) {
  const RequestHead& head = *request.head;
  if (!head.path().starts_with("/echo/")) return std::nullopt;
  if (head.path() != "/echo/bytes") {
    Reply reply = JsonReply(json::object{{"head", absl::Base64Escape(head.raw)},
                                         {"body_bytes", request.body_bytes},
                                         {"body_sha256", request.body_sha256}});
    reply.framing = Framing::kSized;
    return reply;
  }
  const std::uint64_t n = NumberOr(Parameter(head, "n"), 0);
  if (n > kEchoBytesMax) return Wrong("n is at most 1073741824");
  Reply reply;
  reply.headers = {{"Content-Type", "application/octet-stream"}};
  const std::string bytes = EchoBytes(n);
  if (Parameter(head, "framing") == "chunked") {
    reply.framing = Framing::kChunked;
    for (std::size_t at = 0; at < bytes.size(); at += kPieceBytes) {
      reply.pieces.push_back(bytes.substr(at, kPieceBytes));
    }
  } else {
    reply.pieces = {bytes};
  }
  return reply;
}

}  // namespace keypool::fake
