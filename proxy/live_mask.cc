#include "proxy/live_mask.h"

#include <algorithm>

namespace keypool::proxy {

void LiveMask::See(std::string_view bytes, std::uint64_t begin) {
  bytes_ = const_cast<char*>(bytes.data());
  begin_ = begin;
}

std::uint64_t LiveMask::PlaceOf(std::string_view part) const {
  return begin_ + static_cast<std::uint64_t>(part.data() - bytes_);
}

void LiveMask::Put(std::uint64_t place, char c) {
  if (place >= begin_) bytes_[place - begin_] = c;
}

// Of what was held back before, `passed` is how it is to look: it lies in front.
void LiveMask::TakeBack(const Pieces& passed) {
  const std::size_t count = std::min(places_.size(), passed.bytes);
  for (std::size_t i = 0; i < count; ++i) Put(places_[i], passed.part[0][i]);
  places_.erase(places_.begin(), places_.begin() + static_cast<std::ptrdiff_t>(count));
  let_go_ -= std::min(let_go_, count);
}

void LiveMask::Text(std::string_view part) {
  if (!HasKeys()) return;
  if (stream_ == nullptr) stream_ = std::make_unique<RedactStream>(*keys_);
  Pieces pieces;
  pieces.Add(part);
  const std::size_t all = places_.size() + part.size();
  stream_->Pass(&pieces, /*last=*/false);
  const std::size_t held = all - pieces.bytes;
  TakeBack(pieces);
  const std::uint64_t end = PlaceOf(part) + part.size();
  for (std::size_t left = held - places_.size(); left > 0; --left) places_.push_back(end - left);
}

void LiveMask::EndMessage() {
  if (stream_ == nullptr) return;
  Pieces pieces;
  stream_->Pass(&pieces, /*last=*/true);
  TakeBack(pieces);
  stream_.reset();
  places_ = {};  // and its memory
}

void LiveMask::LetGo() {
  if (!held().has_value()) return;
  let_go_ = places_.size();
  if (!stream_->HoldsHalf()) return;
  for (const std::uint64_t place : places_) Put(place, '*');
}

void LiveMask::Whole(std::string* text, std::uint64_t place) {
  if (!HasKeys() || !keys_->Mask(text)) return;
  for (const char c : *text) Put(place++, c);
}

std::optional<std::uint64_t> LiveMask::held() const {
  return let_go_ < places_.size() ? std::optional(places_[let_go_]) : std::nullopt;
}

}  // namespace keypool::proxy
