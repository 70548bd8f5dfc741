#include "tests/integration/harness/load.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/clock.h"

namespace keypool::itest {
namespace {

absl::Duration RetryAfter(const Answer& answer) {
  const std::string text = answer.Header("retry-after");
  int seconds = 1;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return absl::Seconds(seconds);
}

}  // namespace

std::string Tally::ToString() const {
  std::string text;
  for (const auto& [status, count] : by_status) absl::StrAppend(&text, status, ": ", count, "  ");
  return text;
}

Load::Load(LoadOptions options) : options_(std::move(options)) {
  for (int i = 0; i < options_.clients; ++i) {
    const std::size_t port = static_cast<std::size_t>(i) % options_.ports.size();
    clients_.emplace_back(&Load::RunClient, this, options_.ports[port]);
  }
}

Load::~Load() { Stop(); }

Tally Load::Now() {
  MutexLock lock(&mutex_);
  return tally_;
}

Tally Load::Stop() {
  {
    MutexLock lock(&mutex_);
    stop_ = true;
    stopped_.NotifyAll();
  }
  for (std::thread& client : clients_) client.join();
  clients_.clear();
  return Now();
}

void Load::Wait(absl::Duration d) {
  const MonoTime end = SystemClock().MonoNow() + d;
  MutexLock lock(&mutex_);
  while (!stop_) {
    const absl::Duration left = end - SystemClock().MonoNow();
    if (left <= absl::ZeroDuration()) return;
    stopped_.WaitFor(&mutex_, absl::ToChronoNanoseconds(left));
  }
}

void Load::Count(const Answer& answer) {
  MutexLock lock(&mutex_);
  ++tally_.by_status[answer.complete ? answer.status : 0];
  const bool refused = answer.status == 429 || answer.status == 503;
  if (refused && !answer.Has("retry-after")) ++tally_.refused_without_retry_after;
}

void Load::RunClient(std::uint16_t port) {
  const std::string wire = options_.request.Wire();
  std::optional<RawConnection> connection;
  while (!stop_) {
    if (!connection) connection.emplace(port);
    Answer answer;
    if (connection->connected() && connection->Send(wire)) answer = connection->ReadAnswer();
    Count(answer);
    const bool close =
        !answer.complete || fake::EqualsIgnoreCase(answer.Header("connection"), "close");
    if (close) connection.reset();
    if (answer.status != 200) Wait(std::min(options_.wait_max, RetryAfter(answer)));
  }
}

}  // namespace keypool::itest
