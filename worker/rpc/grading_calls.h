#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/loop/loop.h"
#include "common/loop/mutex.h"
#include "worker/rpc/call_client.h"
#include "worker/rpc/grading_metrics.h"
#include "worker/sandbox/sandbox.h"

namespace moa::worker {

// Runs graders: takes the code out of an answer, has its function called in the sandbox, gives the points. A few threads,
// since a run blocks; each run is over after the sandbox's time at the latest.
//
// Owner: the Worker. Everything on the loop's thread, the destructor included, but for Create.
class GradingCalls final : public CallClient {
 public:
  // As Sandbox::Open. Borrows the loop and the metrics.
  static absl::StatusOr<std::unique_ptr<GradingCalls>> Create(Loop& loop, GradingMetrics& metrics,
                                                              const sandbox::Options& options,
                                                              size_t threads);
  // Ends what runs. Its callbacks do not come any more.
  ~GradingCalls() override;

  upstream::MessagesJson Encode(const v1::PutContext& context) const override;
  absl::StatusOr<upstream::CallId> Start(const v1::RunTask& task, const Contexts& contexts,
                                         const upstream::Timeouts& timeouts,
                                         upstream::ChatCallbacks callbacks) override;
  bool Cancel(upstream::CallId id) override;
  std::optional<upstream::CallProgress> Progress(upstream::CallId id) const override;
  void Count(absl::string_view model, const upstream::CallResult& result) override;

  // What keeps the programs in, for people.
  std::string Layers() const { return sandbox_->Layers(); }

 private:
  struct Work {
    upstream::CallId id = 0;
    std::string grader;
    std::string answer;
    sandbox::Cancellation cancellation;
  };
  struct Call {
    std::shared_ptr<Work> work;  // owners: this and the thread that runs it
    upstream::ChatCallbacks callbacks;
  };

  GradingCalls(Loop& loop, GradingMetrics& metrics, std::unique_ptr<sandbox::Sandbox> sandbox,
               size_t threads);

  // On a thread of its own.
  void RunThread();
  upstream::CallResult Run(const Work& work) const;

  void Finish(upstream::CallId id, upstream::CallResult result);

  Loop& loop_;
  GradingMetrics& metrics_;
  const std::unique_ptr<sandbox::Sandbox> sandbox_;

  // Loop thread only.
  absl::flat_hash_map<upstream::CallId, Call> calls_;
  upstream::CallId last_id_ = 0;
  // Says to what is posted whether this is still here. Owners: this and what is posted.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  Mutex mutex_;
  CondVar ready_;
  std::deque<std::shared_ptr<Work>> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::vector<std::thread> threads_;
};

}  // namespace moa::worker
