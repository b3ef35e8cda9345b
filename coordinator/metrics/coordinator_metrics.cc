#include "coordinator/metrics/coordinator_metrics.h"

#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/loop/loop.h"
#include "coordinator/metrics/quota_metrics.h"

namespace moa {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using Buckets = Histogram::BucketBoundaries;

// Fine below 10 ms, where the system's own time lies; coarse up to the longest deadlines.
const Buckets& SecondsBuckets() {
  static const Buckets buckets = {.0005, .001, .002, .005, .01,   .02,   .04,   .08,   .16, .32,
                                  .64,   1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 300};
  return buckets;
}

const Buckets& RatioBuckets() {
  static const Buckets buckets = {.5, .75, .9, .95, .98, 1, 1.02, 1.05, 1.1, 1.25, 1.5, 2};
  return buckets;
}

// As StageKind has them.
constexpr const char* kStageNames[] = {"propose", "critique", "route", "aggregate"};

std::string Lower(absl::string_view name) { return absl::AsciiStrToLower(name); }

template <typename Build>
auto& Make(Build build, prometheus::Registry& registry, const char* name, const char* help) {
  return build().Name(name).Help(help).Register(registry);
}

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
  std::array<Counter*, static_cast<size_t>(ErrorCode::kNotNeeded) + 1> outcomes{};  // made on use
};

struct CoordinatorMetrics::TenantSeries {
  std::array<Counter*, static_cast<size_t>(JobState::kCancelled) + 1> jobs{};
  Counter* prompt = nullptr;
  Counter* completion = nullptr;
  Counter* cost = nullptr;
};

struct CoordinatorMetrics::Families {
  explicit Families(prometheus::Registry& r)
      : submitted(Make(BuildCounter, r, "moa_jobs_submitted_total", "Jobs accepted").Add({})),
        refused(Make(BuildCounter, r, "moa_jobs_refused_total",
                     "Submissions that were not accepted, by reason")),
        finished(Make(BuildCounter, r, "moa_jobs_finished_total", "Jobs ended, by final state")),
        degraded(Make(BuildCounter, r, "moa_jobs_degraded_total",
                      "Jobs ended that had lost an agent's answer on the way")
                     .Add({})),
        recovered(Make(BuildCounter, r, "moa_jobs_recovered_total",
                       "Unfinished jobs taken up from the store")
                      .Add({})),
        tasks(Make(BuildCounter, r, "moa_tasks_finished_total", "Tasks ended, by state")),
        attempts(Make(BuildCounter, r, "moa_attempts_total",
                      "Upstream calls ended, by model and outcome")),
        tokens(Make(BuildCounter, r, "moa_tokens_total",
                    "Tokens as the provider counted them, by model and kind; cached ones are part "
                    "of the prompt, "
                    "reasoning ones of the completion")),
        cost(Make(BuildCounter, r, "moa_cost_usd_total",
                  "What the tokens cost by the price table, by model")),
        tenant_jobs(Make(BuildCounter, r, "moa_tenant_jobs_finished_total",
                         "Jobs ended, by tenant and final state")),
        tenant_tokens(Make(BuildCounter, r, "moa_tenant_tokens_total",
                           "Tokens as the provider counted them, by tenant and kind")),
        tenant_cost(Make(BuildCounter, r, "moa_tenant_cost_usd_total",
                         "What the tokens cost by the price table, by tenant")),
        deaf(Make(BuildCounter, r, "moa_workers_deaf_total",
                  "Workers whose calls had not moved for too long")
                 .Add({})),
        duplicated(Make(BuildCounter, r, "moa_upstream_calls_duplicated_total",
                        "Calls made again because their result was lost or could not be adopted")
                       .Add({})),
        stale(Make(BuildCounter, r, "moa_stale_events_total",
                   "Reports about attempts that are not current any more")
                  .Add({})),
        job_seconds(Make(BuildHistogram, r, "moa_job_duration_seconds",
                         "From acceptance to the terminal record")
                        .Add({}, SecondsBuckets())),
        added_seconds(Make(BuildHistogram, r, "moa_job_added_latency_seconds",
                           "Job duration less its critical path: what the system added")
                          .Add({}, SecondsBuckets())),
        layer_seconds(Make(BuildHistogram, r, "moa_layer_duration_seconds",
                           "From a stage's start to the next one's or the job's end, by kind")),
        queue_seconds(Make(BuildHistogram, r, "moa_task_queue_seconds",
                           "From a task's being ready to its dispatch")
                          .Add({}, SecondsBuckets())),
        run_seconds(Make(BuildHistogram, r, "moa_attempt_duration_seconds",
                         "Successful upstream calls as the workers measured them")),
        ttft_seconds(Make(BuildHistogram, r, "moa_time_to_first_token_seconds",
                          "Until the first token of streamed upstream calls")),
        estimates(Make(BuildHistogram, r, "moa_prompt_estimate_ratio",
                       "Prompt tokens as estimated before sending, of those that the provider "
                       "counted")),
        hedges(Make(BuildCounter, r, "moa_hedges_total",
                    "Second calls beside slow ones: sent, won (answered first), lost (the slow one "
                    "did, or both failed)")),
        hedge_waste(Make(BuildCounter, r, "moa_hedge_wasted_tokens_total",
                         "Tokens of calls that a hedge made superfluous, as counted or estimated")
                        .Add({})),
        fallbacks(Make(BuildCounter, r, "moa_fallbacks_total",
                       "Tasks that went on to their agent's next model, by the model they left")),
        retries(Make(BuildCounter, r, "moa_retries_total",
                     "Attempts made again after a failure, refusals and lost workers not counted")
                    .Add({})),
        cancel_seconds(Make(BuildHistogram, r, "moa_cancel_duration_seconds",
                            "From the decision to cancel a running call to the worker's word that "
                            "its connection is closed")
                           .Add({}, SecondsBuckets())) {
    for (const char* reason : {"invalid", "queue_full", "conflict", "draining", "store"}) {
      refused.Add({{"reason", reason}});
    }
    for (const JobState state : {JobState::kSucceeded, JobState::kFailed, JobState::kCancelled}) {
      job_states[static_cast<size_t>(state)] =
          &finished.Add({{"state", Lower(JobStateName(state))}});
    }
    for (const TaskState state :
         {TaskState::kSucceeded, TaskState::kFailed, TaskState::kCancelled, TaskState::kSkipped}) {
      task_states[static_cast<size_t>(state)] =
          &tasks.Add({{"state", Lower(TaskStateName(state))}});
    }
    for (const char* outcome : {"sent", "won", "lost"}) hedges.Add({{"outcome", outcome}});
    for (size_t kind = 0; kind < stages.size(); ++kind) {
      stages[kind] = &layer_seconds.Add({{"kind", kStageNames[kind]}}, SecondsBuckets());
    }
  }

  Counter& submitted;
  Family<Counter>& refused;
  Family<Counter>& finished;
  Counter& degraded;
  Counter& recovered;
  Family<Counter>& tasks;
  Family<Counter>& attempts;
  Family<Counter>& tokens;
  Family<Counter>& cost;
  Family<Counter>& tenant_jobs;
  Family<Counter>& tenant_tokens;
  Family<Counter>& tenant_cost;
  Counter& deaf;
  Counter& duplicated;
  Counter& stale;
  Histogram& job_seconds;
  Histogram& added_seconds;
  Family<Histogram>& layer_seconds;
  Histogram& queue_seconds;
  Family<Histogram>& run_seconds;
  Family<Histogram>& ttft_seconds;
  Family<Histogram>& estimates;
  Family<Counter>& hedges;
  Counter& hedge_waste;
  Family<Counter>& fallbacks;
  Counter& retries;
  Histogram& cancel_seconds;
  std::array<Histogram*, std::size(kStageNames)> stages{};
  std::array<Counter*, static_cast<size_t>(JobState::kCancelled) + 1> job_states{};
  std::array<Counter*, static_cast<size_t>(TaskState::kSkipped) + 1> task_states{};
};

CoordinatorMetrics::CoordinatorMetrics(const Options& options)
    : options_(options), families_(std::make_unique<Families>(registry_)) {
  Make(BuildGauge, registry_, "moa_build_info", "Always 1; the labels say what runs")
      .Add({{"version", options_.version}, {"program", "coordinator"}})
      .Set(1);
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
  Families& f = *families_;
  auto series = std::make_unique<ModelSeries>();
  series->model = std::string(model);
  const auto tokens = [&](const char* kind) {
    return &f.tokens.Add({{"model", series->model}, {"kind", kind}});
  };
  series->prompt = tokens("prompt");
  series->cached = tokens("cached");
  series->completion = tokens("completion");
  series->reasoning = tokens("reasoning");
  series->run = &f.run_seconds.Add({{"model", series->model}}, SecondsBuckets());
  series->ttft = &f.ttft_seconds.Add({{"model", series->model}}, SecondsBuckets());
  series->fallbacks = &f.fallbacks.Add({{"model", series->model}});
  series->cost = &f.cost.Add({{"model", series->model}});
  series->estimate = &f.estimates.Add({{"model", series->model}}, RatioBuckets());
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
  Families& f = *families_;
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
  Counter*& outcome = series.outcomes[static_cast<size_t>(call.code)];
  if (outcome == nullptr) {
    outcome = &families_->attempts.Add(
        {{"model", series.model},
         {"outcome",
          call.code == ErrorCode::kUnspecified ? "ok" : Lower(ErrorCodeName(call.code))}});
  }
  outcome->Increment();
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
  const char* names[] = {"sent", "won", "lost"};
  families_->hedges.Add({{"outcome", names[static_cast<size_t>(outcome)]}}).Increment();
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
  families.push_back(LevelFamily("moa_jobs", "Jobs without a terminal record",
                                 {{{{"state", "queued"}}, number(levels.jobs_queued)},
                                  {{{"state", "running"}}, number(levels.jobs_running)}}));
  families.push_back(LevelFamily("moa_queue_tasks", "Ready tasks that wait for a slot",
                                 {{{}, number(levels.tasks_queued)}}));
  families.push_back(LevelFamily("moa_queue_oldest_age_seconds",
                                 "How long the oldest ready task has waited", {{{}, age}}));
  families.push_back(LevelFamily("moa_attempts_running", "Attempts on workers",
                                 {{{}, number(levels.attempts_running)}}));
  families.push_back(
      LevelFamily("moa_workers", "Connected workers", {{{}, number(levels.workers)}}));
  families.push_back(
      LevelFamily("moa_worker_slots", "Slots of the connected workers, by use",
                  {{{{"state", "used"}}, number(levels.attempts_running)},
                   {{{"state", "free"}},
                    number(levels.slots - std::min(levels.slots, levels.attempts_running))}}));
  families.push_back(
      LevelFamily("moa_watchers", "Calls of WatchJob", {{{}, number(levels.watchers)}}));
  std::map<std::string, uint64_t> tasks_waiting;
  for (const QuotaView& quota : quotas.quotas) tasks_waiting[quota.of.model] = 0;
  for (const auto& [model, tasks] : quotas.waiting) tasks_waiting[model] = tasks;
  std::vector<std::pair<prometheus::Labels, double>> waiting;
  for (const auto& [model, tasks] : tasks_waiting) {
    if (waiting.size() < options_.models_max)
      waiting.push_back({{{"model", model}}, number(tasks)});
  }
  families.push_back(LevelFamily("moa_quota_waiting_tasks",
                                 "Ready tasks that wait for quota or a slot, by model",
                                 std::move(waiting)));
  families.push_back(LevelFamily("moa_retry_budget", "Repeats that may be made at once",
                                 {{{}, quotas.retries_saved}}));
  for (prometheus::MetricFamily& family : QuotaFamilies(quotas.quotas, Loop::Now())) {
    families.push_back(std::move(family));
  }
  return families;
}

}  // namespace moa
