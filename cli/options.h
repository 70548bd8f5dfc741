// What the user asks of poolctl, read from flags, environment and file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "keyd/base/admin.h"
#include "keyd/base/clients.h"
#include "keyd/base/ids.h"
#include "keyd/base/settings.h"
#include "keyd/client/keyd_address.h"

namespace keypool::cli {

enum class Command {
  kStatus,
  kAdd,
  kRemove,
  kDisable,
  kEnable,
  kReset,
  kUsage,
  kExplain,
  kEvents,
  kLimits,
  kRotateMasterKey,
  kClient,
  kAdminToken,
  kAudit
};
enum class LimitsAction { kList, kSet, kUnset, kImport, kExport };
enum class ClientAction { kAdd, kList, kShow, kLimits, kRotate, kRevoke, kRemove };
enum class AdminTokenAction { kAdd, kList, kRotate, kRevoke };

struct Options {
  Command command = Command::kStatus;
  std::string address;  // of keyd, "unix:…" or "tls://…"
  client::TlsFiles keyd_tls;
  absl::Duration timeout = absl::Seconds(5);
  std::optional<KeyId> key;  // always there for remove, disable and enable
  std::string model;         // status: only buckets of it; always there for explain
  bool json = false;    // status, usage, explain, events, limits list, client, admin-token, audit
  bool watch = false;   // status
  std::string project;  // add; explain: only its keys
  std::string file;     // add, limits import: "-" or a path; add: empty when not said
  std::string reason;   // disable
  bool yes = false;     // reset: do not ask
  std::size_t limit = 50;  // events, audit: the newest so many
  bool follow = false;     // events

  // --- usage
  UsageDimension by = UsageDimension::kProject;
  std::int64_t days = 7;
  bool daily = false;
  bool hourly = false;
  bool csv = false;

  // --- limits
  LimitsAction limits_action = LimitsAction::kList;
  ScopeLimits limits;        // set
  UnsetLimitsCommand unset;  // unset
  bool dry_run = false;      // import

  // --- client
  ClientAction client_action = ClientAction::kList;
  std::string client_name;                 // of every action but list
  ClientChange client_terms;               // add, limits
  absl::Duration overlap = kTokenOverlap;  // rotate; of admin-token too

  // --- admin-token
  AdminTokenAction admin_token_action = AdminTokenAction::kList;
  std::string admin_token_name;                          // of every action but list
  std::optional<absl::Duration> admin_token_expires_in;  // add, rotate

  // --- audit
  bool verify = false;
  std::uint64_t before = 0;  // smaller numbers only; 0: the newest
};

// Fills `*options` when the result says kRun.
Settings::Parsed ReadOptions(int argc, const char* const* argv,
                             const Settings::Environment& environment, Options* options);

}  // namespace keypool::cli
