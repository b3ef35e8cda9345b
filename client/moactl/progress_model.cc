#include "client/moactl/progress_model.h"

#include <algorithm>

#include "client/moactl/names.h"

namespace moa {
namespace {

bool IsFinished(v1::TaskState state) {
  return state != v1::TASK_STATE_QUEUED && state != v1::TASK_STATE_RUNNING &&
         state != v1::TASK_STATE_UNSPECIFIED;
}

void Begin(TaskProgress& task, uint32_t attempt, absl::Time now) {
  task.state = v1::TASK_STATE_RUNNING;
  task.attempt = attempt;
  task.content_bytes = 0;
  task.reasoning_bytes = 0;
  task.started = now;
  task.first_token = absl::InfinitePast();
}

}  // namespace

uint64_t EstimatedTokens(uint64_t text_bytes) { return (text_bytes + 3) / 4; }

ProgressModel::ProgressModel(const v1::Job& job, absl::Time now)
    : job_id_(job.job_id()),
      name_(job.spec().name()),
      origin_(now - absl::Microseconds(static_cast<int64_t>(job.latency_us()))) {
  if (!job.spec().has_moa()) return;
  for (const v1::Layer& layer : job.spec().moa().layers()) AddLayer(layer);
  const v1::Agent& aggregator = job.spec().moa().aggregator();
  rounds_.push_back(1);
  models_.push_back(
      {{aggregator.name().empty() ? "aggregator" : aggregator.name(), aggregator.model()}});
  ++tasks_total_;
  if (is_open_) tasks_total_ = 0;
}

void ProgressModel::AddLayer(const v1::Layer& layer) {
  const v1::Critique& critique = layer.critique();
  rounds_.push_back(std::max(1u, layer.cycles()) * std::max(1u, critique.rounds()));
  std::map<std::string, std::string>& models = models_.emplace_back();
  uint32_t samples = 0;
  for (const v1::Agent& agent : layer.agents()) {
    models[agent.name()] = agent.model();
    samples += std::max(1u, agent.samples());
    is_open_ = is_open_ || agent.sees() == v1::Agent::DEALT;
  }
  for (const v1::Agent& critic : critique.critics()) models[critic.name()] = critic.model();
  if (layer.has_route()) models[layer.route().router().name()] = layer.route().router().model();
  is_open_ = is_open_ || layer.has_route() || layer.has_early_exit() || critique.may_end() ||
             critique.rounds() > 1;
  const auto critics = static_cast<uint32_t>(critique.critics_size());
  const bool each = critique.scope() == v1::Critique::EACH;
  tasks_total_ += (samples + critics * (each ? samples : 1)) * rounds_.back();
}

uint32_t ProgressModel::rounds_total(uint32_t layer) const {
  return layer >= 1 && layer <= rounds_.size() ? rounds_[layer - 1] : 0;
}

absl::Duration ProgressModel::Elapsed(absl::Time now) const {
  return std::min(latency_, std::max(absl::ZeroDuration(), now - origin_));
}

std::string ProgressModel::ModelOf(const v1::TaskId& id) const {
  if (id.layer() < 1 || id.layer() > models_.size()) return "";
  const auto it = models_[id.layer() - 1].find(id.agent());
  return it == models_[id.layer() - 1].end() ? "" : it->second;
}

LayerProgress& ProgressModel::Layer(uint32_t layer, uint32_t round, v1::StageKind kind) {
  for (LayerProgress& known : layers_) {
    if (known.layer == layer && known.round == round && known.kind == kind) return known;
  }
  layers_.push_back({layer, round, kind, {}});
  return layers_.back();
}

const TaskProgress* ProgressModel::Find(const v1::TaskId& id) const {
  for (const LayerProgress& layer : layers_) {
    for (const TaskProgress& task : layer.tasks) {
      if (task.id.index() == id.index()) return &task;
    }
  }
  return nullptr;
}

TaskProgress& ProgressModel::Task(const v1::TaskId& id) {
  LayerProgress& layer = Layer(id.layer(), id.round(), id.kind());
  for (TaskProgress& task : layer.tasks) {
    if (task.id.index() == id.index()) return task;
  }
  TaskProgress task;
  task.id = id;
  task.model = ModelOf(id);
  layer.tasks.push_back(std::move(task));
  return layer.tasks.back();
}

void ProgressModel::Apply(const v1::WatchUpdate& update, absl::Time now) {
  switch (update.kind_case()) {
    case v1::WatchUpdate::kEvent:
      ApplyEvent(update.event());
      break;
    case v1::WatchUpdate::kTaskStarted: {
      TaskProgress& task = Task(update.task_started().task());
      if (IsFinished(task.state) || update.task_started().attempt() < task.attempt) break;
      if (state_ == v1::JOB_STATE_QUEUED) state_ = v1::JOB_STATE_RUNNING;
      if (task.state == v1::TASK_STATE_RUNNING && task.attempt == update.task_started().attempt()) {
        break;  // said again after a reconnect
      }
      Begin(task, update.task_started().attempt(), now);
      task.worker = update.task_started().worker();
      break;
    }
    case v1::WatchUpdate::kTaskDelta:
      ApplyDelta(update.task_delta(), now);
      break;
    case v1::WatchUpdate::KIND_NOT_SET:
      break;
  }
}

void ProgressModel::ApplyDelta(const v1::TaskDelta& delta, absl::Time now) {
  TaskProgress& task = Task(delta.task());
  if (IsFinished(task.state) || delta.attempt() < task.attempt) return;
  if (delta.attempt() > task.attempt) Begin(task, delta.attempt(), now);
  task.state = v1::TASK_STATE_RUNNING;
  if (task.first_token == absl::InfinitePast()) task.first_token = now;
  // Offsets make a repeated delta harmless.
  task.content_bytes =
      std::max<uint64_t>(task.content_bytes, delta.content_offset() + delta.content().size());
  task.reasoning_bytes =
      std::max<uint64_t>(task.reasoning_bytes, delta.reasoning_offset() + delta.reasoning().size());
}

void ProgressModel::ApplyEvent(const v1::JobEvent& event) {
  switch (event.kind_case()) {
    case v1::JobEvent::kLayerStarted:
      Layer(event.layer_started().layer(), event.layer_started().round(),
            event.layer_started().kind());
      for (const v1::TaskId& id : event.layer_started().tasks()) Task(id);
      state_ = v1::JOB_STATE_RUNNING;
      break;
    case v1::JobEvent::kTaskFinished:
      ApplyResult(event.task_finished());
      break;
    case v1::JobEvent::kDegraded:
      degraded_ = true;
      break;
    case v1::JobEvent::kEnded:
      state_ = event.ended().state();
      error_ = event.ended().error();
      latency_ = absl::Microseconds(static_cast<int64_t>(event.ended().latency_us()));
      for (LayerProgress& layer : layers_) {
        for (TaskProgress& task : layer.tasks) {
          if (!IsFinished(task.state)) task.state = v1::TASK_STATE_CANCELLED;
        }
      }
      break;
    case v1::JobEvent::kAccepted:
    case v1::JobEvent::KIND_NOT_SET:
      break;
  }
}

void ProgressModel::ApplyResult(const v1::TaskResult& result) {
  TaskProgress& task = Task(result.task());
  if (!IsFinished(task.state)) ++tasks_finished_;
  task.state = result.state();
  if (!result.model().empty()) task.model = result.model();
  task.attempt = result.attempts();
  task.worker = result.worker();
  task.completion_tokens = result.completion().usage().completion_tokens();
  task.run_us = result.run_us();
  task.ttft_us = result.ttft_us();
  task.error = result.error().message();
}

}  // namespace moa
