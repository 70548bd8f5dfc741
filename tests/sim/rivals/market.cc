#include "tests/sim/rivals/market.h"

#include <algorithm>
#include <queue>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

namespace keypool::sim {
namespace {

constexpr int kAttemptsMax = 4;
constexpr absl::Duration kPatience = absl::Minutes(1);
constexpr absl::Duration kBackoffFirst = absl::Seconds(1);
constexpr absl::Duration kBackoffMax = absl::Minutes(1);
// A client that is told to come tomorrow looks in before.
constexpr absl::Duration kRetryAfterMax = absl::Minutes(10);

class Market {
 public:
  Market(const MarketOptions& options, const Holdings& holdings)
      : holdings_(holdings),
        google_(holdings.limits, holdings.pacific),
        start_(absl::FromCivil(options.first_day, holdings.pacific)),
        first_day_ends_(absl::FromCivil(options.first_day + 1, holdings.pacific)),
        end_(absl::FromCivil(options.first_day + options.days, holdings.pacific)),
        random_(options.seed),
        clients_(static_cast<std::size_t>(options.clients)) {
    for (const policy::Limits& limits : holdings.limits) {
      result_.quota += options.days * limits.requests_per_day;
    }
  }

  MarketResult Run(const std::function<std::unique_ptr<Strategy>(const Now&)>& make) {
    strategy_ = make(At(start_));
    result_.pool = strategy_->name();
    for (std::size_t c = 0; c < clients_.size(); ++c) {
      Push(start_ + Between(0, 1000), Step::kBegin, c);
    }
    while (!events_.empty() && events_.top().at < end_) {
      const Event event = events_.top();
      events_.pop();
      Handle(event);
    }
    std::sort(waits_.begin(), waits_.end());
    if (!waits_.empty()) {
      result_.wait_p50 = waits_[waits_.size() / 2];
      result_.wait_p99 = waits_[waits_.size() * 99 / 100];
    }
    return result_;
  }

 private:
  enum class Step { kBegin, kAsk, kArrive, kAnswer };
  struct Event {
    absl::Time at;
    std::uint64_t number;
    Step step;
    std::size_t client;
    bool operator>(const Event& other) const {
      return std::tie(at, number) > std::tie(other.at, other.number);
    }
  };
  struct Client {
    absl::Time began;
    absl::Duration backoff;
    std::vector<std::size_t> tried;
    Strategy::Pick pick;
    std::optional<Verdict429> refused;
  };

  Now At(absl::Time t) const {
    return {t, MonoTime::FromNanoseconds(1'000'000'000) + (t - start_)};
  }
  absl::Duration Between(std::int64_t least_ms, std::int64_t most_ms) {
    return absl::Milliseconds(
        std::uniform_int_distribution<std::int64_t>(least_ms, most_ms)(random_));
  }
  void Push(absl::Time at, Step step, std::size_t client) {
    events_.push({at, ++events_made_, step, client});
  }

  void Handle(const Event& event) {
    Client& client = clients_[event.client];
    switch (event.step) {
      case Step::kBegin:
        client = {event.at, kBackoffFirst, {}, {}, {}};
        [[fallthrough]];
      case Step::kAsk:
        return Ask(event.at, event.client);
      case Step::kArrive:
        client.refused = google_.Arrive(holdings_.ProjectOf(*client.pick.key), event.at);
        return Push(event.at + (client.refused ? Between(30, 100) : Between(300, 3'000)),
                    Step::kAnswer, event.client);
      case Step::kAnswer:
        return Answer(event.at, event.client);
    }
  }

  void Ask(absl::Time now, std::size_t c) {
    Client& client = clients_[c];
    client.pick = strategy_->Choose(client.tried, At(now));
    if (client.pick.key) return Push(now + Between(5, 400), Step::kArrive, c);
    ComeAgain(now, client.pick.retry_after, c);
  }

  void Answer(absl::Time now, std::size_t c) {
    Client& client = clients_[c];
    strategy_->Report(client.pick, client.refused, At(now));
    if (!client.refused) {
      ++result_.served;
      waits_.push_back(now - client.began);
      return Push(now + Between(100, 2'000), Step::kBegin, c);
    }
    ++result_.refused;
    if (now >= first_day_ends_) ++result_.refused_after_first_day;
    client.tried.push_back(*client.pick.key);
    if (client.tried.size() < kAttemptsMax) return Ask(now, c);
    ComeAgain(now, absl::ZeroDuration(), c);
  }

  void ComeAgain(absl::Time now, absl::Duration told, std::size_t c) {
    Client& client = clients_[c];
    client.tried.clear();
    const absl::Duration wait =
        told > absl::ZeroDuration() ? std::min(told, kRetryAfterMax) : client.backoff;
    client.backoff = std::min(client.backoff * 2, kBackoffMax);
    const absl::Time again = now + wait + Between(0, 50);
    Push(again, again - client.began > kPatience ? Step::kBegin : Step::kAsk, c);
  }

  const Holdings& holdings_;
  Google google_;
  const absl::Time start_, first_day_ends_, end_;
  std::mt19937_64 random_;
  std::unique_ptr<Strategy> strategy_;
  std::vector<Client> clients_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t events_made_ = 0;
  std::vector<absl::Duration> waits_;
  MarketResult result_;
};

}  // namespace

Holdings MarketHoldings() {
  Holdings holdings;
  for (const std::int64_t per_minute : {5, 10, 10, 15, 30, 60}) {
    holdings.limits.push_back({per_minute, per_minute * 100});
  }
  absl::LoadTimeZone("America/Los_Angeles", &holdings.pacific);
  return holdings;
}

MarketResult RunMarket(const MarketOptions& options, const Holdings& holdings,
                       const std::function<std::unique_ptr<Strategy>(const Now&)>& make) {
  return Market(options, holdings).Run(make);
}

}  // namespace keypool::sim
