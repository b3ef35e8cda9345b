#pragma once

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/loop/mutex.h"
#include "coordinator/runtime/observer.h"

namespace moa {

// What Prometheus sees of a coordinator. Every series whose labels are known beforehand exists from the
// start, so that a rate over it is 0 and not absent. Model labels are bounded: beyond `models_max` distinct
// ones further models count as "other".
//
// Owner: main. The observer's methods on the coordinator's loop (JobRefused: any thread); Collect on the
// metrics listener's thread.
class CoordinatorMetrics final : public RuntimeObserver, public prometheus::Collectable {
 public:
  struct Options {
    std::string version;
    size_t models_max = 64;
  };
  explicit CoordinatorMetrics(const Options& options);
  ~CoordinatorMetrics() override;

  void JobSubmitted() override;
  void JobRefused(absl::string_view reason) override;
  void JobEnded(JobState state, bool degraded, absl::Duration latency,
                absl::Duration critical_path) override;
  void StageEnded(bool aggregator, absl::Duration latency) override;
  void TaskEnded(TaskState state) override;
  void AttemptEnded(absl::string_view model, ErrorCode code, absl::Duration run,
                    absl::Duration ttft, const Usage& usage) override;
  void AttemptQueued(absl::Duration wait) override;
  void CallDuplicated() override;
  void StaleEvent() override;
  void JobRecovered() override;
  void PromptEstimated(absl::string_view model, uint64_t estimated, uint64_t counted) override;
  void Hedged(HedgeOutcome outcome) override;
  void HedgeWasted(uint64_t tokens) override;
  void FellBack(absl::string_view from_model) override;
  void Retried() override;
  void CallCancelled(absl::Duration took) override;
  void QuotasNow(QuotaLevels levels) override;
  void LevelsNow(const Levels& levels) override;

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  // One model's series, resolved once.
  struct ModelSeries;

  ModelSeries& Series(absl::string_view model);

  const Options options_;
  prometheus::Registry registry_;
  struct Families;
  const std::unique_ptr<Families> families_;
  absl::flat_hash_map<std::string, std::unique_ptr<ModelSeries>> models_;  // loop thread only

  // Written on the loop, read at a scrape.
  mutable Mutex levels_mutex_;
  Levels levels_ ABSL_GUARDED_BY(levels_mutex_);
  QuotaLevels quotas_ ABSL_GUARDED_BY(levels_mutex_);
};

}  // namespace moa
