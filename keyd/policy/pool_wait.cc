// Acquires that are held back until a project can take them, their time is up, or nobody wants them
// any more.
#include <algorithm>
#include <utility>

#include "keyd/policy/pool_state.h"

namespace keypool::policy {
namespace {

// Answers of one ServeWaiting.
constexpr std::size_t kAnswersMax = 1'024;
// Clients whose first request is tried when those before it are too large for what is left.
constexpr int kLinesTriedMax = 16;
// So that a wait that seems to be over already makes no busy loop.
constexpr absl::Duration kLookAgainAfter = absl::Milliseconds(1);

// What holds the request back passes by itself.
bool Passes(const Refusal& refusal) {
  switch (refusal.reason) {
    case RefusalReason::kExhausted:
    case RefusalReason::kAllExcluded:
    case RefusalReason::kAllDisabled:
    case RefusalReason::kModelOverloaded:
    case RefusalReason::kSourceThrottled:
      return refusal.retry_after.has_value();
    case RefusalReason::kNoKeys:
    case RefusalReason::kNotRetryable:
    case RefusalReason::kLimitReached:
    case RefusalReason::kTooLarge:
    case RefusalReason::kResourcesApart:
    case RefusalReason::kOwnerUnavailable:
    case RefusalReason::kNoMoreProjects:
      break;
  }
  return false;
}

// A smaller request may be granted all the same.
bool DependsOnSize(const Refusal& refusal) {
  return refusal.window == QuotaWindow::kInputTokensPerMinute ||
         refusal.window == QuotaWindow::kInputTokensPerDay;
}

}  // namespace

std::optional<AcquireReply> Pool::ApplyOrHold(const AcquireCommand& command, std::uint64_t ticket,
                                              const Now& now, absl::BitGenRef,
                                              Mutations* mutations) {
  State& state = *state_;
  const Moment m = state.Observe(now);
  Model* model = state.ExistingModelOf(command, m, mutations);
  // Who comes later is served later, even when something is free by now.
  const bool others_wait = model != nullptr && !model->waiting.empty();
  AcquireReply reply = others_wait ? AcquireReply(state.RefuseForNow(*model, command, m))
                                   : state.Acquire(command, m, mutations);
  const Refusal* refusal = std::get_if<Refusal>(&reply);
  if (refusal == nullptr) return reply;
  if (!Passes(*refusal) || *refusal->retry_after > command.wait_up_to) return reply;
  if (state.held.size() >= state.config.waiting_max) return reply;
  if (model == nullptr) model = state.ModelOf(command, m, mutations);
  if (model == nullptr) return reply;
  state.Hold(model, command, ticket, m);
  return std::nullopt;
}

void Pool::Withdraw(std::uint64_t ticket) { state_->TakeHeld(ticket); }

std::vector<Pool::Answered> Pool::ServeWaiting(const Now& now, absl::BitGenRef,
                                               Mutations* mutations) {
  State& state = *state_;
  std::vector<Answered> answers;
  if (state.held.empty()) return answers;
  const Moment m = state.Observe(now);
  while (!state.held_until.empty() && state.held_until.begin()->first <= m.mono &&
         answers.size() < kAnswersMax) {
    const Waiting waiting = *state.TakeHeld(state.held_until.begin()->second);
    answers.push_back(state.AnswerHeld(waiting, m, mutations));
  }
  for (std::size_t i = state.waited_for.size(); i-- > 0;) {
    Model* model = state.waited_for[i];
    state.ServeModel(*model, m, mutations, &answers);
    if (model->waiting.empty()) state.waited_for.erase(state.waited_for.begin() + i);
  }
  return answers;
}

MonoTime Pool::NextWaitingDue() const {
  const State& state = *state_;
  MonoTime due = MonoTime::Max();
  if (!state.held_until.empty()) due = state.held_until.begin()->first;
  for (const Model* model : state.waited_for) due = std::min(due, model->waiting_due);
  return due;
}

std::size_t Pool::Held() const { return state_->held.size(); }

Model* Pool::State::ExistingModelOf(const AcquireCommand& command, const Moment& m,
                                    Mutations* mutations) {
  if (command.kind == Kind::kUnmetered) return models.unmetered();
  Model* asked = models.Find(command.model);
  return asked == nullptr ? nullptr : Counted(asked, m, mutations);
}

// As an Acquire that nothing is left for.
Refusal Pool::State::RefuseForNow(Model& model, const AcquireCommand& command,
                                  const Moment& m) const {
  if (roster.active_keys() == 0) return RefuseWithoutKeys(m);
  if (std::optional<Refusal> refusal = HeldBack(model, m)) return *std::move(refusal);
  const std::int64_t tokens = TokensOf(model, command);
  if (IsTooLarge(model, tokens)) return RefuseAsTooLarge(model, tokens);
  return RefuseForQuota(model, tokens, m);
}

void Pool::State::Hold(Model* model, const AcquireCommand& command, std::uint64_t ticket,
                       const Moment& m) {
  Waiting waiting;
  waiting.ticket = ticket;
  waiting.command = command;
  // By then, what has failed before may be the first that is good again.
  waiting.command.exclude_keys.clear();
  waiting.command.exclude_projects.clear();
  waiting.since = m.mono;
  waiting.until = m.mono + command.wait_up_to;
  held_until.insert({waiting.until, ticket});
  held.emplace(ticket, Held{model, command.client, waiting.until});
  if (model->waiting.empty()) waited_for.push_back(model);
  model->waiting_due = m.mono;
  model->waiting.Add(std::move(waiting));
}

std::optional<Waiting> Pool::State::TakeHeld(std::uint64_t ticket) {
  const auto at = held.find(ticket);
  if (at == held.end()) return std::nullopt;
  Waiting waiting = at->second.model->waiting.Remove(at->second.client, ticket);
  if (at->second.model->waiting.empty()) std::erase(waited_for, at->second.model);
  held_until.erase({at->second.until, ticket});
  held.erase(at);
  return waiting;
}

Pool::Answered Pool::State::AnswerHeld(const Waiting& waiting, const Moment& m,
                                       Mutations* mutations) {
  AcquireReply reply = Acquire(waiting.command, m, mutations);
  if (Grant* grant = std::get_if<Grant>(&reply)) grant->waited = m.mono - waiting.since;
  return {waiting.ticket, std::move(reply)};
}

// Until nothing more can be granted for the model.
void Pool::State::ServeModel(Model& model, const Moment& m, Mutations* mutations,
                             std::vector<Answered>* answers) {
  auto line = model.waiting.lines().begin();
  for (int tried = 0; line != model.waiting.lines().end();) {
    if (answers->size() >= kAnswersMax) {
      model.waiting_due = m.mono;
      return;
    }
    const Waiting& first = line->waiting.front();
    Answered answer = AnswerHeld(first, m, mutations);
    const Refusal* refusal = std::get_if<Refusal>(&answer.reply);
    if (refusal != nullptr && Passes(*refusal) && m.mono + *refusal->retry_after <= first.until) {
      const MonoTime due = m.mono + std::max(*refusal->retry_after, kLookAgainAfter);
      model.waiting_due = tried == 0 ? due : std::min(model.waiting_due, due);
      if (!DependsOnSize(*refusal) || ++tried == kLinesTriedMax) return;
      ++line;
      continue;
    }
    held_until.erase({first.until, first.ticket});
    held.erase(first.ticket);
    model.waiting.Serve(line);
    answers->push_back(std::move(answer));
    line = model.waiting.lines().begin();
    tried = 0;
  }
}

}  // namespace keypool::policy
