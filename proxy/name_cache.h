// The addresses of upstream's name, asked for off the thread and kept a while.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "keyd/base/clock.h"
#include "proxy/origin.h"
#include "proxy/wakeup.h"

namespace keypool::proxy {

// Used by the thread of `io`, which must outlive it.
class NameCache {
 public:
  using Endpoint = boost::asio::ip::tcp::endpoint;
  // After this long the name is asked for again, while the old answer stays in use.
  static constexpr absl::Duration kFresh = absl::Seconds(30);

  NameCache(boost::asio::io_context& io, const Origin& origin, const Clock& clock);
  NameCache(const NameCache&) = delete;
  NameCache& operator=(const NameCache&) = delete;

  // Starts a query if the answer is not fresh and none is under way.
  void Refresh();
  // The last good answer, in the order of preference; empty before the first.
  const std::vector<Endpoint>& Addresses() const { return addresses_; }
  bool Asking() const { return asking_; }
  // Why the last query failed.
  const std::string& Problem() const { return problem_; }
  // This one answered: it comes first from now on.
  void Prefer(const Endpoint& endpoint);

  // Notifies `wakeup` at the end of the query that is under way.
  class Waiter {
   public:
    Waiter(NameCache& names, Wakeup* wakeup) : names_(names), wakeup_(wakeup) {
      names_.waiters_.push_back(wakeup_);
    }
    ~Waiter() { std::erase(names_.waiters_, wakeup_); }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

   private:
    NameCache& names_;
    Wakeup* wakeup_;
  };

 private:
  using Resolver =
      boost::asio::ip::basic_resolver<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;
  void OnAnswer(const boost::system::error_code& error, const Resolver::results_type& results);

  const Clock& clock_;
  std::string host_;
  std::uint16_t port_;
  Resolver resolver_;
  std::vector<Endpoint> addresses_;
  MonoTime fresh_until_;
  std::string problem_;
  bool asking_ = false;
  std::vector<Wakeup*> waiters_;
};

}  // namespace keypool::proxy
