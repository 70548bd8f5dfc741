// What the fake engine does with limits.
#include <utility>

#include "tests/fakes/engine/fake_engine.h"

namespace keypool::fakes {

void FakeEngine::SetLimits(SetLimitsCommand command, Done<ScopeLimits> done) {
  Enqueue([this, command = std::move(command), done = std::move(done)] {
    {
      MutexLock lock(&mutex_);
      limits_[command.said.scope] = command.said;
    }
    ++changes_;
    done(command.said);
  });
}

void FakeEngine::UnsetLimits(UnsetLimitsCommand command, Done<ScopeLimits> done) {
  Enqueue([this, command = std::move(command), done = std::move(done)] {
    bool was_there = false;
    {
      MutexLock lock(&mutex_);
      was_there = limits_.erase(command.scope) > 0;
    }
    ++changes_;
    if (was_there) return done(ScopeLimits{command.scope, {}, {}});
    done(absl::NotFoundError("nothing was said of " + ToText(command.scope)));
  });
}

void FakeEngine::ImportLimits(ImportLimitsCommand command, Done<ImportedLimits> done) {
  Enqueue([this, command = std::move(command), done = std::move(done)] {
    ImportedLimits imported;
    imported.scopes = static_cast<std::int64_t>(command.limits.size());
    {
      MutexLock lock(&mutex_);
      imported.scopes_before = static_cast<std::int64_t>(limits_.size());
      if (!command.dry_run) limits_.clear();
      for (const ScopeLimits& said : command.limits) {
        if (!command.dry_run) limits_[said.scope] = said;
      }
    }
    ++changes_;
    done(imported);
  });
}

void FakeEngine::ListLimits(LimitsQuery query, Done<LimitsPage> done) {
  Enqueue([this, query = std::move(query), done = std::move(done)] {
    LimitsPage page;
    {
      MutexLock lock(&mutex_);
      for (const auto& [scope, said] : limits_) {
        if (query.after && scope <= query.after->scope) continue;
        page.more = page.rows.size() == query.rows_max;
        if (page.more) break;
        page.rows.push_back({LimitOrigin::kOperator, said});
      }
    }
    done(std::move(page));
  });
}

}  // namespace keypool::fakes
