#include "tests/integration/harness/raw_http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include "keyd/base/clock.h"

namespace keypool::itest {
namespace {

constexpr std::size_t kChunkBytes = 16 * 1024;

// True when one of `events` (or an error) comes before `end`.
bool Await(int fd, short events, MonoTime end) {
  while (true) {
    const absl::Duration left = end - SystemClock().MonoNow();
    if (left <= absl::ZeroDuration()) return false;
    pollfd waiting{fd, events, 0};
    const int n = poll(&waiting, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
    if (n > 0) return true;
    if (n < 0 && errno != EINTR) return false;
  }
}

int Connect(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    close(fd);
    return -1;
  }
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  return fd;
}

}  // namespace

std::string Answer::Header(std::string_view name) const {
  for (const fake::Header& header : headers) {
    if (fake::EqualsIgnoreCase(header.name, name)) return header.value;
  }
  return "";
}

bool Answer::Has(std::string_view name) const {
  return std::any_of(headers.begin(), headers.end(), [name](const fake::Header& header) {
    return fake::EqualsIgnoreCase(header.name, name);
  });
}

std::string HttpRequest::Wire() const {
  std::string wire = method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n";
  for (const fake::Header& header : headers) wire += header.name + ": " + header.value + "\r\n";
  if (chunked) {
    wire += "Transfer-Encoding: chunked\r\n\r\n";
    for (std::size_t at = 0; at < body.size(); at += kChunkBytes) {
      wire += fake::Chunk(std::string_view(body).substr(at, kChunkBytes));
    }
    return wire + fake::Chunk("");
  }
  if (!body.empty() || method == "POST") {
    wire += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  return wire + "\r\n" + body;
}

RawConnection::RawConnection(std::uint16_t port, absl::Duration deadline)
    : fd_(Connect(port)), deadline_(deadline) {}

RawConnection::RawConnection(RawConnection&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      deadline_(other.deadline_),
      buffer_(std::move(other.buffer_)),
      end_(other.end_) {}

RawConnection::~RawConnection() { Close(); }

bool RawConnection::Send(std::string_view bytes) {
  const MonoTime end = SystemClock().MonoNow() + deadline_;
  while (!bytes.empty()) {
    const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno != EAGAIN || !Await(fd_, POLLOUT, end)) {
      return false;
    }
  }
  return true;
}

void RawConnection::ShutdownWrite() { shutdown(fd_, SHUT_WR); }

void RawConnection::Close(bool reset) {
  if (fd_ < 0) return;
  if (reset) {
    const linger at_once{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  }
  close(std::exchange(fd_, -1));
}

bool RawConnection::Readable(absl::Duration within) {
  return !buffer_.empty() || Await(fd_, POLLIN, SystemClock().MonoNow() + within);
}

bool RawConnection::Fill() {
  end_ = End::kDeadline;
  if (fd_ < 0 || !Await(fd_, POLLIN, SystemClock().MonoNow() + deadline_)) return false;
  std::array<char, 64 * 1024> bytes;
  const ssize_t n = recv(fd_, bytes.data(), bytes.size(), 0);
  if (n > 0) {
    buffer_.append(bytes.data(), static_cast<std::size_t>(n));
    return true;
  }
  end_ = n == 0 ? End::kClosed : End::kReset;
  return false;
}

std::optional<std::string> RawConnection::ReadLine() {
  std::size_t at = std::string::npos;
  while ((at = buffer_.find("\r\n")) == std::string::npos) {
    if (!Fill()) return std::nullopt;
  }
  std::string line = buffer_.substr(0, at);
  buffer_.erase(0, at + 2);
  return line;
}

bool RawConnection::ReadExactly(std::size_t n, std::string* out) {
  while (n > 0) {
    if (buffer_.empty() && !Fill()) return false;
    const std::size_t take = std::min(n, buffer_.size());
    out->append(buffer_, 0, take);
    buffer_.erase(0, take);
    n -= take;
  }
  return true;
}

Answer RawConnection::ReadHead() {
  Answer answer;
  const std::optional<std::string> first = ReadLine();
  if (!first || !first->starts_with("HTTP/1.") || first->size() < 12) return answer;
  answer.raw_head = *first + "\r\n";
  while (const std::optional<std::string> line = ReadLine()) {
    answer.raw_head += *line + "\r\n";
    if (line->empty()) {
      std::from_chars(first->data() + 9, first->data() + 12, answer.status);
      return answer;
    }
    const std::size_t colon = std::min(line->find(':'), line->size());
    const std::size_t value = std::min(line->find_first_not_of(" \t", colon + 1), line->size());
    answer.headers.push_back({line->substr(0, colon), line->substr(value)});
  }
  return answer;
}

std::optional<std::string> RawConnection::ReadChunk() {
  const std::optional<std::string> line = ReadLine();
  if (!line || line->empty()) return std::nullopt;
  std::size_t size = 0;
  const auto [stop, error] = std::from_chars(line->data(), line->data() + line->size(), size, 16);
  if (error != std::errc()) return std::nullopt;
  std::string data;
  if (!ReadExactly(size, &data)) return std::nullopt;
  const std::optional<std::string> after = ReadLine();
  if (!after || !after->empty()) return std::nullopt;
  return data;
}

void RawConnection::ReadBody(Answer* answer) {
  if (answer->status < 200 || answer->status == 204 || answer->status == 304) {
    answer->complete = answer->status > 0;
  } else if (fake::EqualsIgnoreCase(answer->Header("transfer-encoding"), "chunked")) {
    while (const std::optional<std::string> chunk = ReadChunk()) {
      answer->body += *chunk;
      answer->complete = chunk->empty();
      if (answer->complete) break;
    }
  } else if (answer->Has("content-length")) {
    const std::string length = answer->Header("content-length");
    std::size_t size = 0;
    std::from_chars(length.data(), length.data() + length.size(), size);
    answer->complete = ReadExactly(size, &answer->body);
  } else {
    answer->complete = ReadToEnd(&answer->body) == End::kClosed;
  }
}

Answer RawConnection::ReadAnswer(std::string_view method) {
  Answer answer = ReadHead();
  while (answer.status >= 100 && answer.status < 200) answer = ReadHead();
  if (method == "HEAD") {
    answer.complete = answer.status > 0;
  } else {
    ReadBody(&answer);
  }
  return answer;
}

End RawConnection::ReadToEnd(std::string* rest) {
  while (true) {
    if (rest != nullptr) rest->append(buffer_);
    buffer_.clear();
    if (!Fill()) return end_;
  }
}

Answer Fetch(std::uint16_t port, const HttpRequest& request) {
  RawConnection connection(port);
  if (!connection.connected() || !connection.Send(request)) return {};
  return connection.ReadAnswer(request.method);
}

Answer Get(std::uint16_t port, std::string target) {
  return Fetch(port, {.method = "GET", .target = std::move(target)});
}

Answer Post(std::uint16_t port, std::string target, std::string body) {
  return Fetch(port, {.method = "POST",
                      .target = std::move(target),
                      .headers = {{"Content-Type", "application/json"}},
                      .body = std::move(body)});
}

HttpRequest GenerateContent(std::string_view model) {
  return {.method = "POST",
          .target = "/v1beta/models/" + std::string(model) + ":generateContent",
          .headers = {{"Content-Type", "application/json"}},
          .body = R"({"contents":[{"parts":[{"text":"Hello"}]}]})"};
}

}  // namespace keypool::itest
