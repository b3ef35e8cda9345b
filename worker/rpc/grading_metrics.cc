#include "worker/rpc/grading_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <string>

#include "absl/strings/ascii.h"
#include "absl/time/time.h"

namespace moa::worker {
namespace {

// From a fresh interpreter's start to the sandbox's time.
prometheus::Histogram::BucketBoundaries Seconds() {
  return {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
}

}  // namespace

GradingMetrics::GradingMetrics(prometheus::Registry& registry)
    : gradings_(
          prometheus::BuildCounter()
              .Name("moa_worker_gradings_total")
              .Help("Runs of graders on this worker that have ended: the outcome is success or "
                    "the error's code in lower case.")
              .Register(registry)),
      seconds_(&prometheus::BuildHistogram()
                    .Name("moa_worker_grading_duration_seconds")
                    .Help("Seconds that graders ran on this worker.")
                    .Register(registry)
                    .Add({}, Seconds())) {
  auto& slots = prometheus::BuildGauge()
                    .Name("moa_worker_grading_slots")
                    .Help("Slots of this worker for graders, by use.")
                    .Register(registry);
  used_ = &slots.Add({{"state", "used"}});
  free_ = &slots.Add({{"state", "free"}});
  gradings_.Add({{"outcome", "success"}});
}

void GradingMetrics::Count(const upstream::CallResult& result) {
  const std::string outcome =
      result.ok() ? "success" : absl::AsciiStrToLower(ErrorCodeName(result.error().error.code));
  gradings_.Add({{"outcome", outcome}}).Increment();
  if (result.ok()) seconds_->Observe(absl::ToDoubleSeconds(result.run_time));
}

void GradingMetrics::SetSlots(size_t used, size_t total) {
  used_->Set(static_cast<double>(used));
  free_->Set(static_cast<double>(total > used ? total - used : 0));
}

}  // namespace moa::worker
