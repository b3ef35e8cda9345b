#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <iterator>

#include "coordinator/engine/plan.h"
#include "coordinator/engine/types.h"

namespace moa {

// The names of CoordinatorMetrics, each with what docs/metrics.md says of it. Part of that class; borrows its registry.
struct CoordinatorFamilies {
  using Counter = prometheus::Counter;
  using Histogram = prometheus::Histogram;
  template <typename T>
  using Family = prometheus::Family<T>;
  using Buckets = Histogram::BucketBoundaries;

  // Fine below 10 ms, where the system's own time lies; coarse up to the longest deadlines.
  static const Buckets& Seconds() {
    static const Buckets buckets = {.0005, .001, .002, .005, .01,   .02,   .04,   .08,   .16, .32,
                                    .64,   1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 300};
    return buckets;
  }
  static const Buckets& Ratios() {
    static const Buckets buckets = {.5, .75, .9, .95, .98, 1, 1.02, 1.05, 1.1, 1.25, 1.5, 2};
    return buckets;
  }

  explicit CoordinatorFamilies(prometheus::Registry& r);

  Family<Counter>& Counts(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  }
  Counter& Count(const char* name, const char* help) { return Counts(name, help).Add({}); }
  Family<Histogram>& Times(const char* name, const char* help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
  }
  Histogram& Time(const char* name, const char* help) {
    return Times(name, help).Add({}, Seconds());
  }

  prometheus::Registry& registry;  // first: the others are made from it

  Counter& submitted = Count("moa_jobs_submitted_total", "Jobs that were accepted.");
  Family<Counter>& refused =
      Counts("moa_jobs_refused_total",
             "Submissions that were not accepted: the job was invalid, the queue full, the key "
             "used by another "
             "job, the coordinator draining, or the store could not take it.");
  Family<Counter>& finished =
      Counts("moa_jobs_finished_total", "Jobs that have ended, by their final state.");
  Counter& degraded = Count("moa_jobs_degraded_total",
                            "Jobs that have ended and had lost an agent's answer on the way.");
  Counter& recovered = Count("moa_jobs_recovered_total",
                             "Unfinished jobs that were taken up from the store, after a restart "
                             "or from another coordinator.");
  Family<Counter>& tasks =
      Counts("moa_tasks_finished_total", "Tasks that have ended, by their final state.");
  Family<Counter>& attempts = Counts(
      "moa_attempts_total",
      "Upstream calls that have ended: the outcome is ok or the error's code in lower case.");
  Family<Counter>& tokens = Counts("moa_tokens_total",
                                   "Tokens as the provider counted them; cached ones are part of "
                                   "the prompt, reasoning ones of the "
                                   "completion.");
  Family<Counter>& cost =
      Counts("moa_cost_usd_total", "Dollars that the tokens cost by the price table.");
  Family<Counter>& tenant_jobs = Counts("moa_tenant_jobs_finished_total",
                                        "A tenant's jobs that have ended, by their final state.");
  Family<Counter>& tenant_tokens =
      Counts("moa_tenant_tokens_total", "A tenant's tokens as the provider counted them.");
  Family<Counter>& tenant_cost = Counts("moa_tenant_cost_usd_total",
                                        "Dollars that a tenant's tokens cost by the price table.");
  Counter& deaf =
      Count("moa_workers_deaf_total",
            "Times that a worker's calls had not moved for --deaf-limit and were made elsewhere.");
  Counter& duplicated =
      Count("moa_upstream_calls_duplicated_total",
            "Calls that were made again because their result was lost or could not be adopted.");
  Counter& stale =
      Count("moa_stale_events_total",
            "Reports of workers about attempts that were not current any more; they are dropped.");
  Histogram& job_seconds =
      Time("moa_job_duration_seconds", "Seconds from a job's acceptance to its terminal record.");
  Histogram& added_seconds = Time("moa_job_added_latency_seconds",
                                  "Seconds of a succeeded job beyond its critical path, the "
                                  "longest call of each stage: what the system "
                                  "added.");
  Family<Histogram>& layer_seconds = Times(
      "moa_layer_duration_seconds",
      "Seconds from a stage's start to the next one's or the job's end, by the kind of stage.");
  Histogram& queue_seconds = Time("moa_task_queue_seconds",
                                  "Seconds from a task's being ready to its dispatch to a worker.");
  Family<Histogram>& run_seconds =
      Times("moa_attempt_duration_seconds",
            "Seconds that successful upstream calls took, as workers measured them.");
  Family<Histogram>& ttft_seconds =
      Times("moa_time_to_first_token_seconds",
            "Seconds until the first token of streamed upstream calls, as workers measured them.");
  Family<Histogram>& estimates = Times("moa_prompt_estimate_ratio",
                                       "Prompt tokens as estimated before sending, divided by "
                                       "those that the provider counted: above 1 "
                                       "quota is reserved that was not needed.");
  Family<Counter>& hedges = Counts("moa_hedges_total",
                                   "Second calls beside slow ones: sent, won (answered first) or "
                                   "lost (the slow one did, or both failed).");
  Counter& hedge_waste = Count("moa_hedge_wasted_tokens_total",
                               "Tokens of calls that a hedge made superfluous, as counted by the "
                               "provider or else estimated.");
  Family<Counter>& gradings = Counts(
      "moa_gradings_total",
      "Runs of graders that have ended: the outcome is success or the error's code in lower case.");
  Histogram& grading_seconds =
      Time("moa_grading_duration_seconds", "Seconds that graders ran, as workers measured them.");
  Family<Counter>& fallbacks =
      Counts("moa_fallbacks_total",
             "Tasks that went on to their agent's next model, by the model that they left.");
  Counter& retries = Count(
      "moa_retries_total",
      "Attempts that were made again after a failure; refusals and lost workers are not counted.");
  Histogram& cancel_seconds = Time("moa_cancel_duration_seconds",
                                   "Seconds from the decision to cancel a running call to the "
                                   "worker's word that its connection is closed.");

  // Of fixed label sets, made at the start.
  std::array<Histogram*, static_cast<size_t>(StageKind::kAggregate) + 1> stages{};
  std::array<Counter*, static_cast<size_t>(JobState::kCancelled) + 1> job_states{};
  std::array<Counter*, static_cast<size_t>(TaskState::kSkipped) + 1> task_states{};
};

}  // namespace moa
