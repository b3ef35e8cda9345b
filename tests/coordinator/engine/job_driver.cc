#include "tests/coordinator/engine/job_driver.h"

#include <gtest/gtest.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_matchers.h"

namespace moa {
namespace {

absl::string_view SpellRole(Role role) {
  switch (role) {
    case Role::kSystem:
      return "system";
    case Role::kDeveloper:
      return "developer";
    case Role::kUser:
      return "user";
    case Role::kAssistant:
      return "assistant";
    case Role::kTool:
      return "tool";
  }
  return "?";
}

}  // namespace

std::string Spell(const CallInput& input) {
  std::string out;
  const auto add = [&](const Message& message) {
    absl::StrAppend(&out, SpellRole(message.role), ": ", message.content.view(), "\n");
  };
  for (const PromptPart& part : input.prompt) {
    if (part.context == nullptr) {
      add(part.message);
    } else {
      for (const Message& message : part.context->messages) add(message);
    }
  }
  return out;
}

Agent MakeAgent(std::string name, std::string model) {
  Agent agent;
  agent.name = std::move(name);
  agent.model = std::move(model);
  return agent;
}

JobSpec MakeJob(uint32_t layers, uint32_t agents, uint32_t cycles) {
  JobSpec spec;
  spec.messages.push_back({.role = Role::kUser, .content = Text("hello")});
  for (uint32_t i = 0; i < layers; ++i) {
    Layer layer;
    layer.cycles = cycles;
    for (uint32_t j = 1; j <= agents; ++j) layer.agents.push_back(MakeAgent(absl::StrCat("a", j)));
    spec.moa.layers.push_back(layer);
  }
  spec.moa.aggregator = MakeAgent("");
  return spec;
}

JobDriver::JobDriver(JobSpec spec, uint64_t seed, const JobLimits& limits, absl::Duration late)
    : plan_(Compile(std::move(spec), limits)), now_(absl::FromUnixSeconds(1'800'000'000)) {
  records_.push_back({.sequence = 1, .time = now_, .what = JobAccepted{.seed = seed}});
  now_ += late;
  Restart();
}

void JobDriver::Restart() {
  ++epoch_;
  queued_.clear();
  running_.clear();
  closing_.clear();
  machine_ = std::make_unique<JobMachine>(
      JobId("01JOB"), plan_,
      JobMachine::Options{.epoch = epoch_, .retry = retry, .models = &models_});
  for (const Record& record : records_) ASSERT_OK(machine_->Replay(record));
  Commands commands;
  machine_->Resume(now_, &commands);
  Carry(commands);
}

void JobDriver::Dispatch(uint32_t task, const std::string& worker) {
  Apply(AttemptDispatched{.ref = ref(task), .worker = worker});
}

void JobDriver::DispatchAll() {
  const auto queued = queued_;
  for (const auto& [attempt, model] : queued) Dispatch(attempt.task);
}

void JobDriver::Succeed(uint32_t task, const std::string& content, absl::Duration run) {
  Completion completion;
  completion.content = Text(content);
  completion.finish_reason = "stop";
  completion.usage = {.prompt_tokens = 10, .completion_tokens = 5, .total_tokens = 15};
  Apply(AttemptSucceeded{.ref = ref(task), .completion = completion, .run = run, .ttft = run / 4});
}

void JobDriver::SucceedWith(uint32_t task, const Completion& completion) {
  Apply(
      AttemptSucceeded{.ref = ref(task), .completion = completion, .run = absl::Milliseconds(100)});
}

void JobDriver::Fail(uint32_t task, ErrorCode code, bool retryable,
                     std::optional<absl::Duration> retry_after) {
  Apply(AttemptFailed{.ref = ref(task),
                      .error = {.code = code, .message = "it broke"},
                      .retryable = retryable,
                      .retry_after = retry_after});
}

void JobDriver::FinishStage(const std::string& prefix) {
  const auto queued = queued_;
  DispatchAll();
  for (const auto& [attempt, model] : queued) {
    Succeed(attempt.task, absl::StrCat(prefix, attempt.task));
  }
}

void JobDriver::Cancel(const std::string& reason) { Apply(CancelRequested{.reason = reason}); }

void JobDriver::Apply(const Event& event) {
  const bool ended = machine_->ended();
  const uint64_t stale = machine_->stale_events();
  Commands commands;
  machine_->Apply(event, now_, &commands);
  if (machine_->stale_events() > stale || ended) {
    EXPECT_TRUE(commands.empty()) << "a stale event changed something";
    machine_->CheckInvariants();
    last_commands_.clear();
    return;
  }
  if (const auto* dispatched = std::get_if<AttemptDispatched>(&event)) {
    EXPECT_EQ(queued_.erase(dispatched->ref), 1u);
    running_[dispatched->ref] = dispatched->worker;
  } else if (const auto* adopted = std::get_if<AttemptAdopted>(&event)) {
    running_[adopted->ref] = adopted->worker;
  } else if (const auto* succeeded = std::get_if<AttemptSucceeded>(&event)) {
    EXPECT_EQ(running_.erase(succeeded->ref) + closing_.erase(succeeded->ref), 1u);
  } else if (const auto* failed = std::get_if<AttemptFailed>(&event)) {
    EXPECT_EQ(running_.erase(failed->ref) + closing_.erase(failed->ref), 1u);
  }
  Carry(commands);
}

void JobDriver::Wait(absl::Duration duration) {
  const absl::Time end = now_ + duration;
  Commands all;
  while (machine_->NextDeadline() <= end) {
    now_ = std::max(now_, machine_->NextDeadline());
    Commands commands;
    machine_->Advance(now_, &commands);
    ASSERT_FALSE(commands.empty()) << "woken for nothing";
    Carry(commands);
    all.insert(all.end(), commands.begin(), commands.end());
  }
  now_ = end;
  last_commands_ = std::move(all);
}

void JobDriver::Carry(const Commands& commands) {
  for (const Command& command : commands) CarryOne(command);
  last_commands_ = commands;
  machine_->CheckInvariants();
  if (machine_->ended()) {
    EXPECT_TRUE(queued_.empty());
    EXPECT_TRUE(running_.empty());
    EXPECT_TRUE(std::holds_alternative<JobEnded>(records_.back().what));
    EXPECT_EQ(machine_->NextDeadline(), absl::InfiniteFuture());
  } else {
    EXPECT_GT(machine_->NextDeadline(), now_);
    for (const auto* attempts : {&queued_, &running_}) {
      for (const auto& [attempt, what] : *attempts) {
        EXPECT_TRUE(ref(attempt.task) == attempt || hedge(attempt.task) == attempt);
      }
    }
  }
  CompareWithReplay();
}

void JobDriver::CarryOne(const Command& command) {
  EXPECT_FALSE(std::holds_alternative<JobEnded>(records_.back().what)) << "a command after the end";
  if (const auto* enqueue = std::get_if<EnqueueAttempt>(&command)) {
    EXPECT_TRUE(queued_.emplace(enqueue->ref, enqueue->model).second);
    EXPECT_EQ(running_.count(enqueue->ref), 0u);
    EXPECT_EQ(enqueue->ref.epoch, epoch_);
    // What is at work is asked by one model.
    EXPECT_EQ(enqueue->model, machine_->model(enqueue->ref.task));
  } else if (const auto* dequeue = std::get_if<DequeueAttempt>(&command)) {
    EXPECT_EQ(queued_.erase(dequeue->ref), 1u);
  } else if (const auto* cancel = std::get_if<CancelAttempt>(&command)) {
    EXPECT_EQ(running_.erase(cancel->ref), 1u);
    closing_.insert(cancel->ref);
  } else {
    const Record& record = std::get<AppendRecord>(command).record;
    EXPECT_EQ(record.sequence, records_.back().sequence + 1);
    EXPECT_GE(record.time, records_.back().time);
    records_.push_back(record);
  }
}

void JobDriver::CompareWithReplay() const {
  JobMachine copy(machine_->id(), plan_, {.epoch = epoch_ + 1, .retry = retry, .models = &models_});
  for (const Record& record : records_) ASSERT_OK(copy.Replay(record));
  copy.CheckInvariants();
  const JobMachine& live = *machine_;
  ASSERT_EQ(copy.ended(), live.ended());
  if (live.ended()) {
    ASSERT_EQ(copy.state(), live.state());
  }
  ASSERT_EQ(copy.degradations(), live.degradations());
  ASSERT_EQ(copy.end(), live.end());
  ASSERT_EQ(copy.accepted_at(), live.accepted_at());
  ASSERT_EQ(copy.ended_at(), live.ended_at());
  ASSERT_EQ(copy.seed(), live.seed());
  ASSERT_EQ(copy.last_sequence(), live.last_sequence());
  ASSERT_EQ(copy.stages_started(), live.stages_started());
  ASSERT_EQ(copy.critical_path(), live.critical_path());
  Commands commands;
  copy.Resume(now_, &commands);
  for (uint32_t i = 0; i < plan_->tasks.size(); ++i) {
    const JobMachine::Task& was = live.task(i);
    const JobMachine::Task& is = copy.task(i);
    const bool open = was.state == TaskState::kQueued || was.state == TaskState::kRunning;
    // What was running is queued again: that is all a restart may change. (But with a budget: what
    // was in flight is forgotten, what waited for a retry asks for its part at once.)
    if (open && plan_->spec.budget != Budget{}) continue;
    ASSERT_EQ(is.state, open ? TaskState::kQueued : was.state) << "task " << i;
    ASSERT_EQ(is.ready_at, was.ready_at);
    ASSERT_EQ(is.finished, was.finished);
    if (was.finished) {
      ASSERT_EQ(is.result, was.result);
    }
    if (!open) continue;
    ASSERT_EQ(Spell(copy.Input(i)), Spell(live.Input(i)));
    ASSERT_EQ(copy.Input(i).seed, live.Input(i).seed);
    ASSERT_EQ(copy.Input(i).with_tools, live.Input(i).with_tools);
  }
}

}  // namespace moa
