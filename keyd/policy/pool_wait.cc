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
// Clients over their own quota that are passed by before another one's request is granted.
constexpr int kOverOwnQuotaMax = 64;
// Queues of one project that one ServeWaiting looks at before they are due: what is given back, or
// set right by an operator, is seen in the next rounds.
constexpr std::size_t kNotDueMax = 16;
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
    case RefusalReason::kOwnerUnavailable:
    case RefusalReason::kClientQuota:
      return refusal.retry_after.has_value();
    case RefusalReason::kNoKeys:
    case RefusalReason::kNotRetryable:
    case RefusalReason::kLimitReached:
    case RefusalReason::kTooLarge:
    case RefusalReason::kResourcesApart:
    case RefusalReason::kNoMoreProjects:
    case RefusalReason::kUnauthenticated:
    case RefusalReason::kModelNotAllowed:
    case RefusalReason::kNotOwner:
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
  const State::Pin pin = state.PinOf(command, m);
  // Who comes later is served later, even when something is free by now.
  const bool others_wait = model != nullptr && state.OthersWait(*model, command, pin);
  std::optional<Refusal> callers = state.RefuseCaller(command, m);
  AcquireReply reply = callers       ? AcquireReply(*std::move(callers))
                       : others_wait ? state.RefuseForNow(*model, command, pin, m)
                                     : state.Acquire(command, m, mutations);
  const Refusal* refusal = std::get_if<Refusal>(&reply);
  if (refusal == nullptr) return reply;
  if (!Passes(*refusal) || *refusal->retry_after > command.wait_up_to) return reply;
  if (state.held.size() >= state.config.waiting_max) return reply;
  if (model == nullptr) model = state.ModelOf(command, m, mutations);
  if (model == nullptr) return reply;
  state.Hold(model, pin, command, ticket, m);
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
  while (state.pinned.NextDue() <= m.mono && answers.size() < kAnswersMax) {
    state.ServePinned(state.pinned.FirstDue(), m, mutations, &answers);
  }
  for (std::size_t i = std::min(state.pinned.size(), kNotDueMax); i > 0; --i) {
    if (state.pinned.size() == 0) break;
    state.ServePinned(state.pinned.NextInTurn(), m, mutations, &answers);
  }
  for (std::size_t i = state.waited_for.size(); i-- > 0;) {
    Model* model = state.waited_for[i];
    state.ServeQueue(&model->held, kAnswersMax, m, mutations, &answers);
    if (model->held.waiting.empty()) state.waited_for.erase(state.waited_for.begin() + i);
  }
  return answers;
}

MonoTime Pool::NextWaitingDue() const {
  const State& state = *state_;
  MonoTime due = state.pinned.NextDue();
  if (!state.held_until.empty()) due = std::min(due, state.held_until.begin()->first);
  for (const Model* model : state.waited_for) due = std::min(due, model->held.due);
  return due;
}

std::size_t Pool::Held() const { return state_->held.size(); }

Model* Pool::State::ExistingModelOf(const AcquireCommand& command, const Moment& m,
                                    Mutations* mutations) {
  if (command.kind == Kind::kUnmetered) return models.unmetered();
  Model* asked = models.Find(command.model);
  return asked == nullptr ? nullptr : Counted(asked, m, mutations);
}

bool Pool::State::OthersWait(const Model& model, const AcquireCommand& command,
                             const Pin& pin) const {
  if (!model.held.waiting.empty()) return !command.after_project || pin.project != nullptr;
  return pin.project != nullptr && pinned.Find(model, *pin.project) != nullptr;
}

// As an Acquire that nothing is left for.
Refusal Pool::State::RefuseForNow(Model& model, const AcquireCommand& command, const Pin& pin,
                                  const Moment& m) {
  if (pin.IsApart()) return RefuseAsApart(pin);
  Project* project = pin.project != nullptr ? roster.Find(*pin.project) : nullptr;
  if (pin.project != nullptr && (project == nullptr || !project->usable())) {
    return RefuseForOwner(*pin.project, project, m);
  }
  if (roster.active_keys() == 0) return RefuseWithoutKeys(m);
  if (std::optional<Refusal> refusal = HeldBack(model, m)) return *std::move(refusal);
  const std::int64_t tokens = TokensOf(model, command);
  if (project != nullptr) {
    return RefuseOf(*BucketOf(model, project, m), tokens, m).value_or(RefuseAsExcluded(model));
  }
  if (IsTooLarge(model, tokens)) return RefuseAsTooLarge(model, tokens);
  return RefuseForQuota(model, tokens, m);
}

void Pool::State::Hold(Model* model, const Pin& pin, const AcquireCommand& command,
                       std::uint64_t ticket, const Moment& m) {
  Waiting waiting;
  waiting.ticket = ticket;
  waiting.command = command;
  // By then, what has failed before may be the first that is good again.
  waiting.command.exclude_keys.clear();
  waiting.command.exclude_projects.clear();
  waiting.since = m.mono;
  waiting.until = m.mono + command.wait_up_to;
  if (const Client* client = CallerOf(command, m)) {
    waiting.command.client = client->record.name;
    waiting.weight = client->record.terms.weight;
  }
  held_until.insert({waiting.until, ticket});
  Enqueue(model, pin.project, std::move(waiting), m);
}

void Pool::State::Enqueue(Model* model, const ProjectId* project, Waiting waiting,
                          const Moment& m) {
  HeldQueue* queue = &model->held;
  if (project != nullptr) {
    queue = pinned.GetOrMake(model, *project, m.mono);
  } else if (queue->waiting.empty() &&
             std::find(waited_for.begin(), waited_for.end(), model) == waited_for.end()) {
    waited_for.push_back(model);
  }
  SetDue(queue, m.mono);
  held.insert_or_assign(waiting.ticket, Held{queue, waiting.command.client, waiting.until});
  queue->waiting.Add(std::move(waiting));
}

void Pool::State::SetDue(HeldQueue* queue, MonoTime due) {
  if (queue->pin == ProjectId{}) {
    queue->due = due;
  } else {
    pinned.SetDue(queue, due);
  }
}

std::optional<Waiting> Pool::State::TakeHeld(std::uint64_t ticket) {
  const auto at = held.find(ticket);
  if (at == held.end()) return std::nullopt;
  HeldQueue* queue = at->second.queue;
  Waiting waiting = queue->waiting.Remove(at->second.client, ticket);
  if (queue->pin != ProjectId{}) {
    pinned.DropIfEmpty(queue);
  } else if (queue->waiting.empty()) {
    std::erase(waited_for, queue->model);
  }
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

// What it names has come to be known since, or lives elsewhere by now: it would block those behind
// it.
bool Pool::State::MoveIfElsewhere(HeldQueue* queue, WaitQueue::Lines::iterator line,
                                  const Moment& m) {
  const AcquireCommand& command = line->waiting.front().command;
  if (command.resources.empty() || !command.project.value().empty()) return false;
  const Pin pin = PinOf(command, m);
  if (pin.IsApart()) return false;  // it is refused
  if (pin.project != nullptr ? *pin.project == queue->pin : queue->pin == ProjectId{}) return false;
  Enqueue(queue->model, pin.project, queue->waiting.Serve(line), m);
  return true;
}

// Until nothing more can be granted, or there are so many answers.
void Pool::State::ServeQueue(HeldQueue* queue, std::size_t answers_max, const Moment& m,
                             Mutations* mutations, std::vector<Answered>* answers) {
  WaitQueue& waiting = queue->waiting;
  auto line = waiting.lines().begin();
  for (int tried = 0, over_own = 0; line != waiting.lines().end();) {
    if (answers->size() >= answers_max) return SetDue(queue, m.mono);
    if (MoveIfElsewhere(queue, line, m)) {
      line = waiting.lines().begin();
      continue;
    }
    const Waiting& first = line->waiting.front();
    Answered answer = AnswerHeld(first, m, mutations);
    const Refusal* refusal = std::get_if<Refusal>(&answer.reply);
    if (refusal != nullptr && Passes(*refusal) && m.mono + *refusal->retry_after <= first.until) {
      const MonoTime due = m.mono + std::max(*refusal->retry_after, kLookAgainAfter);
      SetDue(queue, tried + over_own == 0 ? due : std::min(queue->due, due));
      if (refusal->reason == RefusalReason::kClientQuota) {
        // That holds back nobody else.
        if (++over_own == kOverOwnQuotaMax) return SetDue(queue, m.mono + kLookAgainAfter);
        line = waiting.PassBy(line);
        if (static_cast<std::size_t>(tried + over_own) >= waiting.lines().size()) return;
        continue;
      }
      if (!DependsOnSize(*refusal) || ++tried == kLinesTriedMax) return;
      ++line;
      continue;
    }
    held_until.erase({first.until, first.ticket});
    held.erase(first.ticket);
    waiting.Serve(line);
    answers->push_back(std::move(answer));
    line = waiting.lines().begin();
    tried = over_own = 0;
  }
}

// Those who can go to this project only and those who can go to any take turns, so that neither
// keeps its slots from the other.
void Pool::State::ServePinned(HeldQueue* queue, const Moment& m, Mutations* mutations,
                              std::vector<Answered>* answers) {
  HeldQueue* others = &queue->model->held;
  while (!queue->waiting.empty() && answers->size() < kAnswersMax) {
    std::size_t before = answers->size();
    if (queue->gives_way) ServeQueue(others, before + 1, m, mutations, answers);
    if (answers->size() > before || others->waiting.empty()) queue->gives_way = false;
    if (answers->size() == kAnswersMax) break;
    before = answers->size();
    ServeQueue(queue, before + 1, m, mutations, answers);
    if (answers->size() == before) break;
    queue->gives_way = !others->waiting.empty();
  }
  pinned.DropIfEmpty(queue);
}

}  // namespace keypool::policy
