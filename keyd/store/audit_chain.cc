#include "keyd/store/audit_chain.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/assert.h"
#include "keyd/base/status.h"
#include "keyd/store/record_fields.h"

namespace keypool::store {
namespace {

using policy::AuditBasis;
using policy::AuditState;

constexpr std::size_t kKeyBytes = 32;

// The bytes that a value stands for: everything in its order, with its length in front.
class Message {
 public:
  explicit Message(std::string_view of) { Add(of); }
  void Add(std::string_view text) {
    AppendInt(static_cast<std::int64_t>(text.size()), &bytes_);
    bytes_ += text;
  }
  void Add(std::int64_t number) { AppendInt(number, &bytes_); }
  void Add(const AuditChain& chain) { bytes_.append(chain.begin(), chain.end()); }
  void Add(const policy::AuditLink& link) {
    Add(static_cast<std::int64_t>(link.number));
    Add(link.chain);
  }

  AuditChain Under(const Secret& key) const {
    AuditChain value;
    unsigned int size = 0;
    const std::string_view secret = key.Reveal();
    const unsigned char* done = HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                                     reinterpret_cast<const unsigned char*>(bytes_.data()),
                                     bytes_.size(), value.data(), &size);
    KP_ASSERT(done != nullptr);
    KP_ASSERT(size == value.size());
    return value;
  }

 private:
  std::string bytes_;
};

bool Same(const AuditChain& a, const AuditChain& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// One walk of VerifyAudit. Owned by what it waits for.
struct Walk : std::enable_shared_from_this<Walk> {
  Walk(Store& s, std::function<void(absl::StatusOr<AuditVerdict>)> d)
      : store(s), done(std::move(d)) {}

  void Go() {
    store.ReadAudit(
        {AuditRange::From::kOldest, check.behind(), kAuditRowsMax},
        [self = shared_from_this()](const absl::StatusOr<AuditRead>& read) { self->OnRead(read); });
  }
  void OnRead(const absl::StatusOr<AuditRead>& read) {
    if (absl::IsDataLoss(read.status())) {
      AuditVerdict verdict = check.verdict();
      verdict.broken = {check.behind() + 1, std::string(read.status().message())};
      return done(std::move(verdict));
    }
    if (!read.ok()) return done(read.status());
    if (check.Take(*read)) return Go();
    done(check.verdict());
  }

  Store& store;
  const std::function<void(absl::StatusOr<AuditVerdict>)> done;
  AuditCheck check;
};

}  // namespace

SecretPtr MakeAuditKey() {
  unsigned char bytes[kKeyBytes];
  // Without randomness nothing could be recorded safely: there is no way on.
  KP_ASSERT(RAND_bytes(bytes, sizeof(bytes)) == 1);
  auto key = std::make_shared<const Secret>(
      std::string_view(reinterpret_cast<const char*>(bytes), sizeof(bytes)));
  OPENSSL_cleanse(bytes, sizeof(bytes));
  return key;
}

AuditChain ChainOf(const Secret& key, const AuditChain& before, const AuditRecord& record) {
  Message message("keypool audit record");
  message.Add(before);
  message.Add(static_cast<std::int64_t>(record.number));
  message.Add(TimeToInt(record.at));
  message.Add(record.entry.who);
  message.Add(record.entry.what);
  message.Add(record.entry.target);
  message.Add(record.result);
  return message.Under(key);
}

AuditChain MacOf(const Secret& key, const AuditState& state) {
  Message message("keypool audit state");
  message.Add(state.before_first);
  message.Add(state.last);
  message.Add(state.broken);
  message.Add(static_cast<std::int64_t>(state.broken_number));
  return message.Under(key);
}

bool AuditCheck::Broken(std::uint64_t number, std::string why) {
  verdict_.broken = {number, std::move(why)};
  return false;
}

bool AuditCheck::CheckBasis(const AuditRead& read) {
  const AuditBasis& basis = read.basis;
  if (!basis.damage.empty()) return Broken(0, basis.damage);
  if (basis.key == nullptr) return Broken(0, "the key of the audit is missing");
  if (!basis.state) return Broken(0, "what is known of its end is missing");
  const AuditState& state = *basis.state;
  if (!Same(MacOf(*basis.key, state), state.mac)) {
    return Broken(0, "what is known of its end was changed");
  }
  if (!state.broken.empty()) return Broken(state.broken_number, state.broken);
  // Its oldest records may have been given up since the last read.
  if (!begun_ || state.before_first.number > at_.number) at_ = state.before_first;
  if (!begun_) verdict_.first = at_.number + 1;
  begun_ = true;
  return true;
}

bool AuditCheck::CheckRow(const AuditRow& row, const AuditBasis& basis) {
  const AuditRecord& record = row.record;
  if (record.number <= basis.state->before_first.number) {
    return Broken(record.number, "the record had been given up, and is there again");
  }
  if (record.number > basis.state->last.number) {
    return Broken(record.number, "the record was added by somebody else than keyd");
  }
  if (record.number != at_.number + 1) return Broken(at_.number + 1, "the record is missing");
  if (!row.damage.empty()) return Broken(record.number, row.damage);
  if (!Same(ChainOf(*basis.key, at_.chain, record), record.chain)) {
    return Broken(record.number, "the record was changed");
  }
  at_ = {record.number, record.chain};
  ++verdict_.records;
  return true;
}

bool AuditCheck::Take(const AuditRead& read) {
  const AuditBasis& basis = read.basis;
  const bool nothing = basis.key == nullptr && !basis.state && basis.damage.empty();
  if (!begun_ && nothing && read.rows.empty()) return false;
  if (!CheckBasis(read)) return false;
  for (const AuditRow& row : read.rows) {
    if (!CheckRow(row, basis)) return false;
  }
  if (read.more) return true;
  if (at_.number != basis.state->last.number) {
    return Broken(at_.number + 1, "the record is missing, and all behind it");
  }
  if (!Same(at_.chain, basis.state->last.chain)) {
    return Broken(at_.number, "the record is not the one that was written last");
  }
  return false;
}

void VerifyAudit(Store& store, std::function<void(absl::StatusOr<AuditVerdict>)> done) {
  std::make_shared<Walk>(store, std::move(done))->Go();
}

}  // namespace keypool::store
