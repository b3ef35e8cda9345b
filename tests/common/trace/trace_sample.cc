#include "tests/common/trace/trace_sample.h"

namespace moa {
namespace {

constexpr int64_t kAcceptedMs = 1'790'000'000'000;

}  // namespace

EventLog::EventLog() { Add(0).mutable_accepted()->set_seed(1); }

v1::JobEvent& EventLog::Add(int64_t at) {
  v1::JobEvent& event = events_.emplace_back();
  event.set_sequence(events_.size());
  event.mutable_time()->set_seconds((kAcceptedMs + at) / 1000);
  event.mutable_time()->set_nanos(static_cast<int32_t>((kAcceptedMs + at) % 1000 * 1'000'000));
  return event;
}

v1::LayerStarted& EventLog::Start(int64_t at, uint32_t layer, v1::StageKind kind,
                                  const std::vector<std::string>& agents) {
  v1::LayerStarted& started = *Add(at).mutable_layer_started();
  started.set_layer(layer);
  started.set_round(1);
  started.set_kind(kind);
  for (const std::string& agent : agents) {
    v1::TaskId& id = *started.add_tasks();
    id.set_layer(layer);
    id.set_round(1);
    id.set_kind(kind);
    id.set_agent(agent);
    id.set_index(static_cast<uint32_t>(tasks_.size()));
    tasks_.push_back(id);
  }
  return started;
}

v1::TaskResult& EventLog::Finish(int64_t at, uint32_t index, v1::TaskState state, CallTimes times) {
  v1::TaskResult& result = *Add(at).mutable_task_finished();
  *result.mutable_task() = tasks_.at(index);
  result.set_model("gpt-oss-120b");
  result.set_worker("w1");
  result.set_state(state);
  result.set_attempts(times.run > 0 ? 1 : 0);
  result.set_queue_us(times.queue * 1000);
  result.set_run_us(times.run * 1000);
  result.set_ttft_us(times.ttft * 1000);
  return result;
}

void EventLog::End(int64_t at, v1::JobState state) {
  v1::JobEnded& ended = *Add(at).mutable_ended();
  ended.set_state(state);
  ended.set_latency_us(static_cast<uint64_t>(at) * 1000);
}

namespace {

void AddFailed(uint64_t began_ms, uint64_t run_ms, v1::ErrorCode code, v1::TaskResult& task) {
  v1::FailedAttempt* attempt = task.add_failed_attempts();
  attempt->set_model("gpt-oss-120b");
  attempt->set_worker("w1");
  attempt->set_began_us(began_ms * 1000);
  attempt->set_run_us(run_ms * 1000);
  attempt->mutable_error()->set_code(code);
  attempt->mutable_error()->set_message("the provider answered 500");
}

}  // namespace

EventLog TracedEvents() {
  EventLog log;
  log.Start(10, 1, v1::STAGE_KIND_PROPOSE, {"planner", "local", "spare"});
  log.Finish(10, 2, v1::TASK_STATE_SKIPPED, {});
  v1::Usage* usage = log.Finish(560, 0, v1::TASK_STATE_SUCCEEDED, {40, 500, 100})
                         .mutable_completion()
                         ->mutable_usage();
  usage->set_prompt_tokens(90);
  usage->set_completion_tokens(60);
  v1::TaskResult& failed = log.Finish(602, 1, v1::TASK_STATE_FAILED, {300, 290, 0});
  failed.set_attempts(3);
  AddFailed(0, 100, v1::ERROR_CODE_QUOTA_EXCEEDED, failed);
  AddFailed(150, 100, v1::ERROR_CODE_SERVER_ERROR, failed);
  AddFailed(failed.queue_us() / 1000, failed.run_us() / 1000, v1::ERROR_CODE_SERVER_ERROR, failed);
  failed.mutable_error()->set_code(v1::ERROR_CODE_SERVER_ERROR);
  failed.mutable_error()->set_message("the provider answered 500");
  log.Start(604, 2, v1::STAGE_KIND_AGGREGATE, {"aggregator"});
  v1::TaskResult& hedged = log.Finish(990, 3, v1::TASK_STATE_SUCCEEDED, {26, 350, 50});
  hedged.set_attempts(2);
  hedged.set_hedged(true);
  hedged.set_worker("w2");
  log.End(1000, v1::JOB_STATE_SUCCEEDED);
  return log;
}

v1::Job TracedJob() {
  v1::Job job;
  job.set_job_id("J1");
  job.mutable_spec()->set_name("trip");
  job.set_state(v1::JOB_STATE_SUCCEEDED);
  job.set_degraded(true);
  job.set_latency_us(1'000'000);
  job.set_last_sequence(TracedEvents().events().size());
  return job;
}

}  // namespace moa
