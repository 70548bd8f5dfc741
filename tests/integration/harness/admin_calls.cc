#include "tests/integration/harness/admin_calls.h"

#include <future>
#include <utility>

#include "tests/integration/harness/proc.h"

namespace keypool::itest {
namespace {

// Runs a call that answers by callback and waits for it; the client's own timeout bounds the wait.
template <class T, class Call>
T Await(Call call) {
  std::promise<T> promise;
  call([&promise](T result) { promise.set_value(std::move(result)); });
  return promise.get_future().get();
}

}  // namespace

AdminCalls::AdminCalls(client::KeydAddress keyd) {
  client::AdminClientOptions options;
  options.address = std::move(keyd);
  client_ = client::AdminClient::Open(options);
}

absl::StatusOr<PoolStatus> AdminCalls::Status() {
  PoolStatus all;
  StatusQuery query;
  do {
    absl::StatusOr<PoolStatus> page = Await<absl::StatusOr<PoolStatus>>(
        [&](auto done) { client_->Status(query, std::move(done)); });
    if (!page.ok()) return page.status();
    all.summary = page->summary;
    for (KeyStatus& key : page->keys) all.keys.push_back(std::move(key));
    all.more = page->more;
    if (!all.keys.empty()) query.after = all.keys.back().id;
  } while (all.more);
  return all;
}

absl::StatusOr<KeyStatus> AdminCalls::AddKey(const std::string& secret,
                                             const std::string& project) {
  AddKeyCommand command;
  command.secret = std::make_shared<const Secret>(secret);
  command.project = ProjectId(project);
  return Await<absl::StatusOr<KeyStatus>>(
      [&](auto done) { client_->AddKey(std::move(command), std::move(done)); });
}

absl::Status AdminCalls::RemoveKey(KeyId key) {
  return Await<absl::Status>([&](auto done) { client_->RemoveKey(key, std::move(done)); });
}

bool AdminCalls::WaitForStatus(const std::function<bool(const PoolStatus&)>& condition,
                               absl::Duration deadline) {
  return WaitUntil(
      [&] {
        const absl::StatusOr<PoolStatus> status = Status();
        return status.ok() && condition(*status);
      },
      deadline);
}

std::int64_t UsedToday(const KeyStatus& key) {
  std::int64_t used = 0;
  for (const BucketStatus& bucket : key.buckets) used += bucket.per_day.used;
  return used;
}

}  // namespace keypool::itest
