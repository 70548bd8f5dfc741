#include "keyd/engine/audit_log.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/store/audit_chain.h"

namespace keypool::engine {
namespace {

// Beyond any audit that there can be: numbers go on from here when the newest one is nonsense.
constexpr std::uint64_t kNumberMax = 1ull << 53;

// Why it cannot go on behind `found`; empty: it can.
std::string DamageOf(const policy::AuditSnapshot& found) {
  const policy::AuditBasis& basis = found.basis;
  if (!basis.damage.empty()) return basis.damage;
  if (basis.key == nullptr) return "the key of the audit was missing";
  if (!basis.state) return "what is known of its end was missing";
  if (store::MacOf(*basis.key, *basis.state) != basis.state->mac) {
    return "what is known of its end was changed";
  }
  return "";
}

bool IsEmpty(const policy::AuditSnapshot& found) {
  return found.basis.damage.empty() && found.basis.key == nullptr && !found.basis.state &&
         found.newest == 0;
}

// Whole characters of UTF-8.
std::string Cut(std::string text) {
  if (text.size() <= kAuditTextBytesMax) return text;
  std::size_t end = kAuditTextBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  return text;
}

}  // namespace

AuditLog::AuditLog(policy::AuditSnapshot found, std::uint64_t records_max)
    : records_max_(records_max) {
  if (IsEmpty(found)) {
    BeginAnew("", 0);
    return;
  }
  if (const std::string damage = DamageOf(found); !damage.empty()) {
    const std::uint64_t known = found.basis.state ? found.basis.state->last.number : 0;
    BeginAnew(damage, std::max(found.newest, known));
    return;
  }
  key_ = std::move(found.basis.key);
  state_ = *std::move(found.basis.state);
  for (const policy::AuditLink& link : found.links) {
    const bool kept = link.number > state_.before_first.number && link.number <= state_.last.number;
    if (kept) links_.push_back(link);
  }
}

void AuditLog::BeginAnew(std::string_view why, std::uint64_t newest) {
  key_ = store::MakeAuditKey();
  key_is_new_ = true;
  state_.last.number = std::min(newest, kNumberMax);
  state_.before_first = state_.last;
  if (why.empty()) return;
  state_.broken = absl::StrCat(ToAbsl(why), "; records up to this one cannot be checked any more");
  state_.broken_number = state_.last.number;
}

void AuditLog::Append(AuditEntry entry, const absl::Status& result, absl::Time at,
                      policy::Mutations* mutations) {
  if (std::exchange(key_is_new_, false)) {
    mutations->push_back(policy::AuditKeyRecord{key_});
    const absl::Status how =
        state_.broken.empty() ? absl::OkStatus() : absl::DataLossError(state_.broken);
    Add({std::string(kAuditKeyd), std::string(audit::kBegin), ""}, how, at, mutations);
  }
  Add(std::move(entry), result, at, mutations);
}

void AuditLog::Add(AuditEntry entry, const absl::Status& result, absl::Time at,
                   policy::Mutations* mutations) {
  AuditRecord record;
  record.number = state_.last.number + 1;
  // As the store keeps it.
  record.at = absl::FromUnixNanos(absl::ToUnixNanos(at));
  if (entry.who.empty()) entry.who = std::string(kAuditNobody);
  record.entry = {Cut(std::move(entry.who)), Cut(std::move(entry.what)),
                  Cut(std::move(entry.target))};
  record.result = Cut(AuditResultOf(result));
  record.chain = store::ChainOf(*key_, state_.last.chain, record);
  state_.last = {record.number, record.chain};
  if (record.number % policy::kAuditLinkEvery == 0) links_.push_back(state_.last);
  mutations->push_back(std::move(record));
  dirty_ = true;
}

void AuditLog::Finish(policy::Mutations* mutations) {
  if (!std::exchange(dirty_, false)) return;
  GiveUpOldest(mutations);
  state_.mac = store::MacOf(*key_, state_);
  mutations->push_back(state_);
}

void AuditLog::GiveUpOldest(policy::Mutations* mutations) {
  const std::uint64_t before = state_.before_first.number;
  while (!links_.empty() && state_.last.number - links_.front().number >= records_max_) {
    state_.before_first = links_.front();
    links_.pop_front();
  }
  if (state_.before_first.number == before) return;
  mutations->push_back(policy::DeleteAudit{state_.before_first.number});
}

}  // namespace keypool::engine
