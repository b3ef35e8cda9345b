#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "coordinator/convert/convert.h"
#include "coordinator/engine/attribution.h"

namespace moa {
namespace {

uint64_t ToMicros(absl::Duration duration) {
  return static_cast<uint64_t>(std::max<int64_t>(0, absl::ToInt64Microseconds(duration)));
}
absl::Duration FromMicros(uint64_t us) { return absl::Microseconds(static_cast<int64_t>(us)); }

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
}

TaskResult ResultFromProto(v1::TaskResult* proto) {
  std::optional<double> cost;
  if (proto->has_cost_usd()) cost = proto->cost_usd();
  return {.task = proto->task().index(),
          .model = std::move(*proto->mutable_model()),
          .state = TaskStateFromProto(proto->state()),
          .completion = CompletionFromProto(proto->mutable_completion()),
          .error = ErrorFromProto(proto->error()),
          .attempts = proto->attempts(),
          .queue = FromMicros(proto->queue_us()),
          .run = FromMicros(proto->run_us()),
          .ttft = FromMicros(proto->ttft_us()),
          .worker = std::move(*proto->mutable_worker()),
          .wasted = UsageFromProto(proto->wasted()),
          .hedged = proto->hedged(),
          .cost_usd = cost};
}

void JobUsageToProto(const JobUsage& usage, v1::JobUsage* proto) {
  UsageToProto(usage.tokens, proto->mutable_tokens());
  proto->set_upstream_calls(usage.upstream_calls);
  proto->set_cost_usd(usage.cost_usd);
}

JobUsage JobUsageFromProto(const v1::JobUsage& proto) {
  return {.tokens = UsageFromProto(proto.tokens()),
          .upstream_calls = proto.upstream_calls(),
          .cost_usd = proto.cost_usd()};
}

// A stage's place in the plan from the layer and round by which it is stored.
absl::StatusOr<uint32_t> FindStage(const Plan& plan, uint32_t layer, uint32_t round) {
  for (uint32_t i = 0; i < plan.stages.size(); ++i) {
    if (plan.stages[i].layer == layer && plan.stages[i].round == round) return i;
  }
  return absl::DataLossError(
      absl::StrCat("the job has no layer ", layer, " round ", round, " that its history names"));
}

// A task that has not finished, as a result so far.
TaskResult Unfinished(const JobMachine& machine, uint32_t index) {
  const JobMachine::Task& task = machine.task(index);
  return {.task = index,
          .model = machine.model(index),
          .state = task.state,
          .attempts = task.attempts,
          .worker = task.worker,
          .wasted = task.wasted,
          .hedged = task.hedged};
}

void StageToProto(const JobMachine& machine, const Stage& stage, v1::LayerResult* proto) {
  proto->set_layer(stage.layer);
  proto->set_round(stage.round);
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    const JobMachine::Task& task = machine.task(i);
    ResultToProto(machine.plan(), task.finished ? task.result : Unfinished(machine, i),
                  proto->add_tasks());
  }
}

// Fills share_of_answer of every agent whose answer was accepted.
void AttributeAnswer(const JobMachine& machine, v1::Job* proto) {
  const std::vector<std::optional<double>> shares = SharesOfAnswer(machine);
  for (v1::LayerResult& layer : *proto->mutable_layers()) {
    for (v1::TaskResult& task : *layer.mutable_tasks()) {
      const std::optional<double>& share = shares[task.task().index()];
      if (share) task.set_share_of_answer(*share);
    }
  }
}

}  // namespace

void TaskIdToProto(const Plan& plan, uint32_t index, v1::TaskId* proto) {
  const PlannedTask& task = plan.tasks[index];
  const Stage& stage = plan.stages[task.stage];
  proto->set_layer(stage.layer);
  proto->set_round(stage.round);
  proto->set_agent(task.agent->name);
  proto->set_sample(task.sample);
  proto->set_index(index);
}

void RecordToProto(const Plan& plan, const Record& record, v1::JobEvent* proto) {
  proto->set_sequence(record.sequence);
  *proto->mutable_time() = TimeToProto(record.time);
  if (const auto* accepted = std::get_if<JobAccepted>(&record.what)) {
    proto->mutable_accepted()->set_seed(accepted->seed);
  } else if (const auto* started = std::get_if<LayerStarted>(&record.what)) {
    const Stage& stage = plan.stages[started->stage];
    v1::LayerStarted* out = proto->mutable_layer_started();
    out->set_layer(stage.layer);
    out->set_round(stage.round);
    for (uint32_t i = 0; i < stage.task_count; ++i) {
      TaskIdToProto(plan, stage.first_task + i, out->add_tasks());
    }
  } else if (const auto* finished = std::get_if<TaskFinished>(&record.what)) {
    ResultToProto(plan, finished->result, proto->mutable_task_finished());
  } else if (const auto* degraded = std::get_if<JobDegraded>(&record.what)) {
    v1::JobDegraded* out = proto->mutable_degraded();
    out->set_layer(plan.stages[degraded->stage].layer);
    out->set_round(plan.stages[degraded->stage].round);
    out->set_survivors(degraded->survivors);
    out->set_failed(degraded->failed);
    out->set_reason(RepairUtf8(degraded->reason));
  } else if (const auto* ended = std::get_if<JobEnded>(&record.what)) {
    v1::JobEnded* out = proto->mutable_ended();
    out->set_state(JobStateToProto(ended->state));
    if (ended->state != JobState::kSucceeded) ErrorToProto(ended->error, out->mutable_error());
    out->set_latency_us(ToMicros(ended->latency));
    out->set_critical_path_us(ToMicros(ended->critical_path));
    JobUsageToProto(ended->usage, out->mutable_usage());
  }
}

absl::StatusOr<Record> RecordFromProto(const Plan& plan, v1::JobEvent* proto) {
  Record record{.sequence = proto->sequence(), .time = TimeFromProto(proto->time())};
  switch (proto->kind_case()) {
    case v1::JobEvent::kAccepted:
      record.what = JobAccepted{.seed = proto->accepted().seed()};
      return record;
    case v1::JobEvent::kLayerStarted: {
      const auto stage =
          FindStage(plan, proto->layer_started().layer(), proto->layer_started().round());
      if (!stage.ok()) return stage.status();
      record.what = LayerStarted{.stage = *stage};
      return record;
    }
    case v1::JobEvent::kTaskFinished:
      if (proto->task_finished().task().index() >= plan.tasks.size()) {
        return absl::DataLossError("the job's history names a task that the job does not have");
      }
      record.what = TaskFinished{.result = ResultFromProto(proto->mutable_task_finished())};
      return record;
    case v1::JobEvent::kDegraded: {
      const auto stage = FindStage(plan, proto->degraded().layer(), proto->degraded().round());
      if (!stage.ok()) return stage.status();
      record.what = JobDegraded{.stage = *stage,
                                .survivors = proto->degraded().survivors(),
                                .failed = proto->degraded().failed(),
                                .reason = proto->degraded().reason()};
      return record;
    }
    case v1::JobEvent::kEnded:
      record.what = JobEnded{.state = JobStateFromProto(proto->ended().state()),
                             .error = ErrorFromProto(proto->ended().error()),
                             .latency = FromMicros(proto->ended().latency_us()),
                             .critical_path = FromMicros(proto->ended().critical_path_us()),
                             .usage = JobUsageFromProto(proto->ended().usage())};
      return record;
    case v1::JobEvent::KIND_NOT_SET:
      break;
  }
  return absl::DataLossError(absl::StrCat("event ", record.sequence,
                                          " of the job is of a kind this version does not know"));
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
    StageToProto(machine, plan.stages[s], proto->add_layers());
  }
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
    CompletionToProto(machine.task(plan.aggregator_task()).result.completion,
                      proto->mutable_answer());
    AttributeAnswer(machine, proto);
  } else {
    ErrorToProto(machine.end()->error, proto->mutable_error());
  }
}

}  // namespace moa
