#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "coordinator/engine/plan.h"
#include "coordinator/engine/types.h"
#include "coordinator/scheduler/quota_book.h"

namespace moa {

// What the runtime counts and measures. Two implementations: Prometheus's (coordinator/metrics) and one
// that ignores everything. Called on the coordinator's loop unless said otherwise; must be cheap.
class RuntimeObserver {
 public:
  struct Levels {
    uint64_t jobs_queued = 0;   // accepted, no task dispatched yet
    uint64_t jobs_running = 0;  // further on, no durable terminal record yet
    uint64_t tasks_queued = 0;  // ready, waiting for a slot
    uint64_t attempts_running = 0;
    absl::Time oldest_queued =
        absl::InfiniteFuture();  // when the oldest of the queued became ready
    uint64_t workers = 0;
    uint64_t slots = 0;
    // Of workers that grade; not counted above.
    uint64_t grading_workers = 0;
    uint64_t grading_slots = 0;
    uint64_t gradings_running = 0;
    uint64_t watchers = 0;
  };

  virtual ~RuntimeObserver() = default;
  virtual void JobSubmitted() {}
  // `reason`: "invalid", "queue_full", "conflict", "draining", "store". Any thread.
  virtual void JobRefused(absl::string_view reason) { (void)reason; }
  struct EndedJob {
    absl::string_view tenant;
    JobState state = JobState::kSucceeded;
    bool degraded = false;
    absl::Duration latency;
    absl::Duration critical_path;
  };
  virtual void JobEnded(const EndedJob& job) { (void)job; }
  virtual void StageEnded(StageKind kind, absl::Duration latency) { (void)kind, (void)latency; }
  virtual void TaskEnded(TaskState state) { (void)state; }
  struct EndedCall {
    absl::string_view tenant;
    absl::string_view model;
    ErrorCode code = ErrorCode::kUnspecified;  // for a success
    absl::Duration run{};
    absl::Duration ttft{};  // zero when the reply was not streamed
    Usage usage{};
    double cost_usd = 0;  // by the price table
  };
  virtual void AttemptEnded(const EndedCall& call) { (void)call; }
  // A grader's run; those of models are not counted here.
  virtual void GradingEnded(ErrorCode code, absl::Duration run) { (void)code, (void)run; }
  virtual void AttemptQueued(absl::Duration wait) { (void)wait; }
  // A call whose result was lost or could not be adopted is made again.
  virtual void CallDuplicated() {}
  virtual void StaleEvent() {}
  virtual void JobRecovered() {}
  // The tokens of a prompt as estimated, and as the provider counted them (never 0).
  virtual void PromptEstimated(absl::string_view model, uint64_t estimated, uint64_t counted) {
    (void)model, (void)estimated, (void)counted;
  }
  enum class HedgeOutcome { kSent, kWon, kLost };
  virtual void Hedged(HedgeOutcome outcome) { (void)outcome; }
  // Tokens of a call that lost against its twin.
  virtual void HedgeWasted(uint64_t tokens) { (void)tokens; }
  virtual void FellBack(absl::string_view from_model) { (void)from_model; }
  virtual void Retried() {}
  // None of a worker's calls has moved for too long: they are made elsewhere.
  virtual void WorkerDeaf() {}
  // A running call that was cancelled is closed, `took` after that was decided.
  virtual void CallCancelled(absl::Duration took) { (void)took; }
  struct QuotaLevels {
    std::vector<QuotaView> quotas{};
    std::vector<std::pair<std::string, uint64_t>> waiting{};  // tasks that are ready, by model
    double retries_saved = 0;  // repeats that the cluster may make at once
  };
  // A few times a second.
  virtual void QuotasNow(QuotaLevels levels) { (void)levels; }
  virtual void LevelsNow(const Levels& levels) { (void)levels; }
};

}  // namespace moa
