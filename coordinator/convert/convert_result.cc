// Results of tasks, and a whole job as it is shown.

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/text.h"
#include "coordinator/convert/convert.h"
#include "coordinator/engine/attribution.h"
#include "coordinator/engine/judgement.h"
#include "coordinator/engine/outcome.h"

namespace moa {
namespace {

// A task that has not finished, as a result so far.
TaskResult Unfinished(const JobMachine& machine, uint32_t index) {
  const JobMachine::Task& task = machine.task(index);
  return {.task = index,
          .model = machine.model(index),
          .state = task.state,
          .attempts = task.attempts,
          .worker = task.worker,
          .wasted = task.wasted,
          .hedged = task.hedged,
          .failed_attempts = task.failed_attempts};
}

void StageToProto(const JobMachine& machine, uint32_t index, v1::LayerResult* proto) {
  const Stage& stage = machine.plan().stages[index];
  proto->set_layer(stage.layer);
  proto->set_round(stage.round);
  proto->set_kind(StageKindToProto(stage.kind));
  if (machine.was_started(index)) {
    for (const std::string& note : machine.notes(index)) proto->add_notes(RepairUtf8(note));
  }
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    const JobMachine::Task& task = machine.task(i);
    ResultToProto(machine.plan(), task.finished ? task.result : Unfinished(machine, i),
                  proto->add_tasks());
  }
}

// Whether the stage is shown: those that ran, and layers that were left out.
bool IsShown(const JobMachine& machine, uint32_t index) {
  const Stage& stage = machine.plan().stages[index];
  return machine.was_started(index) || (stage.kind == StageKind::kPropose && stage.attempt == 1);
}

// By task index, all results that are shown.
std::map<uint32_t, v1::TaskResult*> ResultsOf(v1::Job* proto) {
  std::map<uint32_t, v1::TaskResult*> results;
  for (v1::LayerResult& layer : *proto->mutable_layers()) {
    for (v1::TaskResult& task : *layer.mutable_tasks()) results[task.task().index()] = &task;
  }
  return results;
}

// What critics said, and what became of the answers they judged.
void AddVerdicts(const JobMachine& machine, const std::map<uint32_t, v1::TaskResult*>& results) {
  const Plan& plan = machine.plan();
  for (uint32_t s = 0; s < machine.stages_started(); ++s) {
    if (plan.stages[s].kind != StageKind::kCritique || !machine.was_started(s)) continue;
    for (uint32_t i = 0; i < plan.stages[s].task_count; ++i) {
      const uint32_t critic = plan.stages[s].first_task + i;
      for (const auto& [answer, verdict] : VerdictsOf(plan, machine.tasks(), critic)) {
        v1::Verdict* out = results.at(critic)->add_verdicts();
        out->set_task_index(answer);
        out->set_accept(verdict.accept);
        out->set_score(verdict.score);
        out->set_feedback(verdict.feedback);
      }
    }
    for (const Judgement& one : JudgementsOf(plan, machine.tasks(), s)) {
      if (one.verdicts == 0) continue;
      results.at(one.task)->set_score(one.score);
      results.at(one.task)->set_accepted(one.accepted);
    }
  }
}

// Which answers were handed on, of every block that is over.
void AddHandedOn(const JobMachine& machine, const std::map<uint32_t, v1::TaskResult*>& results) {
  const Plan& plan = machine.plan();
  std::optional<uint32_t> last;  // stage of the block before that was started
  std::vector<uint32_t> proposed;
  for (uint32_t s = 0; s < machine.stages_started(); ++s) {
    if (!machine.was_started(s)) continue;
    if (last && plan.stages[*last].block != plan.stages[s].block) {
      const std::vector<uint32_t> answers = OutcomeOf(plan, machine.tasks(), *last).answers;
      for (const uint32_t task : proposed) {
        const bool handed = std::find(answers.begin(), answers.end(), task) != answers.end();
        results.at(task)->set_handed_on(handed);
      }
      proposed.clear();
    }
    last = s;
    if (plan.stages[s].kind != StageKind::kPropose) continue;
    for (const uint32_t task : AnswersIn(plan, machine.tasks(), s)) proposed.push_back(task);
  }
}

// Fills share_of_answer and novelty of every agent whose answer was accepted.
void AttributeAnswer(const JobMachine& machine,
                     const std::map<uint32_t, v1::TaskResult*>& results) {
  const std::vector<std::optional<Attribution>> found = Attribute(machine);
  for (const auto& [index, task] : results) {
    if (index >= found.size() || !found[index]) continue;
    task->set_share_of_answer(found[index]->share_of_answer);
    task->set_novelty(found[index]->novelty);
  }
}

}  // namespace

v1::StageKind StageKindToProto(StageKind kind) {
  switch (kind) {
    case StageKind::kPropose:
      return v1::STAGE_KIND_PROPOSE;
    case StageKind::kCritique:
      return v1::STAGE_KIND_CRITIQUE;
    case StageKind::kRoute:
      return v1::STAGE_KIND_ROUTE;
    case StageKind::kAggregate:
      return v1::STAGE_KIND_AGGREGATE;
  }
  return v1::STAGE_KIND_UNSPECIFIED;
}

uint64_t ToMicros(absl::Duration duration) {
  return static_cast<uint64_t>(std::max<int64_t>(0, absl::ToInt64Microseconds(duration)));
}

void TaskIdToProto(const Plan& plan, uint32_t index, v1::TaskId* proto) {
  const PlannedTask& task = plan.tasks[index];
  const Stage& stage = plan.stages[task.stage];
  proto->set_layer(stage.layer);
  proto->set_round(stage.round);
  proto->set_agent(task.agent->name);
  proto->set_sample(task.sample);
  proto->set_index(index);
  proto->set_kind(StageKindToProto(stage.kind));
  if (task.judges) proto->set_judges(*task.judges);
}

void ResultToProto(const Plan& plan, const TaskResult& result, v1::TaskResult* proto) {
  TaskIdToProto(plan, result.task, proto->mutable_task());
  proto->set_model(result.model);
  proto->set_state(TaskStateToProto(result.state));
  if (result.state == TaskState::kSucceeded) {
    CompletionToProto(result.completion, proto->mutable_completion());
  }
  if (result.state == TaskState::kFailed || result.error.code != ErrorCode::kUnspecified) {
    ErrorToProto(result.error, proto->mutable_error());
  }
  proto->set_attempts(result.attempts);
  proto->set_queue_us(ToMicros(result.queue));
  proto->set_run_us(ToMicros(result.run));
  proto->set_ttft_us(ToMicros(result.ttft));
  proto->set_worker(result.worker);
  if (result.wasted != Usage{}) UsageToProto(result.wasted, proto->mutable_wasted());
  proto->set_hedged(result.hedged);
  if (result.cost_usd) proto->set_cost_usd(*result.cost_usd);
  for (const FailedCall& attempt : result.failed_attempts) {
    v1::FailedAttempt* out = proto->add_failed_attempts();
    out->set_model(attempt.model);
    out->set_worker(attempt.worker);
    out->set_began_us(ToMicros(attempt.began));
    out->set_run_us(ToMicros(attempt.run));
    ErrorToProto(attempt.error, out->mutable_error());
  }
}

void JobUsageToProto(const JobUsage& usage, v1::JobUsage* proto) {
  UsageToProto(usage.tokens, proto->mutable_tokens());
  proto->set_upstream_calls(usage.upstream_calls);
  proto->set_cost_usd(usage.cost_usd);
}

void JobToProto(const JobMachine& machine, absl::Time now, v1::Job* proto) {
  const Plan& plan = machine.plan();
  proto->set_job_id(machine.id().value());
  SpecToProto(plan.spec, proto->mutable_spec());
  proto->set_state(JobStateToProto(machine.state()));
  proto->set_degraded(machine.degraded());
  for (const JobDegraded& degraded : machine.degradations()) {
    proto->add_degradations(RepairUtf8(degraded.reason));
  }
  *proto->mutable_create_time() = TimeToProto(machine.accepted_at());
  for (uint32_t s = 0; s < machine.stages_started(); ++s) {
    if (IsShown(machine, s)) StageToProto(machine, s, proto->add_layers());
  }
  const std::map<uint32_t, v1::TaskResult*> results = ResultsOf(proto);
  AddVerdicts(machine, results);
  AddHandedOn(machine, results);
  JobUsageToProto(machine.usage(), proto->mutable_usage());
  proto->set_critical_path_us(ToMicros(machine.critical_path()));
  proto->set_last_sequence(machine.last_sequence());
  if (!machine.ended()) {
    proto->set_latency_us(ToMicros(now - machine.accepted_at()));
    return;
  }
  *proto->mutable_end_time() = TimeToProto(machine.ended_at());
  proto->set_latency_us(ToMicros(machine.end()->latency));
  if (machine.state() == JobState::kSucceeded) {
    CompletionToProto(machine.answer(), proto->mutable_answer());
    AttributeAnswer(machine, results);
  } else {
    ErrorToProto(machine.end()->error, proto->mutable_error());
  }
}

}  // namespace moa
