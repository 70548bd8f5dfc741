#include "proxy/name_cache.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <utility>

#include "absl/strings/str_cat.h"

namespace keypool::proxy {

NameCache::NameCache(boost::asio::io_context& io, const Origin& origin, const Clock& clock)
    : clock_(clock), host_(origin.host), port_(origin.port), resolver_(io) {
  boost::system::error_code not_an_address;
  const auto address = boost::asio::ip::make_address(host_, not_an_address);
  if (not_an_address) return;
  addresses_.emplace_back(address, port_);
  fresh_until_ = MonoTime::Max();
}

void NameCache::Refresh() {
  if (asking_ || (!addresses_.empty() && clock_.MonoNow() < fresh_until_)) return;
  asking_ = true;
  resolver_.async_resolve(
      host_, absl::StrCat(port_), Resolver::numeric_service,
      [this](const boost::system::error_code& error, const Resolver::results_type& results) {
        OnAnswer(error, results);
      });
}

void NameCache::OnAnswer(const boost::system::error_code& error,
                         const Resolver::results_type& results) {
  asking_ = false;
  // After a failure too: the old answer is used, and the resolver is not asked at every request.
  fresh_until_ = clock_.MonoNow() + kFresh;
  if (error) {
    problem_ = error.message();
  } else {
    std::vector<Endpoint> fresh;
    for (const auto& result : results) fresh.push_back(result.endpoint());
    // The one that worked stays in front as long as it is still an answer.
    if (!addresses_.empty()) {
      const auto known = std::find(fresh.begin(), fresh.end(), addresses_.front());
      if (known != fresh.end()) std::rotate(fresh.begin(), known, known + 1);
    }
    if (!fresh.empty()) addresses_ = std::move(fresh);
  }
  for (Wakeup* waiter : std::exchange(waiters_, {})) waiter->Notify();
}

void NameCache::Prefer(const Endpoint& endpoint) {
  const auto known = std::find(addresses_.begin(), addresses_.end(), endpoint);
  if (known != addresses_.end()) std::rotate(addresses_.begin(), known, known + 1);
}

}  // namespace keypool::proxy
