#include "tests/fakes/gemini/live.h"

#include <algorithm>
#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <charconv>
#include <optional>
#include <utility>

#include "keyd/base/clock.h"

namespace keypool::fake {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

using Kind = WebSocket::Message::Kind;

constexpr int kNotConsistent = 1007, kPolicy = 1008;

// The text of `message`, wherever it is: in a turn, or in realtime input.
std::string TextIn(const json::value& message) {
  boost::system::error_code error;
  for (const char* place :
       {"/clientContent/turns/0/parts/0/text", "/client_content/turns/0/parts/0/text",
        "/realtimeInput/text", "/realtime_input/text"}) {
    const json::value* text = message.find_pointer(place, error);
    if (text != nullptr && text->is_string()) return std::string(text->get_string());
  }
  return "";
}

// Not inside the coroutines: GCC 12 keeps no initializer lists there.
std::string HandleMessage(const std::string& handle) {
  return json::serialize(
      json::object{{"sessionResumptionUpdate", {{"newHandle", handle}, {"resumable", true}}}});
}

std::string TurnMessage(const std::string& text, std::int64_t tokens) {
  const json::object content{
      {"modelTurn", {{"role", "model"}, {"parts", json::array{{{"text", text}}}}}}};
  return json::serialize(
      json::object{{"serverContent", content}, {"usageMetadata", {{"promptTokenCount", tokens}}}});
}

std::string TurnEndMessage(std::int64_t tokens) {
  return json::serialize(json::object{
      {"serverContent", {{"turnComplete", true}}},
      {"usageMetadata",
       {{"promptTokenCount", tokens},
        {"responseTokenCount", tokens},
        {"totalTokenCount", 2 * tokens},
        {"promptTokensDetails", json::array{{{"modality", "TEXT"}, {"tokenCount", tokens}}}}}}});
}

}  // namespace

bool IsLive(const RequestHead& head) {
  const std::string_view path = head.path();
  return AsksForWebSocket(head) && path.find("/ws/google.ai.generativelanguage.") <= 1 &&
         path.find(".GenerativeService.Bidi") != std::string_view::npos;
}

LiveSession::LiveSession(Transport& transport, Shared& shared, const RequestHead& head,
                         Subject subject, std::uint64_t number, std::string unread)
    : transport_(transport),
      shared_(shared),
      subject_(std::move(subject)),
      number_(number),
      handshake_(AcceptWebSocket(head)),
      socket_(transport, std::move(unread), handshake_.deflates) {}

asio::awaitable<void> LiveSession::Run() {
  bool open = co_await transport_.Write(handshake_.wire);
  if (open) open = co_await Open();
  while (open) {
    const std::optional<WebSocket::Message> message = co_await socket_.Read();
    open = message.has_value();
    if (open) open = co_await Serve(*message);
  }
}

asio::awaitable<bool> LiveSession::Open() {
  const bool token =
      !subject_.credentials.empty() &&
      std::all_of(subject_.credentials.begin(), subject_.credentials.end(),
                  [](const std::string& c) { return c.starts_with("auth_tokens/"); });
  if (subject_.credentials.empty()) {
    co_await socket_.WriteClose(kPolicy, "Method doesn't allow unregistered callers (callers ...)");
    co_return false;
  }
  if (!token && subject_.project.empty()) {
    co_await socket_.WriteClose(kNotConsistent, "API key not valid. Please pass a valid API key.");
    co_return false;
  }
  std::optional<WebSocket::Message> first = co_await socket_.Read();
  while (first && first->kind != Kind::kData) {
    const bool goes_on = co_await Serve(*first);
    if (!goes_on) co_return false;
    first = co_await socket_.Read();
  }
  if (!first) co_return false;
  GeminiApi::LiveVerdict verdict;
  if (!token) {
    MutexLock lock(&shared_.state.mutex);
    verdict = shared_.state.api.OpenLive(subject_, first->payload, SystemClock().WallNow());
    subject_.model = verdict.model;
  }
  Note(first->payload);
  if (verdict.close_code != 0) {
    co_await socket_.WriteClose(verdict.close_code, verdict.reason);
    co_return false;
  }
  resumable_ = verdict.resumable;
  const bool told = co_await socket_.WriteBinary(R"({"setupComplete":{}})");
  if (!told || !resumable_) co_return told;
  co_return co_await GiveHandle();
}

asio::awaitable<bool> LiveSession::GiveHandle() {
  std::string handle;
  {
    MutexLock lock(&shared_.state.mutex);
    handle = shared_.state.api.NewLiveHandle(subject_.project);
  }
  co_return co_await socket_.WriteBinary(HandleMessage(handle));
}

asio::awaitable<bool> LiveSession::Serve(const WebSocket::Message& message) {
  switch (message.kind) {
    case Kind::kClose:
      Note("close");
      co_await socket_.WriteControl(Kind::kClose, message.payload.substr(0, 2));
      co_return false;
    case Kind::kPing:
      co_return co_await socket_.WriteControl(Kind::kPong, message.payload);
    case Kind::kPong:
      Note("pong " + message.payload);
      co_return true;
    case Kind::kData:
      break;
  }
  Note(message.payload);
  boost::system::error_code error;
  const json::value value = json::parse(message.payload, error);
  const std::string text = error ? "" : TextIn(value);
  if (text.starts_with("close ")) {
    int code = 0;
    std::from_chars(text.data() + 6, text.data() + 10, code);
    co_await socket_.WriteClose(code, text.substr(std::min<std::size_t>(11, text.size())));
    // The client answers with a close frame of its own.
    const std::optional<WebSocket::Message> reply = co_await socket_.Read();
    Note(reply && reply->kind == Kind::kClose ? "close" : "no close");
    co_return false;
  }
  if (text == "cut") co_return false;
  if (text == "ping") co_return co_await socket_.WriteControl(Kind::kPing, "are you there");
  if (text == "go away") co_return co_await socket_.WriteBinary(R"({"goAway":{"timeLeft":"10s"}})");
  const std::optional<bool> framed = co_await SayInFrames(text);
  if (framed) co_return *framed;
  const bool said = co_await Say(text);
  if (!said || !resumable_) co_return said;
  co_return co_await GiveHandle();
}

asio::awaitable<std::optional<bool>> LiveSession::SayInFrames(const std::string& text) {
  if (text.starts_with("text ")) {
    std::string whole = text.substr(5);
    const std::size_t bytes = whole.size();
    co_return co_await socket_.WriteTextInPieces(std::move(whole), bytes, false);
  }
  const bool pings = text.starts_with("pings ");
  if (!pings && !text.starts_with("pieces ")) co_return std::nullopt;
  const char* const end = text.data() + text.size();
  std::size_t bytes = 1;
  const char* const rest = std::from_chars(text.data() + (pings ? 6 : 7), end, bytes).ptr;
  std::string message(rest + 1, end);
  co_return co_await socket_.WriteTextInPieces(std::move(message), bytes, pings);
}

asio::awaitable<bool> LiveSession::Say(const std::string& text) {
  const auto tokens = static_cast<std::int64_t>(1 + text.size() / 4);
  const bool said = co_await socket_.WriteBinary(TurnMessage(text, tokens));
  if (!said) co_return false;
  co_return co_await socket_.WriteBinary(TurnEndMessage(tokens));
}

void LiveSession::Note(const std::string& line) {
  MutexLock lock(&shared_.state.mutex);
  if (SeenRequest* seen = shared_.state.journal.Find(number_)) {
    seen->model = subject_.model;
    seen->body_bytes += static_cast<std::int64_t>(line.size());
    seen->body += line.substr(0, kBodyKeptBytes - std::min(kBodyKeptBytes, seen->body.size()));
    seen->body += "\n";
  }
  ++shared_.state.changes;
  shared_.state.changed.NotifyAll();
}

}  // namespace keypool::fake
