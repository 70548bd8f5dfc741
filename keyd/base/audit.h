// Who has done what: the audit of what operators do. Plain data.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace keypool {

inline constexpr std::size_t kAuditRowsMax = 1000;  // of a page
inline constexpr std::size_t kAuditTextBytesMax = 256;

// What can be done; as it stands in tables and in JSON.
namespace audit {
inline constexpr std::string_view kBegin = "begin audit";
inline constexpr std::string_view kAddKey = "add key";
inline constexpr std::string_view kRemoveKey = "remove key";
inline constexpr std::string_view kDisableKey = "disable key";
inline constexpr std::string_view kEnableKey = "enable key";
inline constexpr std::string_view kReset = "reset";
inline constexpr std::string_view kSetLimits = "set limits";
inline constexpr std::string_view kUnsetLimits = "unset limits";
inline constexpr std::string_view kImportLimits = "import limits";
inline constexpr std::string_view kAddClient = "add client";
inline constexpr std::string_view kSetClient = "set client";
inline constexpr std::string_view kRotateClient = "rotate client";
inline constexpr std::string_view kRevokeClient = "revoke client";
inline constexpr std::string_view kRemoveClient = "remove client";
inline constexpr std::string_view kAddAdminToken = "add admin token";
inline constexpr std::string_view kRotateAdminToken = "rotate admin token";
inline constexpr std::string_view kRevokeAdminToken = "revoke admin token";
inline constexpr std::string_view kRotateMasterKey = "rotate master key";
inline constexpr std::string_view kReadStatus = "read status";
inline constexpr std::string_view kReadKey = "read key";
inline constexpr std::string_view kReadUsage = "read usage";
inline constexpr std::string_view kReadEvents = "read events";
inline constexpr std::string_view kReadLimits = "read limits";
inline constexpr std::string_view kReadClients = "read clients";
inline constexpr std::string_view kReadAdminTokens = "read admin tokens";
inline constexpr std::string_view kReadAudit = "read audit";
inline constexpr std::string_view kExplain = "explain";
}  // namespace audit

inline constexpr std::string_view kAuditOk = "ok";
// keyd itself, and those of whom nothing is known.
inline constexpr std::string_view kAuditKeyd = "keyd";
inline constexpr std::string_view kAuditNobody = "unknown";

// HMAC-SHA256 over the record and the value before it, with a key that only keyd has.
using AuditChain = std::array<std::uint8_t, 32>;

// What is to be recorded. Texts have no secret in them; beyond kAuditTextBytesMax they are cut.
struct AuditEntry {
  std::string who;
  std::string what;    // one of audit::
  std::string target;  // a key's id, a client's name, a scope of limits …; empty: none is known
  friend bool operator==(const AuditEntry&, const AuditEntry&) = default;
};
// kAuditOk, or the code and the message.
std::string AuditResultOf(const absl::Status& status);

struct AuditRecord {
  std::uint64_t number = 0;  // 1, 2, … without gaps
  absl::Time at = {};
  AuditEntry entry = {};
  std::string result = {};
  AuditChain chain = {};
  friend bool operator==(const AuditRecord&, const AuditRecord&) = default;
};
// A record as it was found.
struct AuditRow {
  AuditRecord record;
  std::string damage =
      {};  // not empty: why it cannot be read; of the record only the number is known
};

struct AuditQuery {
  std::uint64_t before = 0;  // smaller numbers only; 0: the newest
  std::size_t rows_max = kAuditRowsMax;
};
// Oldest first.
struct AuditPage {
  std::vector<AuditRow> rows;
  bool more = false;  // older ones
};

// What a check of the whole audit has found.
struct AuditVerdict {
  std::uint64_t records = 0;  // that are as they were written, from the oldest on
  std::uint64_t first = 0;    // number of the oldest that is kept
  struct Break {
    std::uint64_t number = 0;  // of the first record that is not; 0: it is not about one
    std::string why;
    friend bool operator==(const Break&, const Break&) = default;
  };
  std::optional<Break> broken = std::nullopt;
  friend bool operator==(const AuditVerdict&, const AuditVerdict&) = default;
};

}  // namespace keypool
