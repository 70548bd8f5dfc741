// A lease session that only writes down, and answers when a test says so.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "keyd/client/lease_session.h"

namespace keypool::proxy {

class RecordingSession : public client::LeaseSession {
 public:
  std::uint64_t Acquire(client::AcquireOptions options, Callback done) override {
    acquires.push_back(std::move(options));
    waiting[++last] = std::move(done);
    return last;
  }
  void Cancel(std::uint64_t acquire) override {
    cancelled.push_back(acquire);
    waiting.erase(acquire);
  }
  void Report(ReportCommand report) override { reports.push_back(std::move(report)); }
  bool Connected() const override { return connected; }
  std::uint64_t ReportsDropped() const override { return 0; }

  void Answer(std::uint64_t acquire, absl::StatusOr<client::AcquireResult> result) {
    const Callback done = std::move(waiting.at(acquire));
    waiting.erase(acquire);
    done(std::move(result));
  }

  bool connected = true;
  std::uint64_t last = 0;
  std::map<std::uint64_t, Callback> waiting;
  std::vector<client::AcquireOptions> acquires;
  std::vector<std::uint64_t> cancelled;
  std::vector<ReportCommand> reports;
};

inline client::LeaseGrant Grant(std::uint64_t lease = 7) {
  client::LeaseGrant grant;
  grant.lease = LeaseId(lease);
  grant.epoch = Epoch(3);
  grant.key = KeyId(2);
  grant.secret = std::make_shared<const Secret>("AIza-not-a-real-key");
  grant.project = ProjectId("p");
  return grant;
}

}  // namespace keypool::proxy
