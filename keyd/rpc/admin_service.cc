#include "keyd/rpc/admin_service.h"

#include <algorithm>
#include <any>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/rpc/advice.h"
#include "keyd/rpc/encoding.h"
#include "keyd/wire/admin_wire.h"

namespace keypool::rpc {
namespace {

constexpr std::size_t kWatchersMax = 256;
// A page that a client with gRPC's default limit of 4 MiB can take.
constexpr std::size_t kPageBytesMax = 3 * 1024 * 1024;

// What a Watch remembers.
struct Watched {
  StatusQuery query;
  std::optional<std::uint64_t> seen = std::nullopt;  // ChangeCount before the last answer
  bool noted = false;                                // for the audit
};

// Ends the page early when its keys have so many buckets that it would be too large to receive.
v1::StatusResponse Page(PoolStatus status) {
  status.summary.advice = Advice(status.summary);
  v1::StatusResponse page;
  wire::Encode(status, &page);
  std::size_t bytes = 0;
  for (int i = 0; i < page.keys_size(); ++i) {
    bytes += page.keys(i).ByteSizeLong();
    if (bytes <= kPageBytesMax || i == 0) continue;
    page.mutable_keys()->DeleteSubrange(i, page.keys_size() - i);
    page.set_next_page_token(page.keys(i - 1).key_id());
  }
  return page;
}

// Whole lines, as many as an error can carry.
absl::Status FirstLines(const absl::Status& status) {
  constexpr std::size_t kBytesMax = 3'500;
  const std::string_view text = ToStd(status.message());
  if (text.size() <= kBytesMax) return status;
  std::size_t end = text.rfind('\n', kBytesMax);
  if (end == std::string_view::npos) end = kBytesMax;
  const auto more = std::count(text.begin() + static_cast<std::ptrdiff_t>(end), text.end(), '\n');
  return absl::Status(status.code(),
                      absl::StrCat(ToAbsl(text.substr(0, end)), "\nand ", more, " more mistakes"));
}

// Answers a call with the state of a key.
template <class Call>
engine::Engine::Done<KeyStatus> Answering(Call* call) {
  return [call](absl::StatusOr<KeyStatus> key) {
    if (!key.ok()) return call->Fail(key.status());
    v1::KeyStatus response;
    wire::Encode(*key, &response);
    call->Reply(response);
  };
}

}  // namespace

void AdminService::Serve(grpc::ServerCompletionQueue* queue) {
  ServeReads(queue);
  ServeChanges(queue);
  ServeWatch(queue);
  ServeQuestions(queue);
  ServeLimits(queue);
  ServeMasterKey(queue);
  ServeClients(queue);
  ServeAdminTokens(queue);
  ServeAudit(queue);
}

void AdminService::ServeReads(grpc::ServerCompletionQueue* queue) {
  status_ = {calls_,
             [this, queue](auto* context, auto* request, auto* writer, void* tag) {
               service_.RequestStatus(context, request, writer, queue, queue, tag);
             },
             Looking(audit::kReadStatus, &AdminService::Status)};
  get_key_ = {calls_,
              [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                service_.RequestGetKey(context, request, writer, queue, queue, tag);
              },
              Looking(audit::kReadKey, &AdminService::GetKey)};
  usage_ = {calls_,
            [this, queue](auto* context, auto* request, auto* writer, void* tag) {
              service_.RequestUsage(context, request, writer, queue, queue, tag);
            },
            Looking(audit::kReadUsage, &AdminService::Usage)};
  StatusCall::Await(&status_);
  GetKeyCall::Await(&get_key_);
  UsageCall::Await(&usage_);
}

void AdminService::ServeChanges(grpc::ServerCompletionQueue* queue) {
  reset_ = {calls_,
            [this, queue](auto* context, auto* request, auto* writer, void* tag) {
              service_.RequestReset(context, request, writer, queue, queue, tag);
            },
            Changing<ResetCall>(audit::kReset, [this](const ResetCommand& command, auto* call) {
              engine_->Reset(command, [call](absl::StatusOr<std::int64_t> buckets) {
                if (!buckets.ok()) return call->Fail(buckets.status());
                v1::ResetResponse response;
                response.set_buckets(static_cast<std::uint32_t>(*buckets));
                call->Reply(response);
              });
            })};
  add_key_ = {calls_,
              [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                service_.RequestAddKey(context, request, writer, queue, queue, tag);
              },
              Changing<AddKeyCall>(audit::kAddKey, [this](AddKeyCommand command, auto* call) {
                engine_->AddKey(std::move(command), Answering(call));
              })};
  remove_key_ = {calls_,
                 [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                   service_.RequestRemoveKey(context, request, writer, queue, queue, tag);
                 },
                 Changing<RemoveKeyCall>(
                     audit::kRemoveKey, [this](const RemoveKeyCommand& command, auto* call) {
                       engine_->RemoveKey(command, [call](const absl::Status& status) {
                         if (!status.ok()) return call->Fail(status);
                         call->Reply(v1::RemoveKeyResponse());
                       });
                     })};
  disable_key_ = {
      calls_,
      [this, queue](auto* context, auto* request, auto* writer, void* tag) {
        service_.RequestDisableKey(context, request, writer, queue, queue, tag);
      },
      Changing<DisableKeyCall>(audit::kDisableKey, [this](DisableKeyCommand command, auto* call) {
        engine_->DisableKey(std::move(command), Answering(call));
      })};
  enable_key_ = {calls_,
                 [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                   service_.RequestEnableKey(context, request, writer, queue, queue, tag);
                 },
                 Changing<EnableKeyCall>(audit::kEnableKey,
                                         [this](const EnableKeyCommand& command, auto* call) {
                                           engine_->EnableKey(command, Answering(call));
                                         })};
  ResetCall::Await(&reset_);
  AddKeyCall::Await(&add_key_);
  RemoveKeyCall::Await(&remove_key_);
  DisableKeyCall::Await(&disable_key_);
  EnableKeyCall::Await(&enable_key_);
}

void AdminService::ServeWatch(grpc::ServerCompletionQueue* queue) {
  watch_.calls = calls_;
  watch_.queue = queue;
  watch_.watchers_max = kWatchersMax;
  watch_.accept = [this, queue](auto* context, auto* request, auto* writer, void* tag) {
    service_.RequestWatch(context, request, writer, queue, queue, tag);
  };
  watch_.begin = [](const v1::WatchRequest& request) -> absl::StatusOr<Watch::Method::Plan> {
    absl::StatusOr<wire::WatchQuery> query = wire::Decode(request);
    if (!query.ok()) return query.status();
    return Watch::Method::Plan{query->min_interval, Watched{std::move(query->status)}};
  };
  // Each time: a token may have been revoked meanwhile.
  watch_.produce = [this](Watch* call) {
    gate_.Judge(call->context(), [this, call](const absl::StatusOr<AdminCaller>& caller) {
      const std::string who = WhoCalls(caller.value_or(AdminCaller()), call->context());
      AuditEntry entry{who, std::string(audit::kReadStatus), ""};
      if (!caller.ok()) {
        return NoteDenied(
            std::move(entry), caller.status(),
            [call, denied = caller.status()](const absl::Status&) { call->End(denied); });
      }
      if (std::any_cast<Watched>(&call->memory())->noted) return Produce(call);
      NoteLook(std::move(entry), [this, call](const absl::Status& recorded) {
        if (!recorded.ok()) return call->End(recorded);
        std::any_cast<Watched>(&call->memory())->noted = true;
        Produce(call);
      });
    });
  };
  Watch::Await(&watch_);
}

void AdminService::ServeQuestions(grpc::ServerCompletionQueue* queue) {
  explain_ = {calls_,
              [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                service_.RequestExplain(context, request, writer, queue, queue, tag);
              },
              Looking(audit::kExplain, &AdminService::Explain)};
  events_ = {calls_,
             [this, queue](auto* context, auto* request, auto* writer, void* tag) {
               service_.RequestEvents(context, request, writer, queue, queue, tag);
             },
             Looking(audit::kReadEvents, &AdminService::Events)};
  ExplainCall::Await(&explain_);
  EventsCall::Await(&events_);
}

void AdminService::ServeLimits(grpc::ServerCompletionQueue* queue) {
  set_limits_ = {
      calls_,
      [this, queue](auto* context, auto* request, auto* writer, void* tag) {
        service_.RequestSetLimits(context, request, writer, queue, queue, tag);
      },
      Changing<SetLimitsCall>(audit::kSetLimits, [this](SetLimitsCommand command, auto* call) {
        engine_->SetLimits(std::move(command), Encoding<v1::ScopeLimits, ScopeLimits>(call));
      })};
  unset_limits_ = {calls_,
                   [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                     service_.RequestUnsetLimits(context, request, writer, queue, queue, tag);
                   },
                   Changing<UnsetLimitsCall>(
                       audit::kUnsetLimits, [this](UnsetLimitsCommand command, auto* call) {
                         engine_->UnsetLimits(std::move(command),
                                              Encoding<v1::ScopeLimits, ScopeLimits>(call));
                       })};
  import_limits_ = {calls_,
                    [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                      service_.RequestImportLimits(context, request, writer, queue, queue, tag);
                    },
                    Guarded(audit::kImportLimits, &AdminService::ImportLimits)};
  list_limits_ = {calls_,
                  [this, queue](auto* context, auto* request, auto* writer, void* tag) {
                    service_.RequestListLimits(context, request, writer, queue, queue, tag);
                  },
                  Looking(audit::kReadLimits, &AdminService::ListLimits)};
  SetLimitsCall::Await(&set_limits_);
  UnsetLimitsCall::Await(&unset_limits_);
  ImportLimitsCall::Await(&import_limits_);
  ListLimitsCall::Await(&list_limits_);
}

void AdminService::Status(StatusCall* call) {
  absl::StatusOr<StatusQuery> query = wire::Decode(call->request());
  if (!query.ok()) return call->Fail(query.status());
  engine_->Status(*std::move(query), [call](absl::StatusOr<PoolStatus> status) {
    if (!status.ok()) return call->Fail(status.status());
    call->Reply(Page(*std::move(status)));
  });
}

void AdminService::GetKey(GetKeyCall* call) {
  absl::StatusOr<wire::KeyQuery> query = wire::Decode(call->request());
  if (!query.ok()) return call->Fail(query.status());
  engine_->Key(query->key, std::move(query->model), Answering(call));
}

void AdminService::Usage(UsageCall* call) {
  absl::StatusOr<UsageQuery> query = wire::Decode(call->request());
  if (!query.ok()) return call->Fail(query.status());
  engine_->Usage(*std::move(query), [call](absl::StatusOr<UsagePage> page) {
    if (!page.ok()) return call->Fail(page.status());
    v1::UsageResponse response;
    wire::Encode(*page, &response);
    call->Reply(response);
  });
}

void AdminService::Produce(Watch* call) {
  Watched& watched = *std::any_cast<Watched>(&call->memory());
  // Read before the status: a change in between is shown twice rather than not at all.
  const std::uint64_t count = engine_->ChangeCount();
  if (watched.seen == count) return call->Skip();
  watched.seen = count;
  engine_->Status(watched.query, [call](absl::StatusOr<PoolStatus> status) {
    if (!status.ok()) return call->End(status.status());
    call->Send(Page(*std::move(status)));
  });
}

void AdminService::Explain(ExplainCall* call) {
  absl::StatusOr<ExplainQuery> query = wire::Decode(call->request());
  if (!query.ok()) return call->Fail(query.status());
  engine_->Explain(*std::move(query), Encoding<v1::ExplainResponse, Explanation>(call));
}

void AdminService::Events(EventsCall* call) {
  absl::StatusOr<EventsQuery> query = wire::Decode(call->request());
  if (!query.ok()) return call->Fail(query.status());
  engine_->Events(*query, Encoding<v1::EventsResponse, PoolEvents>(call));
}

void AdminService::ImportLimits(ImportLimitsCall* call) {
  const absl::StatusOr<ImportLimitsText> text = wire::Decode(call->request());
  if (!text.ok()) return Refuse(audit::kImportLimits, call, text.status());
  if (!parse_limits_) return call->Fail(absl::UnimplementedError("no limits can be imported"));
  absl::StatusOr<std::vector<ScopeLimits>> limits = parse_limits_(text->text, text->name);
  if (!limits.ok()) return Refuse(audit::kImportLimits, call, FirstLines(limits.status()));
  engine_->ImportLimits({*std::move(limits), text->dry_run, WhoCalls(*call)},
                        Encoding<v1::ImportLimitsResponse, ImportedLimits>(call));
}

void AdminService::ListLimits(ListLimitsCall* call) {
  absl::StatusOr<LimitsQuery> query = wire::Decode(call->request());
  if (!query.ok()) return call->Fail(query.status());
  engine_->ListLimits(*std::move(query), Encoding<v1::ListLimitsResponse, LimitsPage>(call));
}

}  // namespace keypool::rpc
