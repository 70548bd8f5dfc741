// What the fake is told to do wrong, to which requests, and how often.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keypool::fake {

enum class FaultKind {
  // Answers instead of the usual one; they charge no quota.
  k429Minute,
  k429Day,
  k429Bare,
  k429Html,
  k429NoAccess,  // a limit of zero
  k429Prepaid,   // the prepaid credits are depleted
  k429Spend,     // the spending cap of the month is reached
  k400Key,
  k400Expired,
  k400Location,
  k401,
  k403Suspended,
  k403Leaked,
  k403Blocked,   // by a restriction of the key
  k403Disabled,  // the API is not enabled in the project
  k403Denied,    // the project is denied access
  k403Ambiguous,
  k404NewUsers,
  k500,
  k503,
  k504,
  kRaw,          // writes Fault::raw as it is, then closes if `close`
  kRawSlow,      // the same byte by byte, `delay` between two
  kHang,         // no answer, until the peer closes
  kCloseUnread,  // closes as soon as the head has come
  kCloseUnsent,  // closes when the whole request has come, without a byte of an answer
  kEarly503,     // answers 503 and closes when the head has come; reads no body

  // The usual answer, charged as usual, but delivered badly.
  kCutHead,      // half of the head, then closes
  kCutBody,      // the head and `bytes` of a sized body, then closes
  kCutStream,    // `events` pieces of a chunked body, then closes without the last chunk
  kErrorInside,  // `events` pieces, then Fault::raw, then the end in order
  kHangStream,   // `events` pieces, then nothing until the peer closes
  kStepStream,   // each piece after one step (see FakeGemini::Step)
  kSlow,         // byte by byte, `delay` between two
  kHugeBody,     // a body of `bytes` instead, chunked
  kHugeHead,     // a header of `bytes` more
  kCloseIdle,    // a clean answer that promises keep-alive, then closes
  kBadChunk,     // a chunk size that is no number
  kBothLengths,  // Content-Length and Transfer-Encoding at once
  kInterim,      // 103 Early Hints first
};

// The name on the control API, such as "429_minute"; see `kNames` in faults.cc for all.
std::optional<FaultKind> ParseFaultKind(std::string_view name);

struct Fault {
  FaultKind kind = FaultKind::k500;
  // Which requests: every one that is set must fit. `path` is a part of the target, the rest is
  // exact.
  std::string path;
  std::string key;
  std::string project;
  std::string model;
  int times = 1;  // negative: always

  int events = 0;
  std::int64_t bytes = 0;
  absl::Duration delay = absl::Milliseconds(10);
  std::string raw;
  bool close = true;
};

// `kind`, `times` times, whatever the request.
inline Fault FaultOf(FaultKind kind, int times = 1) {
  Fault fault;
  fault.kind = kind;
  fault.times = times;
  return fault;
}

// {"kind":"cut_stream","match":{"model":"…"},"times":1,"params":{"events":2}}
// Errors: INVALID_ARGUMENT (the member is named).
absl::StatusOr<Fault> ParseFault(std::string_view json);

struct FaultSubject {
  std::string_view target;
  std::string_view key;
  std::string_view project;
  std::string_view model;
};

// When a fault strikes.
enum class FaultTime {
  kHeadRead,  // kCloseUnread, kEarly503
  kAllRead,   // the others
};

// Not thread-safe.
class FaultPlan {
 public:
  void Add(Fault fault);
  // The first fault of this time that fits, used up by one.
  std::optional<Fault> Take(const FaultSubject& subject, FaultTime time);
  void Clear();

 private:
  std::deque<Fault> faults_;
};

}  // namespace keypool::fake
