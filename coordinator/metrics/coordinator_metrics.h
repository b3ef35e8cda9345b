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

struct CoordinatorFamilies;

// What Prometheus sees of a coordinator. Every series whose labels are known beforehand exists from the
// start, so that a rate over it is 0 and not absent. Labels are bounded: beyond `models_max` models and `tenants_max`
// tenants the further ones count together as "other".
//
// Owner: main. The observer's methods on the coordinator's loop (JobRefused: any thread); Collect on any
// thread.
class CoordinatorMetrics final : public RuntimeObserver, public prometheus::Collectable {
 public:
  struct Options {
    std::string version;
    size_t models_max = 64;
    size_t tenants_max = 64;
  };
  explicit CoordinatorMetrics(const Options& options);
  ~CoordinatorMetrics() override;

  void JobSubmitted() override;
  void JobRefused(absl::string_view reason) override;
  void JobEnded(const EndedJob& job) override;
  void StageEnded(StageKind kind, absl::Duration latency) override;
  void TaskEnded(TaskState state) override;
  void AttemptEnded(const EndedCall& call) override;
  void GradingEnded(ErrorCode code, absl::Duration run) override;
  void AttemptQueued(absl::Duration wait) override;
  void CallDuplicated() override;
  void StaleEvent() override;
  void JobRecovered() override;
  void PromptEstimated(absl::string_view model, uint64_t estimated, uint64_t counted) override;
  void Hedged(HedgeOutcome outcome) override;
  void HedgeWasted(uint64_t tokens) override;
  void FellBack(absl::string_view from_model) override;
  void Retried() override;
  void WorkerDeaf() override;
  void CallCancelled(absl::Duration took) override;
  void QuotasNow(QuotaLevels levels) override;
  void LevelsNow(const Levels& levels) override;

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  // One model's, and one tenant's, series, resolved once.
  struct ModelSeries;
  struct TenantSeries;

  ModelSeries& Series(absl::string_view model);
  TenantSeries& SeriesOfTenant(absl::string_view tenant);

  const Options options_;
  prometheus::Registry registry_;
  const std::unique_ptr<CoordinatorFamilies> families_;
  // Loop thread only.
  absl::flat_hash_map<std::string, std::unique_ptr<ModelSeries>> models_;
  absl::flat_hash_map<std::string, std::unique_ptr<TenantSeries>> tenants_;

  // Written on the loop, read at a scrape.
  mutable Mutex levels_mutex_;
  Levels levels_ ABSL_GUARDED_BY(levels_mutex_);
  QuotaLevels quotas_ ABSL_GUARDED_BY(levels_mutex_);
};

}  // namespace moa
