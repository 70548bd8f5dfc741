#include "tests/fakes/engine/fake_engine.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

namespace keypool::fakes {
namespace {

const SecretPtr& TheSecret() {
  static const SecretPtr secret = std::make_shared<const Secret>(FakeEngine::kSecret);
  return secret;
}

KeyStatus NewKey(std::uint64_t id, ProjectId project) {
  KeyStatus key;
  key.id = KeyId(id);
  key.project = std::move(project);
  key.masked_secret = "AIza…Fake";
  key.added_at = absl::FromUnixSeconds(1'700'000'000);
  return key;
}

}  // namespace

FakeEngine::FakeEngine() : thread_([this] { Run(); }) {}

void FakeEngine::Hold() {
  MutexLock lock(&mutex_);
  held_ = true;
}

void FakeEngine::Release() {
  MutexLock lock(&mutex_);
  held_ = false;
  changed_.NotifyAll();
}

void FakeEngine::TurnAway(int posts) {
  MutexLock lock(&mutex_);
  turn_away_ = posts;
}

void FakeEngine::BecomeUnhealthy(absl::Status status) {
  MutexLock lock(&mutex_);
  health_ = std::move(status);
}

void FakeEngine::MakeKeys(int n, int buckets) {
  MutexLock lock(&mutex_);
  keys_.clear();
  last_key_ = static_cast<std::uint64_t>(n);
  for (std::uint64_t id = 1; id <= last_key_; ++id) {
    KeyStatus key = NewKey(id, OwnProject(KeyId(id)));
    for (int b = 0; b < buckets; ++b) {
      BucketStatus bucket;
      bucket.model = absl::StrCat("model-", b);
      key.buckets.push_back(std::move(bucket));
    }
    keys_.push_back(std::move(key));
  }
}

std::vector<std::size_t> FakeEngine::PostSizes() const {
  MutexLock lock(&mutex_);
  return post_sizes_;
}

std::vector<ReportCommand> FakeEngine::Reports() const {
  MutexLock lock(&mutex_);
  return reports_;
}

std::vector<AcquireCommand> FakeEngine::Acquires() const {
  MutexLock lock(&mutex_);
  return acquires_;
}

std::vector<std::string> FakeEngine::Log() const {
  MutexLock lock(&mutex_);
  return log_;
}

std::size_t FakeEngine::Waiting() const {
  MutexLock lock(&mutex_);
  return jobs_.size();
}

void FakeEngine::Post(std::vector<engine::LeaseCommand> commands, LeaseDone done) {
  absl::Status refused;
  {
    MutexLock lock(&mutex_);
    if (!health_.ok()) {
      refused = health_;
    } else if (stopping_) {
      refused = absl::UnavailableError("stopping");
    } else if (turn_away_ > 0) {
      --turn_away_;
      refused = absl::ResourceExhaustedError("the mailbox is full");
    } else {
      post_sizes_.push_back(commands.size());
    }
  }
  if (!refused.ok()) return done(refused, {});
  Enqueue([this, commands = std::move(commands), done = std::move(done)] {
    std::vector<engine::LeaseReply> replies;
    replies.reserve(commands.size());
    for (const engine::LeaseCommand& command : commands) replies.push_back(Apply(command));
    done(absl::OkStatus(), std::move(replies));
  });
}

engine::LeaseReply FakeEngine::Apply(const engine::LeaseCommand& command) {
  MutexLock lock(&mutex_);
  if (const auto* report = std::get_if<ReportCommand>(&command.command)) {
    Apply(*report);
    return {command.tag, ReportReply{}};
  }
  if (command.previous) Apply(*command.previous);
  const auto& acquire = std::get<AcquireCommand>(command.command);
  log_.push_back(absl::StrCat("acquire ", acquire.model));
  acquires_.push_back(acquire);
  if (acquire.model == "exhausted") {
    return {command.tag,
            AcquireReply(Refusal{RefusalReason::kExhausted, absl::Seconds(12), true, 250,
                                 QuotaWindow::kRequestsPerDay, "come back tomorrow"})};
  }
  return {command.tag,
          AcquireReply(Grant{LeaseId(++last_lease_), KeyId(1), TheSecret(), ProjectId("p-1")})};
}

void FakeEngine::Apply(const ReportCommand& report) {
  log_.push_back(absl::StrCat("report ", report.lease.value()));
  reports_.push_back(report);
}

KeyStatus* FakeEngine::Find(KeyId id) {
  const auto at =
      std::find_if(keys_.begin(), keys_.end(), [id](const KeyStatus& key) { return key.id == id; });
  return at == keys_.end() ? nullptr : &*at;
}

void FakeEngine::AddKey(AddKeyCommand command, Done<KeyStatus> done) {
  Enqueue([this, command = std::move(command), done = std::move(done)] {
    KeyStatus added;
    {
      MutexLock lock(&mutex_);
      last_caller_ = command.who;
      const std::uint64_t id = ++last_key_;
      added = NewKey(id, command.project.value_or(OwnProject(KeyId(id))));
      keys_.push_back(added);
    }
    ++changes_;
    done(added);
  });
}

void FakeEngine::RemoveKey(RemoveKeyCommand command, std::function<void(absl::Status)> done) {
  Enqueue([this, command, done = std::move(done)] {
    bool found = false;
    {
      MutexLock lock(&mutex_);
      found = std::erase_if(keys_, [&](const KeyStatus& k) { return k.id == command.key; }) > 0;
    }
    ++changes_;
    done(found ? absl::OkStatus() : absl::NotFoundError("no such key"));
  });
}

void FakeEngine::DisableKey(DisableKeyCommand command, Done<KeyStatus> done) {
  Enqueue([this, command = std::move(command), done = std::move(done)] {
    absl::StatusOr<KeyStatus> answer = absl::NotFoundError("no such key");
    {
      MutexLock lock(&mutex_);
      if (KeyStatus* key = Find(command.key)) {
        key->active = false;
        key->disabled_reason = command.reason;
        key->disabled_at = absl::FromUnixSeconds(1'700'000'001);
        answer = *key;
      }
    }
    ++changes_;
    done(std::move(answer));
  });
}

void FakeEngine::EnableKey(EnableKeyCommand command, Done<KeyStatus> done) {
  Enqueue([this, command, done = std::move(done)] {
    absl::StatusOr<KeyStatus> answer = absl::NotFoundError("no such key");
    {
      MutexLock lock(&mutex_);
      if (KeyStatus* key = Find(command.key)) {
        key->active = true;
        key->disabled_reason.clear();
        answer = *key;
      }
    }
    ++changes_;
    done(std::move(answer));
  });
}

void FakeEngine::Reset(ResetCommand command, Done<std::int64_t> done) {
  Enqueue([command, done = std::move(done)] { done(command.key ? 1 : 5); });
}

void FakeEngine::Status(StatusQuery query, Done<PoolStatus> done) {
  Enqueue([this, query = std::move(query), done = std::move(done)] {
    PoolStatus status;
    {
      MutexLock lock(&mutex_);
      status.summary.epoch = Epoch(kEpoch);
      status.summary.keys_total = static_cast<std::int64_t>(keys_.size());
      status.summary.keys_active = std::count_if(keys_.begin(), keys_.end(),
                                                 [](const KeyStatus& key) { return key.active; });
      status.summary.keys_usable = status.summary.keys_active;
      for (const KeyStatus& key : keys_) {
        if (key.id <= query.after) continue;
        if (status.keys.size() == query.keys_max) {
          status.more = true;
          break;
        }
        status.keys.push_back(key);
      }
    }
    done(std::move(status));
  });
}

void FakeEngine::Key(KeyId id, std::string, Done<KeyStatus> done) {
  Enqueue([this, id, done = std::move(done)] {
    absl::StatusOr<KeyStatus> answer = absl::NotFoundError("no such key");
    {
      MutexLock lock(&mutex_);
      if (const KeyStatus* key = Find(id)) answer = *key;
    }
    done(std::move(answer));
  });
}

void FakeEngine::MakeUsage(int rows) {
  MutexLock lock(&mutex_);
  usage_rows_ = rows;
}

void FakeEngine::Usage(UsageQuery query, Done<UsagePage> done) {
  Enqueue([this, query = std::move(query), done = std::move(done)] {
    UsagePage page;
    int rows = 0;
    {
      MutexLock lock(&mutex_);
      if (query.by == UsageDimension::kProject) rows = usage_rows_;
    }
    for (int i = 0; i < rows && !page.more; ++i) {
      UsageRow row;
      row.place = {20'000, std::string(1, static_cast<char>('a' + i)), -1};
      row.start = absl::FromUnixSeconds(20'000 * 86'400 + 7 * 3'600);
      row.end = row.start + absl::Hours(24);
      row.counts.requests = i;
      if (query.after && row.place <= *query.after) continue;
      page.more = page.rows.size() == query.rows_max;
      if (!page.more) page.rows.push_back(std::move(row));
    }
    done(std::move(page));
  });
}

void FakeEngine::Explain(ExplainQuery query, Done<Explanation> done) {
  Enqueue([this, query = std::move(query), done = std::move(done)] {
    if (query.project == ProjectId("none")) return done(absl::NotFoundError("no such project"));
    Explanation explanation;
    explanation.next_key = KeyId(1);
    explanation.next_project = ProjectId("p-1");
    {
      MutexLock lock(&mutex_);
      for (const KeyStatus& key : keys_) {
        if (key.id <= query.after) continue;
        explanation.more = explanation.keys.size() == query.keys_max;
        if (explanation.more) break;
        KeyExplanation said;
        said.key = key.id;
        said.project = key.project;
        said.reason = "of " + query.model;
        explanation.keys.push_back(std::move(said));
      }
    }
    done(std::move(explanation));
  });
}

void FakeEngine::Events(EventsQuery query, Done<PoolEvents> done) {
  Enqueue([query, done = std::move(done)] {
    PoolEvents events{Epoch(kEpoch), {}};
    for (std::uint64_t number = 1; number <= 5; ++number) {
      if (number <= query.after || number + query.limit <= 5) continue;
      PoolEvent event;
      event.number = number;
      event.at = event.last_at = absl::FromUnixSeconds(1'700'000'000);
      event.row = "429_day";
      events.events.push_back(std::move(event));
    }
    done(std::move(events));
  });
}

absl::Status FakeEngine::Health() const {
  MutexLock lock(&mutex_);
  return health_;
}

void FakeEngine::OnUnhealthy(std::function<void(absl::Status)>) {}

void FakeEngine::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    held_ = false;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void FakeEngine::Enqueue(std::function<void()> job) {
  MutexLock lock(&mutex_);
  jobs_.push_back(std::move(job));
  changed_.NotifyAll();
}

void FakeEngine::Run() {
  while (true) {
    std::function<void()> job;
    {
      MutexLock lock(&mutex_);
      while ((jobs_.empty() || held_) && !(stopping_ && jobs_.empty())) changed_.Wait(&mutex_);
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

}  // namespace keypool::fakes
