#include "tests/fakes/gemini/fault_answers.h"

#include <algorithm>
#include <iterator>
#include <string>

namespace keypool::fake {
namespace {

// Answers that say the same to everybody, without details.
struct Fixed {
  FaultKind kind;
  int code;
  std::string_view status;
  std::string_view message;
};
constexpr Fixed kFixed[] = {
    {FaultKind::k429Prepaid, 429, "RESOURCE_EXHAUSTED",
     "Your prepayment credits are depleted. Please go to AI Studio at https://ai.studio/projects "
     "to manage your project and billing."},
    {FaultKind::k429Spend, 429, "RESOURCE_EXHAUSTED",
     "Your project has exceeded its monthly spending cap. Please go to AI Studio at "
     "https://ai.studio/spend to manage your project spend cap."},
    {FaultKind::k400Location, 400, "FAILED_PRECONDITION",
     "User location is not supported for the API use."},
    {FaultKind::k403Leaked, 403, "PERMISSION_DENIED",
     "Your API key was reported as leaked. Please use another API key."},
    {FaultKind::k403Denied, 403, "PERMISSION_DENIED",
     "Your project has been denied access. Please contact support."},
    {FaultKind::k403Ambiguous, 403, "PERMISSION_DENIED", "The caller does not have permission"},
    {FaultKind::k504, 504, "DEADLINE_EXCEEDED",
     "Deadline expired before operation could complete."},
};

std::optional<Reply> FixedAnswer(FaultKind kind, Shape shape) {
  const Fixed* fixed = std::find_if(std::begin(kFixed), std::end(kFixed),
                                    [kind](const Fixed& f) { return f.kind == kind; });
  if (fixed == std::end(kFixed)) return std::nullopt;
  return ErrorReply({fixed->code, fixed->status, std::string(fixed->message), {}}, shape);
}

Reply Exceeded(const Violation& violation, const Subject& subject) {
  const bool embed = subject.method.find("mbed") != std::string::npos;
  return QuotaExceeded({violation}, subject.model, embed, subject.shape);
}

}  // namespace

std::optional<Reply> AnswerInstead(const Fault& fault, const Subject& subject) {
  switch (fault.kind) {
    case FaultKind::k429Minute:
      return Exceeded({Window::kMinute, 10, absl::Seconds(30)}, subject);
    case FaultKind::k429Day:
      return Exceeded({Window::kDay, 250, absl::Hours(5)}, subject);
    case FaultKind::k429NoAccess:
      return Exceeded({Window::kDay, 0, absl::Hours(5)}, subject);
    case FaultKind::k429Bare:
      return BareQuotaExceeded(subject.shape);
    case FaultKind::k429Html:
      return AutomatedQueries();
    case FaultKind::k400Key:
      return InvalidKey(subject.shape);
    case FaultKind::k400Expired:
      return ExpiredKey(subject.shape);
    case FaultKind::k401:
      return UnsupportedCredential(subject.method, subject.shape);
    case FaultKind::k403Suspended:
      return SuspendedKey(subject.key, subject.shape);
    case FaultKind::k403Blocked:
      return BlockedMethod(subject.method, subject.shape);
    case FaultKind::k403Disabled:
      return DisabledService(subject.shape);
    case FaultKind::k404NewUsers:
      return ModelNotForNewUsers(subject.model, subject.shape);
    case FaultKind::k500:
      return InternalError(subject.shape);
    case FaultKind::k503:
      return Overloaded(subject.shape);
    case FaultKind::kRaw:
    case FaultKind::kRawSlow:
    case FaultKind::kHang:
    case FaultKind::kCloseUnsent:
      return Reply{0, "", {}, {}, Framing::kSized};
    default:
      return FixedAnswer(fault.kind, subject.shape);
  }
}

}  // namespace keypool::fake
