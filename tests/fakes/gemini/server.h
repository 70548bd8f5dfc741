// A Gemini of our own on 127.0.0.1: enforces quota, answers as Google does, fails as it is told,
// and tells what reached it.
//
// In a test program it runs on a thread of its own; tests/fakes/gemini/main.cc makes a program of
// it, controlled under
// /__fake/ on the same port.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/fakes/gemini/api.h"
#include "tests/fakes/gemini/faults.h"
#include "tests/fakes/gemini/journal.h"
#include "tests/fakes/gemini/quota.h"

namespace keypool::fake {

struct FakeOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one
  QuotaOptions quota;
  std::set<std::string> models = UsualModels();
  absl::Duration latency = absl::ZeroDuration();  // before every answer
  std::string tls_certificate_file;               // PEM, chain; with its key: serve TLS
  std::string tls_key_file;
  std::size_t requests_kept_max = 4'096;
};

struct FakeCounts {
  std::uint64_t requests = 0;     // whose head reached the fake, control requests left out
  std::int64_t malformed = 0;     // heads that a strict server refuses
  std::uint64_t connections = 0;  // accepted so far
  std::int64_t connections_open = 0;
  std::int64_t admitted = 0;
  std::int64_t refused = 0;  // beyond a limit: what the pool must never cause
  std::vector<BucketCount> buckets;
  // Admitted today, by project and model.
  std::map<std::pair<std::string, std::string>, std::int64_t> today;
};

// Thread-safe.
class FakeGemini {
 public:
  // Listens when it returns. Errors: UNAVAILABLE (the port), INVALID_ARGUMENT (certificate, key,
  // time zone).
  static absl::StatusOr<std::unique_ptr<FakeGemini>> Start(FakeOptions options);
  // Ends every connection.
  virtual ~FakeGemini() = default;

  virtual std::uint16_t port() const = 0;
  // "http://127.0.0.1:41234", with https when it serves TLS.
  virtual std::string base_url() const = 0;

  virtual void AddKey(std::string key, std::string project) = 0;
  virtual void RemoveKey(const std::string& key) = 0;
  virtual void AddFault(Fault fault) = 0;
  virtual void ClearFaults() = 0;
  // Lets `pieces` more pieces of kStepStream answers go.
  virtual void Step(int pieces) = 0;

  virtual FakeCounts Counts() const = 0;
  // Requests with a greater number, as far as they are kept.
  virtual std::vector<SeenRequest> Requests(std::uint64_t after = 0) const = 0;
  // Waits until `condition` holds; false after `deadline`. Looked at after every change inside the
  // fake.
  virtual bool WaitFor(const std::function<bool()>& condition, absl::Duration deadline) const = 0;
  // Empties windows, counts, faults, files and the list of requests; keys and limits stay.
  virtual void Reset() = 0;
};

}  // namespace keypool::fake
