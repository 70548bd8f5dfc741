// What the fake engine does about the audit.
#include <utility>

#include "tests/fakes/engine/fake_engine.h"

namespace keypool::fakes {

void FakeEngine::Record(AuditEntry entry, absl::Status result,
                        std::function<void(absl::Status)> done) {
  Enqueue([this, entry = std::move(entry), result = std::move(result), done = std::move(done)] {
    absl::Status recorded;
    {
      MutexLock lock(&mutex_);
      recorded = record_error_;
      if (recorded.ok()) {
        AuditRow& row = audit_.emplace_back();
        row.record.number = audit_.size();
        row.record.entry = entry;
        row.record.result = AuditResultOf(result);
      }
    }
    done(recorded);
  });
}

void FakeEngine::ListAudit(AuditQuery query, Done<AuditPage> done) {
  Enqueue([this, query, done = std::move(done)] {
    AuditPage page;
    {
      MutexLock lock(&mutex_);
      for (const AuditRow& row : audit_) {
        if (query.before == 0 || row.record.number < query.before) page.rows.push_back(row);
      }
    }
    page.more = page.rows.size() > query.rows_max;
    if (page.more) page.rows.erase(page.rows.begin(), page.rows.end() - query.rows_max);
    done(std::move(page));
  });
}

void FakeEngine::VerifyAudit(Done<AuditVerdict> done) {
  Enqueue([this, done = std::move(done)] {
    AuditVerdict verdict;
    {
      MutexLock lock(&mutex_);
      verdict.records = audit_.size();
    }
    verdict.first = 1;
    verdict.broken = {2, "the record was changed"};
    done(std::move(verdict));
  });
}

void FakeEngine::FailRecords(absl::Status status) {
  MutexLock lock(&mutex_);
  record_error_ = std::move(status);
}

std::string FakeEngine::LastCaller() const {
  MutexLock lock(&mutex_);
  return last_caller_;
}

}  // namespace keypool::fakes
