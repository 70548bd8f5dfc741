// The scan says the same in any pieces, and of bodies that are sound JSON it counts what a parser
// finds in their texts.
#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <string>
#include <type_traits>

#include "proxy/text_bytes_scan.h"
#include "tests/fuzz/fuzz.h"

namespace keypool::proxy {
namespace {

// It holds no memory but its own.
static_assert(std::is_trivially_copyable_v<TextBytesScan> && sizeof(TextBytesScan) <= 64);

std::int64_t Scan(std::string_view body, std::size_t piece) {
  TextBytesScan scan;
  for (std::size_t at = 0; at < body.size(); at += piece) scan.Feed(body.substr(at, piece));
  const std::int64_t tokens = scan.InputTokens();
  // A part has about as many bytes as it counts tokens, or more.
  FUZZ_CHECK(tokens >= 0 && tokens <= static_cast<std::int64_t>(body.size()) + 2);
  return tokens;
}

bool IsInline(std::string_view text) {
  if (text.size() <= 256) return false;
  if (text.starts_with("data:")) {
    const std::size_t comma = text.find(',');
    // 128 bytes in front of the comma are the most.
    if (comma == std::string_view::npos || comma > 128) return false;
    const std::string_view head = text.substr(5, comma - 5);
    if (!head.ends_with(";base64")) return false;
    text.remove_prefix(comma + 1);
  }
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("+/-_=").find(c) != std::string_view::npos;
  });
}

// Counts the texts of a document; names not.
struct Counter {
  static constexpr std::size_t max_object_size = -1;
  static constexpr std::size_t max_array_size = -1;
  static constexpr std::size_t max_key_size = -1;
  static constexpr std::size_t max_string_size = -1;
  using error_code = boost::json::error_code;
  using string_view = boost::json::string_view;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return true; }
  bool on_object_end(std::size_t, error_code&) { return true; }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t, error_code&) { return true; }
  bool on_key_part(string_view, std::size_t, error_code&) { return true; }
  bool on_key(string_view, std::size_t, error_code&) { return true; }
  bool on_string_part(string_view part, std::size_t, error_code&) {
    text.append(part.data(), part.size());
    return true;
  }
  bool on_string(string_view part, std::size_t, error_code&) {
    text.append(part.data(), part.size());
    if (IsInline(text)) {
      ++parts;
    } else {
      bytes += static_cast<std::int64_t>(text.size());
    }
    text.clear();
    return true;
  }
  bool on_number_part(string_view, error_code&) { return true; }
  bool on_int64(std::int64_t, string_view, error_code&) { return true; }
  bool on_uint64(std::uint64_t, string_view, error_code&) { return true; }
  bool on_double(double, string_view, error_code&) { return true; }
  bool on_bool(bool, error_code&) { return true; }
  bool on_null(error_code&) { return true; }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

  std::string text;
  std::int64_t bytes = 0;
  std::int64_t parts = 0;
};

void Check(std::string_view bytes) {
  const std::int64_t tokens = Scan(bytes, bytes.size() + 1);
  for (const std::size_t piece : {1u, 3u, 17u, 40u}) FUZZ_CHECK(Scan(bytes, piece) == tokens);
  boost::json::basic_parser<Counter> parser{boost::json::parse_options{}};
  boost::json::error_code error;
  const std::size_t read = parser.write_some(false, bytes.data(), bytes.size(), error);
  if (error || read != bytes.size()) return;
  const Counter& counter = parser.handler();
  FUZZ_CHECK(tokens == (counter.bytes + 3) / 4 + counter.parts * 258);
}

}  // namespace

void Fuzz(std::string_view bytes) {
  Check(bytes);
  // The same with every run of what might be base64 made long.
  std::string longer;
  for (const char c : bytes) longer.append(c == 'A' ? 260 : 1, c);
  if (longer.size() != bytes.size() && longer.size() < 100'000) Check(longer);
}

}  // namespace keypool::proxy
