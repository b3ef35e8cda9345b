#include "coordinator/metrics/coordinator_metrics.h"

#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/loop/loop.h"
#include "common/metrics/build_info.h"
#include "common/metrics/level_family.h"
#include "coordinator/metrics/coordinator_families.h"
#include "coordinator/metrics/quota_metrics.h"

namespace moa {
namespace {

using prometheus::Counter;
using prometheus::Histogram;

// As StageKind has them.
constexpr const char* kStageNames[] = {"propose", "critique", "route", "aggregate"};

// As HedgeOutcome has them.
constexpr const char* kHedgeOutcomes[] = {"sent", "won", "lost"};

std::string Lower(absl::string_view name) { return absl::AsciiStrToLower(name); }

std::string OutcomeName(ErrorCode code) {
  return code == ErrorCode::kUnspecified ? "ok" : Lower(ErrorCodeName(code));
}

// By model, those without any included; the first `models_max` of them.
std::vector<std::pair<prometheus::Labels, double>> TasksWaiting(
    const RuntimeObserver::QuotaLevels& quotas, size_t models_max) {
  std::map<std::string, uint64_t> tasks_waiting;
  for (const QuotaView& quota : quotas.quotas) tasks_waiting[quota.of.model] = 0;
  for (const auto& [model, tasks] : quotas.waiting) tasks_waiting[model] = tasks;
  std::vector<std::pair<prometheus::Labels, double>> waiting;
  for (const auto& [model, tasks] : tasks_waiting) {
    if (waiting.size() == models_max) break;
    waiting.push_back({{{"model", model}}, static_cast<double>(tasks)});
  }
  return waiting;
}

constexpr size_t kOutcomes = static_cast<size_t>(ErrorCode::kNotNeeded) + 1;

}  // namespace

struct CoordinatorMetrics::ModelSeries {
  std::string model;
  Counter* prompt = nullptr;
  Counter* cached = nullptr;
  Counter* completion = nullptr;
  Counter* reasoning = nullptr;
  Histogram* run = nullptr;
  Histogram* ttft = nullptr;
  Histogram* estimate = nullptr;
  Counter* fallbacks = nullptr;
  Counter* cost = nullptr;
  std::array<Counter*, kOutcomes> outcomes{};  // by ErrorCode
};

struct CoordinatorMetrics::TenantSeries {
  std::array<Counter*, static_cast<size_t>(JobState::kCancelled) + 1> jobs{};
  Counter* prompt = nullptr;
  Counter* completion = nullptr;
  Counter* cost = nullptr;
};

CoordinatorFamilies::CoordinatorFamilies(prometheus::Registry& r) : registry(r) {
  for (const char* reason : {"invalid", "queue_full", "conflict", "draining", "store"}) {
    refused.Add({{"reason", reason}});
  }
  for (const JobState state : {JobState::kSucceeded, JobState::kFailed, JobState::kCancelled}) {
    job_states[static_cast<size_t>(state)] = &finished.Add({{"state", Lower(JobStateName(state))}});
  }
  for (const TaskState state :
       {TaskState::kSucceeded, TaskState::kFailed, TaskState::kCancelled, TaskState::kSkipped}) {
    task_states[static_cast<size_t>(state)] = &tasks.Add({{"state", Lower(TaskStateName(state))}});
  }
  for (const char* outcome : kHedgeOutcomes) hedges.Add({{"outcome", outcome}});
  gradings.Add({{"outcome", OutcomeName(ErrorCode::kUnspecified)}});
  for (size_t kind = 0; kind < stages.size(); ++kind) {
    stages[kind] = &layer_seconds.Add({{"kind", kStageNames[kind]}}, Seconds());
  }
}

CoordinatorMetrics::CoordinatorMetrics(const Options& options)
    : options_(options), families_(std::make_unique<CoordinatorFamilies>(registry_)) {
  AddBuildInfo(registry_, "moa-coordinator", options_.version);
}

CoordinatorMetrics::~CoordinatorMetrics() = default;

CoordinatorMetrics::ModelSeries& CoordinatorMetrics::Series(absl::string_view model) {
  auto it = models_.find(model);
  if (it != models_.end()) return *it->second;
  if (models_.size() >= options_.models_max) {
    model = "other";
    it = models_.find(model);
    if (it != models_.end()) return *it->second;
  }
  CoordinatorFamilies& f = *families_;
  auto series = std::make_unique<ModelSeries>();
  series->model = std::string(model);
  const auto tokens = [&](const char* kind) {
    return &f.tokens.Add({{"model", series->model}, {"kind", kind}});
  };
  series->prompt = tokens("prompt");
  series->cached = tokens("cached");
  series->completion = tokens("completion");
  series->reasoning = tokens("reasoning");
  for (size_t code = 0; code < kOutcomes; ++code) {
    series->outcomes[code] = &f.attempts.Add(
        {{"model", series->model}, {"outcome", OutcomeName(static_cast<ErrorCode>(code))}});
  }
  series->run = &f.run_seconds.Add({{"model", series->model}}, CoordinatorFamilies::Seconds());
  series->ttft = &f.ttft_seconds.Add({{"model", series->model}}, CoordinatorFamilies::Seconds());
  series->fallbacks = &f.fallbacks.Add({{"model", series->model}});
  series->cost = &f.cost.Add({{"model", series->model}});
  series->estimate = &f.estimates.Add({{"model", series->model}}, CoordinatorFamilies::Ratios());
  return *models_.emplace(std::string(model), std::move(series)).first->second;
}

CoordinatorMetrics::TenantSeries& CoordinatorMetrics::SeriesOfTenant(absl::string_view tenant) {
  auto it = tenants_.find(tenant);
  if (it != tenants_.end()) return *it->second;
  if (tenants_.size() >= options_.tenants_max) {
    tenant = "other";
    it = tenants_.find(tenant);
    if (it != tenants_.end()) return *it->second;
  }
  CoordinatorFamilies& f = *families_;
  const std::string name(tenant);
  auto series = std::make_unique<TenantSeries>();
  for (const JobState state : {JobState::kSucceeded, JobState::kFailed, JobState::kCancelled}) {
    series->jobs[static_cast<size_t>(state)] =
        &f.tenant_jobs.Add({{"tenant", name}, {"state", Lower(JobStateName(state))}});
  }
  series->prompt = &f.tenant_tokens.Add({{"tenant", name}, {"kind", "prompt"}});
  series->completion = &f.tenant_tokens.Add({{"tenant", name}, {"kind", "completion"}});
  series->cost = &f.tenant_cost.Add({{"tenant", name}});
  return *tenants_.emplace(name, std::move(series)).first->second;
}

void CoordinatorMetrics::JobSubmitted() { families_->submitted.Increment(); }

void CoordinatorMetrics::JobRefused(absl::string_view reason) {
  families_->refused.Add({{"reason", std::string(reason)}}).Increment();
}

void CoordinatorMetrics::JobEnded(const EndedJob& job) {
  families_->job_states[static_cast<size_t>(job.state)]->Increment();
  SeriesOfTenant(job.tenant).jobs[static_cast<size_t>(job.state)]->Increment();
  if (job.degraded) families_->degraded.Increment();
  families_->job_seconds.Observe(absl::ToDoubleSeconds(job.latency));
  if (job.state == JobState::kSucceeded) {
    families_->added_seconds.Observe(absl::ToDoubleSeconds(job.latency - job.critical_path));
  }
}

void CoordinatorMetrics::StageEnded(StageKind kind, absl::Duration latency) {
  families_->stages[static_cast<size_t>(kind)]->Observe(absl::ToDoubleSeconds(latency));
}

void CoordinatorMetrics::TaskEnded(TaskState state) {
  if (Counter* counter = families_->task_states[static_cast<size_t>(state)]) counter->Increment();
}

void CoordinatorMetrics::AttemptEnded(const EndedCall& call) {
  ModelSeries& series = Series(call.model);
  series.outcomes[static_cast<size_t>(call.code)]->Increment();
  series.prompt->Increment(static_cast<double>(call.usage.prompt_tokens));
  series.cached->Increment(static_cast<double>(call.usage.cached_tokens));
  series.completion->Increment(static_cast<double>(call.usage.completion_tokens));
  series.reasoning->Increment(static_cast<double>(call.usage.reasoning_tokens));
  series.cost->Increment(call.cost_usd);
  TenantSeries& tenant = SeriesOfTenant(call.tenant);
  tenant.prompt->Increment(static_cast<double>(call.usage.prompt_tokens));
  tenant.completion->Increment(static_cast<double>(call.usage.completion_tokens));
  tenant.cost->Increment(call.cost_usd);
  if (call.code == ErrorCode::kUnspecified) series.run->Observe(absl::ToDoubleSeconds(call.run));
  if (call.ttft > absl::ZeroDuration()) series.ttft->Observe(absl::ToDoubleSeconds(call.ttft));
}

void CoordinatorMetrics::GradingEnded(ErrorCode code, absl::Duration run) {
  families_->gradings.Add({{"outcome", OutcomeName(code)}}).Increment();
  if (code == ErrorCode::kUnspecified) {
    families_->grading_seconds.Observe(absl::ToDoubleSeconds(run));
  }
}

void CoordinatorMetrics::AttemptQueued(absl::Duration wait) {
  families_->queue_seconds.Observe(absl::ToDoubleSeconds(wait));
}

void CoordinatorMetrics::CallDuplicated() { families_->duplicated.Increment(); }
void CoordinatorMetrics::StaleEvent() { families_->stale.Increment(); }
void CoordinatorMetrics::JobRecovered() { families_->recovered.Increment(); }

void CoordinatorMetrics::PromptEstimated(absl::string_view model, uint64_t estimated,
                                         uint64_t counted) {
  if (counted == 0) return;
  Series(model).estimate->Observe(static_cast<double>(estimated) / static_cast<double>(counted));
}

void CoordinatorMetrics::Hedged(HedgeOutcome outcome) {
  families_->hedges.Add({{"outcome", kHedgeOutcomes[static_cast<size_t>(outcome)]}}).Increment();
}

void CoordinatorMetrics::HedgeWasted(uint64_t tokens) {
  families_->hedge_waste.Increment(static_cast<double>(tokens));
}

void CoordinatorMetrics::FellBack(absl::string_view from_model) {
  Series(from_model).fallbacks->Increment();
}

void CoordinatorMetrics::Retried() { families_->retries.Increment(); }

void CoordinatorMetrics::WorkerDeaf() { families_->deaf.Increment(); }

void CoordinatorMetrics::CallCancelled(absl::Duration took) {
  families_->cancel_seconds.Observe(absl::ToDoubleSeconds(took));
}

void CoordinatorMetrics::QuotasNow(QuotaLevels levels) {
  // So that a model's series exist, at zero, before its first call ends.
  for (const auto& [model, tasks] : levels.waiting) Series(model);
  for (const QuotaView& quota : levels.quotas) Series(quota.of.model);
  MutexLock lock(levels_mutex_);
  quotas_ = std::move(levels);
}

void CoordinatorMetrics::LevelsNow(const Levels& levels) {
  MutexLock lock(levels_mutex_);
  levels_ = levels;
}

std::vector<prometheus::MetricFamily> CoordinatorMetrics::Collect() const {
  Levels levels;
  QuotaLevels quotas;
  {
    MutexLock lock(levels_mutex_);
    levels = levels_;
    quotas = quotas_;
  }
  const auto number = [](uint64_t value) { return static_cast<double>(value); };
  const double age =
      levels.tasks_queued == 0 ? 0 : absl::ToDoubleSeconds(Loop::Now() - levels.oldest_queued);
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  const auto add = [&families](const char* name, const char* help,
                               std::vector<std::pair<prometheus::Labels, double>> values) {
    families.push_back(LevelFamily(name, help, std::move(values)));
  };
  add("moa_jobs",
      "Jobs without a terminal record: queued until their first task is dispatched, then running.",
      {{{{"state", "queued"}}, number(levels.jobs_queued)},
       {{{"state", "running"}}, number(levels.jobs_running)}});
  add("moa_queue_tasks", "Tasks that are ready and wait for a slot or for quota.",
      {{{}, number(levels.tasks_queued)}});
  add("moa_queue_oldest_age_seconds",
      "Seconds that the oldest ready task has waited; 0 when none waits.", {{{}, age}});
  add("moa_attempts_running", "Upstream calls under way on workers.",
      {{{}, number(levels.attempts_running)}});
  add("moa_workers", "Workers that are connected to this coordinator.",
      {{{}, number(levels.workers)}});
  add("moa_slots",
      "Slots that connected workers grant to this coordinator, by use; a worker's own count is "
      "moa_worker_slots.",
      {{{{"state", "used"}}, number(levels.attempts_running)},
       {{{"state", "free"}},
        number(levels.slots - std::min(levels.slots, levels.attempts_running))}});
  add("moa_grading_slots",
      "Slots for graders that connected workers grant to this coordinator, by use.",
      {{{{"state", "used"}}, number(levels.gradings_running)},
       {{{"state", "free"}},
        number(levels.grading_slots - std::min(levels.grading_slots, levels.gradings_running))}});
  add("moa_watchers", "Clients that watch a job at this coordinator.",
      {{{}, number(levels.watchers)}});
  add("moa_quota_waiting_tasks", "A model's tasks that are ready and wait for quota or a slot.",
      TasksWaiting(quotas, options_.models_max));
  add("moa_retry_budget", "Repeats after failures that may be made at once.",
      {{{}, quotas.retries_saved}});
  for (prometheus::MetricFamily& family : QuotaFamilies(quotas.quotas, Loop::Now())) {
    families.push_back(std::move(family));
  }
  return families;
}

}  // namespace moa
