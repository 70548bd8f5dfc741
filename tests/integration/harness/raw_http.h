// An HTTP/1.1 client that hides nothing: any bytes in any pieces go out, and what comes back is
// shown as it came.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "tests/fakes/gemini/http_message.h"
#include "tests/integration/harness/process.h"

namespace keypool::itest {

struct Answer {
  int status = 0;  // 0: no head came
  std::string raw_head;
  std::vector<fake::Header> headers;
  std::string body;       // decoded
  bool complete = false;  // the body ended as its framing says

  // Empty when it is not there.
  std::string Header(std::string_view name) const;
  bool Has(std::string_view name) const;
};

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";
  std::vector<fake::Header> headers = {};
  std::string body = {};
  bool chunked = false;  // send the body in chunks of 16 KiB
  // With Host: localhost, and Content-Length or Transfer-Encoding where there is a body.
  std::string Wire() const;
};

enum class End { kClosed, kReset, kDeadline };

// One connection to 127.0.0.1. Every call waits for at most the deadline. Not thread-safe.
class RawConnection {
 public:
  explicit RawConnection(std::uint16_t port, absl::Duration deadline = kDeadline);
  ~RawConnection();
  RawConnection(RawConnection&& other) noexcept;
  RawConnection& operator=(RawConnection&&) = delete;

  bool connected() const { return fd_ >= 0; }
  // False when the peer has gone.
  bool Send(std::string_view bytes);
  bool Send(const HttpRequest& request) { return Send(std::string_view(request.Wire())); }
  // No more bytes will come from this side.
  void ShutdownWrite();
  // Closes at once; `reset` sends RST instead of FIN.
  void Close(bool reset = false);

  // The next head, interim ones (1xx) too. Status 0: none came.
  Answer ReadHead();
  // The next final answer, with its body.
  Answer ReadAnswer(std::string_view method = "GET");
  // Reads the body that belongs to `answer` into it.
  void ReadBody(Answer* answer);
  // Payload of the next chunk, empty for the last one. Nothing: cut or malformed.
  std::optional<std::string> ReadChunk();
  // Reads on until the peer ends it; what came is appended to `rest` if given.
  End ReadToEnd(std::string* rest = nullptr);
  // True when bytes, or the end, come within `within`.
  bool Readable(absl::Duration within);

 private:
  bool Fill();
  std::optional<std::string> ReadLine();
  bool ReadExactly(std::size_t n, std::string* out);

  int fd_ = -1;
  const absl::Duration deadline_;
  std::string buffer_;
  End end_ = End::kDeadline;  // of the last Fill that failed
};

// One request on a connection of its own.
Answer Fetch(std::uint16_t port, const HttpRequest& request);
Answer Get(std::uint16_t port, std::string target);
Answer Post(std::uint16_t port, std::string target, std::string body);
// POST …:generateContent with a small body.
HttpRequest GenerateContent(std::string_view model = "gemini-2.5-flash");

}  // namespace keypool::itest
