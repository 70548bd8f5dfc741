// HTTP/1.1 as it reached the fake: heads kept byte for byte, so that a test can see exactly what a
// proxy sent.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keypool::fake {

struct Header {
  std::string name;
  std::string value;
};

struct RequestHead {
  std::string raw;  // up to and with the empty line
  std::string method;
  std::string target;
  bool http10 = false;
  std::vector<Header> headers;

  // Value of the first header with this name in any case.
  std::optional<std::string_view> Find(std::string_view name) const;
  std::vector<std::string_view> All(std::string_view name) const;
  // The target in front of '?', and what follows it.
  std::string_view path() const;
  std::string_view query() const;
};

// Nothing when a strict server would refuse it: `raw` ends with an empty line.
std::optional<RequestHead> ParseRequestHead(std::string_view raw);

struct QueryParameter {
  std::string name;   // percent-decoded
  std::string value;  // percent-decoded
};
std::vector<QueryParameter> ParseQuery(std::string_view query);
std::string PercentDecode(std::string_view text);

bool EqualsIgnoreCase(std::string_view a, std::string_view b);

// One chunk of a chunked body; the last one for empty `data`.
std::string Chunk(std::string_view data);

enum class Framing { kSized, kChunked };

// An answer before it is put on the wire. With several pieces each one is written, and flushed, on
// its own.
struct Reply {
  int status = 200;
  std::string reason;  // empty: the usual one
  std::vector<Header> headers;
  std::vector<std::string> pieces;
  Framing framing = Framing::kSized;

  std::string Body() const;
  std::string WireHead() const;
};

std::string_view UsualReason(int status);

}  // namespace keypool::fake
