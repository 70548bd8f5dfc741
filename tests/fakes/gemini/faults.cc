#include "tests/fakes/gemini/faults.h"

#include <array>
#include <boost/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"

namespace keypool::fake {
namespace {

namespace json = boost::json;

constexpr std::array<std::pair<std::string_view, FaultKind>, 40> kNames{{
    {"429_minute", FaultKind::k429Minute},
    {"429_day", FaultKind::k429Day},
    {"429_bare", FaultKind::k429Bare},
    {"429_html", FaultKind::k429Html},
    {"429_no_access", FaultKind::k429NoAccess},
    {"429_prepaid", FaultKind::k429Prepaid},
    {"429_spend", FaultKind::k429Spend},
    {"400_key", FaultKind::k400Key},
    {"400_expired", FaultKind::k400Expired},
    {"400_location", FaultKind::k400Location},
    {"401", FaultKind::k401},
    {"403_suspended", FaultKind::k403Suspended},
    {"403_leaked", FaultKind::k403Leaked},
    {"403_blocked", FaultKind::k403Blocked},
    {"403_disabled", FaultKind::k403Disabled},
    {"403_denied", FaultKind::k403Denied},
    {"403_ambiguous", FaultKind::k403Ambiguous},
    {"404_new_users", FaultKind::k404NewUsers},
    {"500", FaultKind::k500},
    {"503", FaultKind::k503},
    {"504", FaultKind::k504},
    {"raw", FaultKind::kRaw},
    {"raw_slow", FaultKind::kRawSlow},
    {"hang", FaultKind::kHang},
    {"close_unread", FaultKind::kCloseUnread},
    {"close_unsent", FaultKind::kCloseUnsent},
    {"early_503", FaultKind::kEarly503},
    {"cut_head", FaultKind::kCutHead},
    {"cut_body", FaultKind::kCutBody},
    {"cut_stream", FaultKind::kCutStream},
    {"error_inside", FaultKind::kErrorInside},
    {"hang_stream", FaultKind::kHangStream},
    {"step_stream", FaultKind::kStepStream},
    {"slow", FaultKind::kSlow},
    {"huge_body", FaultKind::kHugeBody},
    {"huge_head", FaultKind::kHugeHead},
    {"close_idle", FaultKind::kCloseIdle},
    {"bad_chunk", FaultKind::kBadChunk},
    {"cl_te", FaultKind::kBothLengths},
    {"interim", FaultKind::kInterim},
}};

absl::Status Wrong(std::string_view member, std::string_view must) {
  return absl::InvalidArgumentError(std::string(member) + " must be " + std::string(must));
}

absl::Status ReadMatch(const json::value& value, Fault* fault) {
  const json::object* match = value.if_object();
  if (match == nullptr) return Wrong("match", "an object");
  for (const auto& member : *match) {
    const json::string* text = member.value().if_string();
    const std::string_view name = member.key();
    if (text == nullptr) return Wrong(name, "a text");
    if (name == "path") {
      fault->path = *text;
    } else if (name == "key") {
      fault->key = *text;
    } else if (name == "project") {
      fault->project = *text;
    } else if (name == "model") {
      fault->model = *text;
    } else {
      return Wrong(name, "path, key, project or model");
    }
  }
  return absl::OkStatus();
}

absl::Status ReadParams(const json::value& value, Fault* fault) {
  const json::object* params = value.if_object();
  if (params == nullptr) return Wrong("params", "an object");
  for (const auto& member : *params) {
    const std::string_view name = member.key();
    const json::value& v = member.value();
    if (name == "events" && v.is_int64()) {
      fault->events = static_cast<int>(v.get_int64());
    } else if (name == "bytes" && v.is_int64()) {
      fault->bytes = v.get_int64();
    } else if (name == "delay_ms" && v.is_int64()) {
      fault->delay = absl::Milliseconds(v.get_int64());
    } else if (name == "raw" && v.is_string()) {
      fault->raw = v.get_string();
    } else if (name == "close" && v.is_bool()) {
      fault->close = v.get_bool();
    } else {
      return Wrong(name, "events, bytes, delay_ms (numbers), raw (a text) or close (true, false)");
    }
  }
  return absl::OkStatus();
}

FaultTime TimeOf(FaultKind kind) {
  const bool early = kind == FaultKind::kCloseUnread || kind == FaultKind::kEarly503;
  return early ? FaultTime::kHeadRead : FaultTime::kAllRead;
}

bool Fits(const Fault& fault, const FaultSubject& subject) {
  return (fault.path.empty() || subject.target.find(fault.path) != std::string_view::npos) &&
         (fault.key.empty() || fault.key == subject.key) &&
         (fault.project.empty() || fault.project == subject.project) &&
         (fault.model.empty() || fault.model == subject.model);
}

}  // namespace

std::optional<FaultKind> ParseFaultKind(std::string_view name) {
  for (const auto& [known, kind] : kNames) {
    if (known == name) return kind;
  }
  return std::nullopt;
}

absl::StatusOr<Fault> ParseFault(std::string_view text) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) return Wrong("the body", "a JSON object");
  Fault fault;
  bool has_kind = false;
  for (const auto& member : value.get_object()) {
    const std::string_view name = member.key();
    const json::value& v = member.value();
    absl::Status status;
    if (name == "kind" && v.is_string()) {
      const std::optional<FaultKind> kind = ParseFaultKind(std::string_view(v.get_string()));
      if (!kind) return Wrong("kind", "one of the names in faults.cc");
      fault.kind = *kind;
      has_kind = true;
    } else if (name == "times" && v.is_int64()) {
      fault.times = static_cast<int>(v.get_int64());
    } else if (name == "match") {
      status = ReadMatch(v, &fault);
    } else if (name == "params") {
      status = ReadParams(v, &fault);
    } else {
      status = Wrong(name, "kind, times, match or params, of the right type");
    }
    if (!status.ok()) return status;
  }
  if (!has_kind) return Wrong("kind", "given");
  return fault;
}

void FaultPlan::Add(Fault fault) { faults_.push_back(std::move(fault)); }

std::optional<Fault> FaultPlan::Take(const FaultSubject& subject, FaultTime time) {
  for (auto it = faults_.begin(); it != faults_.end(); ++it) {
    if (TimeOf(it->kind) != time || !Fits(*it, subject)) continue;
    Fault taken = *it;
    if (it->times > 0 && --it->times == 0) faults_.erase(it);
    return taken;
  }
  return std::nullopt;
}

void FaultPlan::Clear() { faults_.clear(); }

}  // namespace keypool::fake
