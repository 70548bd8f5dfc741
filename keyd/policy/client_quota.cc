#include "keyd/policy/client_quota.h"

#include <algorithm>
#include <utility>

namespace keypool::policy {
namespace {

constexpr std::int64_t kBlocksPerLimit = 100;
constexpr std::int64_t kBlockMost = 100;
constexpr std::int64_t kTokenBlockMost = 1'000'000;

std::int64_t BlockOf(std::int64_t limit, std::int64_t most) {
  return std::clamp<std::int64_t>(limit / kBlocksPerLimit, 0, most);
}

}  // namespace

ClientQuota::ClientQuota(const ClientTerms& terms, std::int64_t today)
    : requests_(terms.requests_per_minute, terms.requests_per_day, absl::ZeroDuration(), today),
      tokens_(kUnlimited, terms.input_tokens_per_day, absl::ZeroDuration(), today) {}

void ClientQuota::SetTerms(const ClientTerms& terms) {
  requests_.SetLimits(terms.requests_per_minute, terms.requests_per_day);
  tokens_.SetLimits(kUnlimited, terms.input_tokens_per_day);
}

void ClientQuota::Turn(const Moment& m) {
  requests_.Turn(m);
  tokens_.Turn(m);
}

Fit ClientQuota::FitOf(std::int64_t tokens, const Moment& m) const {
  const Fit minute = {requests_.MinuteReadyAt(1, m), QuotaWindow::kRequestsPerMinute,
                      requests_.per_minute()};
  const Fit day = {requests_.DayReadyAt(1, m), QuotaWindow::kRequestsPerDay, requests_.per_day()};
  const Fit tokens_day = {tokens_.DayReadyAt(tokens, m), QuotaWindow::kInputTokensPerDay,
                          tokens_.per_day()};
  return Later(Later(minute, day), tokens_day);
}

bool ClientQuota::Covers(std::int64_t requests, std::int64_t tokens, const Moment& m) const {
  return covered_requests_ >= requests && covered_tokens_ >= tokens && saved_day_ == m.today &&
         saved_clock_ == m.clock;
}

void ClientQuota::Take(const std::string& name, std::int64_t tokens, const Moment& m,
                       Mutations* mutations) {
  if (!Covers(1, tokens, m)) Write(name, 1, tokens, m, mutations);
  requests_.Charge(1, /*carried=*/false, m);
  tokens_.Charge(tokens, /*carried=*/false, m);
  --covered_requests_;
  covered_tokens_ -= tokens;
}

void ClientQuota::Refund(const ChargeTime& charge, std::int64_t tokens) {
  requests_.Correct(charge, -1);
  tokens_.Correct(charge, -tokens);
}

void ClientQuota::CorrectTokens(const std::string& name, const ChargeTime& charge, std::int64_t by,
                                const Moment& m, Mutations* mutations) {
  if (by == 0 || !tokens_.Correct(charge, by).day || by < 0) return;
  if (Covers(0, by, m)) {
    covered_tokens_ -= by;
  } else {
    Write(name, 0, 0, m, mutations);
  }
}

void ClientQuota::Write(const std::string& name, std::int64_t requests, std::int64_t tokens,
                        const Moment& m, Mutations* mutations) {
  const std::int64_t limit = std::min(requests_.per_minute(), requests_.per_day());
  const std::int64_t left = std::min(requests_.LeftThisMinute(m), requests_.LeftToday(m));
  const std::int64_t room = std::max<std::int64_t>(tokens_.LeftToday(m) - tokens, 0);
  covered_requests_ =
      std::max(requests, std::min(BlockOf(limit, kBlockMost), std::max<std::int64_t>(left, 0)));
  covered_tokens_ = tokens + std::min(BlockOf(tokens_.per_day(), kTokenBlockMost), room);
  ClientUseRecord record;
  record.name = name;
  record.day = m.today;
  record.day_used = requests_.UsedToday(m) + covered_requests_;
  record.minute = requests_.MinuteCharges(m);
  record.ahead = covered_requests_;
  record.day_tokens = tokens_.UsedToday(m) + covered_tokens_;
  mutations->push_back(std::move(record));
  saved_day_ = m.today;
  saved_clock_ = m.clock;
}

void ClientQuota::Restore(const ClientUseRecord& record, absl::Time record_day_ends,
                          const Moment& m) {
  const RecordDay day = {record.day, record_day_ends};
  requests_.Restore(record.day_used, record.minute, record.ahead, day, m);
  tokens_.Restore(record.day_tokens, {}, 0, day, m);
}

}  // namespace keypool::policy
