#pragma once

#include <prometheus/registry.h>

#include <atomic>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/loop/loop.h"
#include "common/loop/mutex.h"
#include "worker/rpc/grading_calls.h"
#include "worker/rpc/model_calls.h"
#include "worker/rpc/name_watch.h"
#include "worker/rpc/session_set.h"
#include "worker/rpc/worker_metrics.h"
#include "worker/rpc/worker_options.h"
#include "worker/upstream/upstream_client.h"

namespace moa::worker {

// A worker's process: one loop thread with a session for each address of a coordinator and the client of the provider, and
// where coordinators are named a thread that follows their names. Where it can grade it is a second worker for that, with
// sessions and slots of its own: a grader's run takes a core, a model's call waits.
//
//   MOA_ASSIGN_OR_RETURN(auto worker, Worker::Create(options, *registry));
//   worker->Start();
//   …                          // SIGTERM: worker->Drain()
//   worker->WaitUntilDrained();
//
// Draining: tells the coordinators, takes no new task, lets running calls end until the drain timeout, hands
// the rest back, waits briefly until the results are durable, and leaves.
//
// Owner: main. Thread-safe.
class Worker {
 public:
  // InvalidArgument or NotFound name the flag, the file or the address that cannot be used. Connects nowhere.
  static absl::StatusOr<std::unique_ptr<Worker>> Create(const WorkerOptions& options,
                                                        prometheus::Registry& registry);
  // Leaves at once, if it has not drained.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Begins to connect. Once.
  void Start();
  // Begins to drain; idempotent. Does not block.
  void Drain();
  // Blocks until draining has ended.
  void WaitUntilDrained();
  // OK while at least one coordinator is connected and the worker takes tasks; else why not (for /readyz).
  absl::Status Ready() const;

 private:
  enum class Phase { kRunning, kDraining, kSettling, kClosing, kClosed };

  // What runs graders.
  struct Grading {
    GradingMetrics metrics;
    std::unique_ptr<GradingCalls> calls;
    WorkerIdentity identity;
    std::unique_ptr<SessionSet> sessions;
    size_t slots = 0;
  };

  explicit Worker(const WorkerOptions& options, prometheus::Registry& registry);
  absl::Status Open();
  absl::Status OpenModels();
  absl::Status OpenGrading();
  SessionSet::Context ContextOf(const WorkerIdentity& identity, size_t slots);
  // Those of models and of graders, whichever there are.
  std::vector<SessionSet*> Sets() const;

  // On the loop.
  void StartModels();
  void OnRound();
  void AdvanceDrain(absl::Time now);
  void EnterPhase(Phase phase, absl::Duration limit);
  void UpdateGauges();
  void WatchKeyFile();
  void ReloadKey();
  void RefreshModels();
  void OnModels(upstream::ModelsResult result);

  const WorkerOptions options_;
  prometheus::Registry& registry_;
  Loop loop_;

  // Loop thread only.
  WorkerMetrics metrics_;
  WorkerIdentity identity_;
  std::unique_ptr<upstream::UpstreamClient> upstream_;  // null: it grades only
  std::unique_ptr<ModelCalls> calls_;
  std::unique_ptr<SessionSet> sessions_;
  std::unique_ptr<Grading> grading_;  // null: it does not
  CoordinatorNames coordinators_;     // as they are before any name was resolved
  std::unique_ptr<NameWatch> names_;
  Phase phase_ = Phase::kRunning;
  absl::Time phase_deadline_ = absl::InfiniteFuture();
  absl::Duration models_retry_ = absl::ZeroDuration();  // the last wait after a failure
  Loop::TimerId models_timer_ = 0;
  bool models_failure_logged_ = false;
  bool key_failure_logged_ = false;

  std::atomic<bool> connected_ = false;
  std::atomic<bool> draining_ = false;

  Mutex mutex_;
  CondVar closed_cond_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace moa::worker
