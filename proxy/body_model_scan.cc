#include "proxy/body_model_scan.h"

#include <algorithm>

#include "proxy/request_plan.h"

namespace keypool::proxy {
namespace {

// A byte order mark may stand in front.
bool MayStandInFront(char c) { return IsJsonBlank(c) || c == '\xef' || c == '\xbb' || c == '\xbf'; }

}  // namespace

void BodyModelScan::Feed(std::string_view piece) {
  if (at_ == At::kStart) {
    const auto start = std::find_if_not(piece.begin(), piece.end(), MayStandInFront);
    piece.remove_prefix(static_cast<std::size_t>(start - piece.begin()));
    if (piece.empty()) return;
    at_ = piece.front() == '{' ? At::kInside : At::kDone;
  }
  while (at_ == At::kInside && !piece.empty()) {
    switch (json_.Next(&piece)) {
      case JsonStream::Event::kName:
        if (json_.Kept() != "model") break;
        json_.Want(JsonStream::Value::kItself);
        has_value_ = false;
        break;
      case JsonStream::Event::kText:
        has_value_ = true;
        value_size_ = static_cast<std::uint8_t>(json_.Kept().copy(value_.data(), value_.size()));
        break;
      case JsonStream::Event::kClose:
        at_ = At::kDone;
        break;
      default:
        break;
    }
  }
}

std::string_view BodyModelScan::Model() const {
  return has_value_ ? ModelNameIn({value_.data(), value_size_}) : std::string_view{};
}

}  // namespace keypool::proxy
