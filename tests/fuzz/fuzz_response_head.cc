// However an answer is cut, the verdict is one; and what is accepted is written for the client so
// that it reads back with the framing that was meant.
#include <string>

#include "proxy/headers.h"
#include "proxy/response_head.h"
#include "tests/fuzz/fuzz.h"

namespace keypool::proxy {
namespace {

void CheckPieces(std::string_view bytes, std::string_view method, const HeadResult& whole) {
  if (bytes.empty()) return;
  const std::size_t step = 1 + static_cast<unsigned char>(bytes.back()) % 32;
  std::size_t scanned = 0;
  ResponseHead head;
  for (std::size_t size = step;; size += step) {
    const HeadResult result = ParseResponseHead(bytes.substr(0, size), method, &scanned, &head);
    if (result.state == HeadState::kIncomplete && size < bytes.size()) continue;
    // In pieces, what is wrong may be seen only when the head ends.
    if (result.state == HeadState::kIncomplete && whole.state != HeadState::kComplete) return;
    FUZZ_CHECK(result.state == whole.state && result.status == whole.status);
    FUZZ_CHECK(result.problem == whole.problem);
    return;
  }
}

void CheckClientHead(const ResponseHead& head, std::string_view method) {
  const ClientHeadOptions options{.body = {head.framing, head.content_length},
                                  .keep_alive = head.keep_alive};
  std::string out;
  AppendClientHead(head, options, &out);
  if (head.fields.size() > 98 || out.size() > kHeadBytesMax) return;
  std::size_t scanned = 0;
  ResponseHead again;
  FUZZ_CHECK(ParseResponseHead(out, method, &scanned, &again).state == HeadState::kComplete);
  FUZZ_CHECK(again.size == out.size() && again.status == head.status);
  FUZZ_CHECK(again.framing == head.framing && again.content_length == head.content_length);
  FUZZ_CHECK(again.keep_alive == head.keep_alive);
}

}  // namespace

void Fuzz(std::string_view bytes) {
  for (const std::string_view method : {"GET", "HEAD"}) {
    std::size_t scanned = 0;
    ResponseHead head;
    const HeadResult result = ParseResponseHead(bytes, method, &scanned, &head);
    CheckPieces(bytes, method, result);
    FUZZ_CHECK((result.state == HeadState::kInvalid) == (result.status == 502));
    if (result.state != HeadState::kComplete) continue;
    FUZZ_CHECK(head.size <= bytes.size() && bytes.substr(0, head.size).ends_with("\r\n\r\n"));
    CheckClientHead(head, method);
  }
}

}  // namespace keypool::proxy
