#include "keyd/base/admin.h"

namespace keypool {

std::string_view NameOf(KeyVerdict verdict) {
  switch (verdict) {
    case KeyVerdict::kNext:
      return "next";
    case KeyVerdict::kReady:
      return "ready";
    case KeyVerdict::kDisabled:
      return "disabled";
    case KeyVerdict::kResting:
      return "resting";
    case KeyVerdict::kMinuteFull:
      return "minute_full";
    case KeyVerdict::kDaySpent:
      return "day_spent";
    case KeyVerdict::kCooling:
      return "cooling";
    case KeyVerdict::kModelOverloaded:
      return "model_overloaded";
    case KeyVerdict::kSourceThrottled:
      return "source_throttled";
  }
  return "unknown";
}

std::string_view NameOf(EventKind kind) {
  switch (kind) {
    case EventKind::kCooldown:
      return "cooldown";
    case EventKind::kBucketWorks:
      return "bucket_works";
    case EventKind::kLimitLearned:
      return "limit_learned";
    case EventKind::kKeyRests:
      return "key_rests";
    case EventKind::kKeyTriedAgain:
      return "key_tried_again";
    case EventKind::kKeyWorks:
      return "key_works";
    case EventKind::kModelOverloaded:
      return "model_overloaded";
    case EventKind::kModelWorks:
      return "model_works";
    case EventKind::kSourceThrottled:
      return "source_throttled";
    case EventKind::kSourceWorks:
      return "source_works";
    case EventKind::kKeyAdded:
      return "key_added";
    case EventKind::kKeyRemoved:
      return "key_removed";
    case EventKind::kKeyDisabled:
      return "key_disabled";
    case EventKind::kKeyEnabled:
      return "key_enabled";
    case EventKind::kReset:
      return "reset";
    case EventKind::kLimitsChanged:
      return "limits_changed";
    case EventKind::kClientsChanged:
      return "clients_changed";
    case EventKind::kAdminTokensChanged:
      return "admin_tokens_changed";
  }
  return "unknown";
}

}  // namespace keypool
