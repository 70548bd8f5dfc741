// An upstream that costs next to nothing: answers every request with the same 700 bytes of a
// generateContent answer. For comparing proxies only; it knows neither keys nor quota.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>

namespace {

constexpr std::size_t kBodyBytes = 700;
constexpr std::size_t kPendingBytesMax = 1 << 20;
constexpr int kEventsMax = 256;

std::string FixedAnswer() {
  std::string body =
      R"({"candidates":[{"content":{"role":"model","parts":[{"text":"@"}]},"finishReason":"STOP","index":0}],)"
      R"("usageMetadata":{"promptTokenCount":12,"candidatesTokenCount":96,"totalTokenCount":108},)"
      R"("modelVersion":"gemini-2.5-flash","responseId":"bench"})";
  body.replace(body.find('@'), 1, std::string(kBodyBytes - body.size() + 1, 'x'));
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\nVary: "
         "Origin\r\nVary: X-Origin\r\n"
         "Vary: Referer\r\nServer: bench\r\nX-XSS-Protection: 0\r\nX-Frame-Options: SAMEORIGIN\r\n"
         "X-Content-Type-Options: nosniff\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Bytes of the first whole request in `pending`, 0 when it is not whole yet.
std::size_t WholeRequest(std::string_view pending) {
  const std::size_t end = pending.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  const std::string_view head = pending.substr(0, end + 2);
  std::size_t length = 0;
  for (std::size_t at = head.find("\r\n"); at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
    constexpr std::string_view kName = "content-length:";
    const std::string_view line = head.substr(at + 2);
    if (line.size() < kName.size() || strncasecmp(line.data(), kName.data(), kName.size()) != 0) {
      continue;
    }
    const std::size_t digits = line.find_first_not_of(' ', kName.size());
    std::from_chars(line.data() + digits, line.data() + line.size(), length);
  }
  const std::size_t size = end + 4 + length;
  return pending.size() >= size ? size : 0;
}

bool Answer(int fd, std::string* pending, const std::string& answer) {
  std::array<char, 65536> buffer;
  const ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
  if (n <= 0) return false;
  pending->append(buffer.data(), static_cast<std::size_t>(n));
  if (pending->size() > kPendingBytesMax) return false;
  for (std::size_t size; (size = WholeRequest(*pending)) != 0; pending->erase(0, size)) {
    if (send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(answer.size())) {
      return false;
    }
  }
  return true;
}

int Listen(std::uint16_t* port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(fd, SOMAXCONN) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return -1;
  }
  *port = ntohs(address.sin_port);
  return fd;
}

void Add(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

void Serve(int listener) {
  const std::string answer = FixedAnswer();
  std::unordered_map<int, std::string> pending;
  const int epoll = epoll_create1(0);
  Add(epoll, listener);
  for (std::array<epoll_event, kEventsMax> events;;) {
    const int ready = epoll_wait(epoll, events.data(), kEventsMax, -1);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        const int client = accept(listener, nullptr, nullptr);
        const int on = 1;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (client >= 0) Add(epoll, client);
      } else if (!Answer(fd, &pending[fd], answer)) {
        pending.erase(fd);
        close(fd);
      }
    }
  }
}

}  // namespace

int main() {
  std::uint16_t port = 0;
  const int listener = Listen(&port);
  if (listener < 0) {
    std::perror("bench_upstream: cannot listen on 127.0.0.1");
    return 1;
  }
  std::printf("listening on 127.0.0.1:%d\n", port);
  std::fflush(stdout);
  Serve(listener);
}
