// Accounts of what went through the pool: which report counts, and under which names.
#include <algorithm>
#include <charconv>
#include <string_view>

#include "keyd/policy/pool_state.h"

namespace keypool::policy {
namespace {

constexpr std::string_view kUnmetered = "(unmetered)";
constexpr std::string_view kNotFound = "(not found)";
constexpr std::string_view kUnknown = "(unknown)";
constexpr int kTooManyRequests = 429;
constexpr int kFirstError = 400;

UsageCounts CountsOf(const ReportCommand& report) {
  UsageCounts counts;
  counts.requests = 1;
  const int status = report.facts.http_status;
  if (status == kTooManyRequests) {
    counts.limited = 1;
  } else if (status >= kFirstError || status == 0) {
    counts.errors = 1;
  }
  if (report.usage) {
    counts.input_tokens = std::max<std::int64_t>(0, report.usage->input);
    counts.cached_tokens = std::max<std::int64_t>(0, report.usage->cached);
    counts.output_tokens = std::max<std::int64_t>(0, report.usage->output);
    counts.thought_tokens = std::max<std::int64_t>(0, report.usage->thoughts);
  }
  return counts;
}

// ToString(KeyId) without taking memory: this is part of every report.
class KeyName {
 public:
  explicit KeyName(KeyId id)
      : end_(std::to_chars(text_ + kPrefix.size(), text_ + sizeof text_, id.value()).ptr) {
    kPrefix.copy(text_, kPrefix.size());
  }
  std::string_view text() const { return {text_, end_}; }

 private:
  static constexpr std::string_view kPrefix = "key_";
  char text_[24];
  const char* end_;
};

// Names that callers make up must not take the places of models that there are.
bool IsInvented(const ReportCommand& report) {
  return report.facts.message == MessageClass::kModelNotFound;
}

std::string_view ClientName(const ReportCommand& report) {
  return report.client.empty() ? kUnknown : std::string_view(report.client);
}

}  // namespace

void Pool::State::CountUsage(const ReportCommand& command, const Lease& lease, const Moment& m) {
  if (!command.sent) return;
  Project* project = lease.bucket->project();
  Model* model = lease.bucket->model();
  const UsageCounts counts = CountsOf(command);
  usage.Follow(m.wall);
  usage.Add(UsageDimension::kKey, KeyName(lease.key).text(), counts, nullptr);
  usage.Add(UsageDimension::kProject, project->id.value(), counts, &project->usage);
  if (IsInvented(command)) {
    usage.Add(UsageDimension::kModel, kNotFound, counts, nullptr);
  } else {
    usage.Add(UsageDimension::kModel, model->metered ? std::string_view(model->name) : kUnmetered,
              counts, &model->usage);
  }
  const Client* client = clients.FindBySerial(lease.client);
  usage.Add(UsageDimension::kClient,
            client == nullptr ? ClientName(command) : std::string_view(client->record.name), counts,
            nullptr);
}

// By what the report itself says. Two reports of one lease are not told apart here: one that was
// counted just before a restart and sent again after it counts twice.
void Pool::State::CountUsageElsewhere(const ReportCommand& command, const Moment& m) {
  if (!command.sent || command.key == KeyId{}) return;
  const KeyEntry* key = roster.Find(command.key);
  const UsageCounts counts = CountsOf(command);
  usage.Follow(m.wall);
  usage.Add(UsageDimension::kKey, KeyName(command.key).text(), counts, nullptr);
  usage.Add(UsageDimension::kProject, key ? std::string_view(key->project->id.value()) : kUnknown,
            counts, nullptr);
  const std::string_view model = IsInvented(command)     ? kNotFound
                                 : command.model.empty() ? kUnmetered
                                                         : std::string_view(command.model);
  usage.Add(UsageDimension::kModel, model, counts, nullptr);
  usage.Add(UsageDimension::kClient, ClientName(command), counts, nullptr);
}

UsagePage Pool::Usage(const UsageQuery& query, const Now& now) const {
  return state_->usage.Rows(query, now.wall);
}

void Pool::FlushUsage(Mutations* mutations) { state_->usage.Flush(mutations); }

}  // namespace keypool::policy
