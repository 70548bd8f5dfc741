#include "proxy/connection_caps.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <utility>

namespace keypool::proxy {

std::string CountedAddress(std::string_view address) {
  constexpr std::size_t kNetworkBytes = 8;
  const std::string text(address);
  in6_addr bytes;
  if (::inet_pton(AF_INET6, text.c_str(), &bytes) != 1) return text;
  if (IN6_IS_ADDR_V4MAPPED(&bytes)) {
    char v4[INET_ADDRSTRLEN] = "";
    ::inet_ntop(AF_INET, &bytes.s6_addr[12], v4, sizeof(v4));
    return v4;
  }
  return "6:" + std::string(reinterpret_cast<const char*>(bytes.s6_addr), kNetworkBytes);
}

ConnectionCaps::Place ConnectionCaps::Take(std::string owner) {
  Place place;
  place.taken_ = true;
  if (connections_max_ == 0) return place;
  place.owner_ = std::move(owner);
  MutexLock lock(&mutex_);
  std::int64_t& connections = connections_[place.owner_];
  if (connections == connections_max_) {
    place.taken_ = false;
    return place;
  }
  ++connections;
  place.caps_ = this;
  return place;
}

ConnectionCaps::Place::Place(Place&& other) noexcept
    : caps_(std::exchange(other.caps_, nullptr)),
      owner_(std::move(other.owner_)),
      taken_(other.taken_) {}

ConnectionCaps::Place& ConnectionCaps::Place::operator=(Place&& other) noexcept {
  if (this != &other) {
    Leave();
    caps_ = std::exchange(other.caps_, nullptr);
    owner_ = std::move(other.owner_);
    taken_ = other.taken_;
  }
  return *this;
}

void ConnectionCaps::Place::Leave() {
  ConnectionCaps* const caps = std::exchange(caps_, nullptr);
  if (caps == nullptr) return;
  MutexLock lock(&caps->mutex_);
  const auto found = caps->connections_.find(owner_);
  if (--found->second == 0) caps->connections_.erase(found);
}

}  // namespace keypool::proxy
