#include "tests/fakes/gemini/session.h"

#include <algorithm>
#include <boost/asio.hpp>
#include <charconv>
#include <utility>

#include "keyd/base/clock.h"
#include "tests/fakes/gemini/control.h"
#include "tests/fakes/gemini/digest.h"
#include "tests/fakes/gemini/fault_answers.h"
#include "tests/fakes/gemini/live.h"

namespace keypool::fake {

namespace asio = boost::asio;

namespace {
constexpr int kSwitchingProtocols = 101;
constexpr std::size_t kHeadBytesMax = 1024 * 1024;
constexpr std::size_t kReadBytes = 64 * 1024;
constexpr std::size_t kChunkLineBytesMax = 4096;
}  // namespace

// Takes a body in: counts it, hashes it, keeps the beginning.
class BodySink {
 public:
  void Add(std::string_view data) {
    hash_.Add(data);
    bytes_ += static_cast<std::int64_t>(data.size());
    kept_.append(data.substr(0, kParsedBodyBytesMax - kept_.size()));
  }
  void MoveInto(ApiRequest* request) {
    request->body_sha256 = hash_.Hex();
    request->body_bytes = bytes_;
    request->body = std::move(kept_);
  }

 private:
  Sha256 hash_;
  std::int64_t bytes_ = 0;
  std::string kept_;
};

Session::Session(std::unique_ptr<Transport> transport, Shared& shared, std::uint64_t connection)
    : transport_(std::move(transport)), shared_(shared), connection_(connection) {}

Session::~Session() {
  MutexLock lock(&shared_.state.mutex);
  --shared_.state.connections_open;
  ++shared_.state.changes;
  shared_.state.changed.NotifyAll();
}

asio::awaitable<void> Session::Run() {
  bool open = co_await transport_->Open();
  while (open) open = co_await ServeOne();
  co_await transport_->Close();
}

asio::awaitable<bool> Session::Fill() {
  const std::size_t had = buffer_.size();
  buffer_.resize(had + kReadBytes);
  const std::size_t n = co_await transport_->ReadSome(buffer_.data() + had, kReadBytes);
  buffer_.resize(had + n);
  co_return n > 0;
}

asio::awaitable<std::optional<RequestHead>> Session::ReadHead() {
  std::size_t end = std::string::npos;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    const bool more = buffer_.size() < kHeadBytesMax && co_await Fill();
    if (!more) co_return std::nullopt;
  }
  std::optional<RequestHead> head = ParseRequestHead(std::string_view(buffer_).substr(0, end + 4));
  buffer_.erase(0, end + 4);
  if (!head) {
    MutexLock lock(&shared_.state.mutex);
    ++shared_.state.journal.malformed;
  }
  co_return head;
}

asio::awaitable<std::optional<std::string>> Session::ReadLine() {
  std::size_t end = std::string::npos;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    const bool more = buffer_.size() < kChunkLineBytesMax && co_await Fill();
    if (!more) co_return std::nullopt;
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  co_return line;
}

asio::awaitable<bool> Session::ReadSized(std::uint64_t bytes, BodySink* sink) {
  while (bytes > 0) {
    if (buffer_.empty()) {
      const bool more = co_await Fill();
      if (!more) co_return false;
    }
    const std::size_t n = std::min<std::uint64_t>(bytes, buffer_.size());
    sink->Add(std::string_view(buffer_).substr(0, n));
    buffer_.erase(0, n);
    bytes -= n;
  }
  co_return true;
}

asio::awaitable<bool> Session::ReadChunked(BodySink* sink) {
  while (true) {
    const std::optional<std::string> line = co_await ReadLine();
    if (!line) co_return false;
    std::uint64_t size = 0;
    const char* const end = line->data() + line->size();
    const auto [stop, error] = std::from_chars(line->data(), end, size, 16);
    if (error != std::errc() || (stop != end && *stop != ';')) co_return false;
    if (size == 0) break;
    const bool complete = co_await ReadSized(size, sink);
    if (!complete) co_return false;
    const std::optional<std::string> after = co_await ReadLine();
    if (!after || !after->empty()) co_return false;
  }
  while (true) {  // trailers
    const std::optional<std::string> line = co_await ReadLine();
    if (!line) co_return false;
    if (line->empty()) co_return true;
  }
}

asio::awaitable<bool> Session::ReadBody(const RequestHead& head, ApiRequest* request) {
  if (const auto expect = head.Find("expect");
      expect && EqualsIgnoreCase(*expect, "100-continue")) {
    const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await transport_->Write(go_on);
  }
  BodySink sink;
  bool complete = true;
  if (head.Find("transfer-encoding")) {
    complete = co_await ReadChunked(&sink);
  } else if (const auto length = head.Find("content-length")) {
    std::uint64_t bytes = 0;
    std::from_chars(length->data(), length->data() + length->size(), bytes);
    complete = co_await ReadSized(bytes, &sink);
  }
  sink.MoveInto(request);
  co_return complete;
}

std::uint64_t Session::Record(const RequestHead& head) {
  SeenRequest seen;
  seen.connection = connection_;
  seen.on_connection = ++requests_;
  seen.at = SystemClock().WallNow();
  seen.head = head;
  seen.chunked = head.Find("transfer-encoding").has_value();
  seen.tls_server_name = transport_->ServerName();
  seen.tls_resumed = transport_->Resumed();
  MutexLock lock(&shared_.state.mutex);
  const std::uint64_t number = shared_.state.journal.Add(std::move(seen));
  ++shared_.state.changes;
  shared_.state.changed.NotifyAll();
  return number;
}

std::optional<Fault> Session::TakeUnreadFault(const ApiRequest& request) {
  MutexLock lock(&shared_.state.mutex);
  const Subject subject = shared_.state.api.Identify(request);
  return shared_.state.faults.Take(
      {request.head->target, subject.key, subject.project, subject.model}, FaultTime::kHeadRead);
}

Subject Session::Judge(const ApiRequest& request, std::uint64_t number, Delivery* delivery) {
  MutexLock lock(&shared_.state.mutex);
  GeminiApi& api = shared_.state.api;
  Subject subject = api.Identify(request);
  delivery->fault = shared_.state.faults.Take(
      {request.head->target, subject.key, subject.project, subject.model}, FaultTime::kAllRead);
  std::optional<Reply> reply;
  if (delivery->fault) reply = AnswerInstead(*delivery->fault, subject);
  if (!reply) reply = AnswerEcho(request);
  delivery->reply = reply ? *std::move(reply) : api.Answer(request, subject);
  if (SeenRequest* seen = shared_.state.journal.Find(number)) {
    seen->body_bytes = request.body_bytes;
    seen->body = request.body.substr(0, kBodyKeptBytes);
    seen->body_sha256 = request.body_sha256;
    seen->key = subject.key;
    seen->project = subject.project;
    seen->model = subject.model;
  }
  ++shared_.state.changes;
  shared_.state.changed.NotifyAll();
  return subject;
}

void Session::RecordEnd(std::uint64_t number, int status, Ending ending) {
  MutexLock lock(&shared_.state.mutex);
  if (SeenRequest* seen = shared_.state.journal.Find(number)) {
    seen->status = status;
    seen->ending = ending;
  }
  ++shared_.state.changes;
  shared_.state.changed.NotifyAll();
}

asio::awaitable<bool> Session::ServeUnread(const Fault& fault, std::uint64_t number) {
  int status = 0;
  if (fault.kind == FaultKind::kEarly503) {
    const Reply reply = Overloaded(Shape::kUnary);
    const std::string wire = reply.WireHead() + reply.Body();
    co_await transport_->Write(wire);
    status = reply.status;
  }
  RecordEnd(number, status, Ending::kCut);
  co_return false;
}

asio::awaitable<bool> Session::ServeOne() {
  const std::optional<RequestHead> head = co_await ReadHead();
  if (!head) co_return false;
  const bool control = IsControl(head->target);
  const std::uint64_t number = control ? 0 : Record(*head);
  ApiRequest request;
  request.head = &*head;
  request.at = SystemClock().WallNow();
  request.scheme = shared_.tls ? "https" : "http";
  if (!control) {
    const std::optional<Fault> fault = TakeUnreadFault(request);
    if (fault) co_return co_await ServeUnread(*fault, number);
  }
  const bool complete = co_await ReadBody(*head, &request);
  if (!complete) {
    if (!control) RecordEnd(number, 0, Ending::kPeerClosed);
    co_return false;
  }
  request.at = SystemClock().WallNow();
  Delivery delivery{*transport_, shared_, {}, std::nullopt, head->method == "HEAD"};
  if (control) {
    delivery.reply = AnswerControl(request, shared_);
  } else {
    Subject subject = Judge(request, number, &delivery);
    if (IsLive(*head) && !delivery.fault) {
      LiveSession live(*transport_, shared_, *head, std::move(subject), number,
                       std::exchange(buffer_, {}));
      co_await live.Run();
      RecordEnd(number, kSwitchingProtocols, Ending::kAnswered);
      co_return false;
    }
  }
  const Delivered delivered = co_await Deliver(delivery);
  if (!control) RecordEnd(number, delivery.reply.status, delivered.ending);
  const std::string_view connection = head->Find("connection").value_or("");
  co_return !delivered.close && !head->http10 && !EqualsIgnoreCase(connection, "close");
}

}  // namespace keypool::fake
