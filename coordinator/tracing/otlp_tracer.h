#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/loop/mutex.h"
#include "coordinator/runtime/job_tracer.h"
#include "coordinator/tracing/otlp_post.h"
#include "coordinator/tracing/span.h"

namespace moa {

// Exports each job that has ended as a trace to an OTLP/HTTP collector, from a thread of its own. What the collector
// does not take is tried again for about half a minute and then dropped, as are traces that find the queue full: jobs
// never wait for a collector. A trace is also lost when this process ends between the job's end and the export.
//
// Owner: the composition root; outlives the coordinator. Thread-safe.
class OtlpTracer final : public JobTracer {
 public:
  enum class Drop { kQueueFull, kRefused, kUnreachable };

  struct Options {
    std::string endpoint;              // as OtlpPost's
    std::vector<std::string> headers;  // "Name=value"
    double share = 1;                  // of the jobs whose client sends no trace context, 0 to 1
    Span::Attributes resource;         // who sends: service.name and the like
    std::string version;
    size_t queue_jobs_max = 2000;
    size_t queue_bytes_max = 64u << 20;
    absl::Duration first_pause = absl::Milliseconds(500);  // doubles with each try
    int tries_max = 6;
    absl::Duration flush_timeout = absl::Seconds(3);  // how long the end waits for what is queued
    // Told what became of traces; called on the exporter's thread or the loop.
    std::function<void(size_t traces)> exported = [](size_t) {};
    std::function<void(size_t traces, Drop why)> dropped = [](size_t, Drop) {};
  };

  // InvalidArgument: the endpoint or a header is none.
  static absl::StatusOr<std::unique_ptr<OtlpTracer>> Start(Options options);
  // Exports what is queued, for as long as flush_timeout.
  ~OtlpTracer() override;

  TraceHeaders HeadersOf(const JobId& job, const TraceHeaders& client,
                         uint32_t task) const override;
  void Ended(EndedJob job) override;

 private:
  OtlpTracer(Options options, std::unique_ptr<OtlpPost> post);
  void Run();
  // The next jobs, at most so many; empty: the end has come.
  std::vector<EndedJob> Take();
  void Export(const std::vector<EndedJob>& jobs);
  bool Pause(absl::Duration pause);  // false: cut short by the end
  bool IsOver();

  const Options options_;
  const std::unique_ptr<OtlpPost> post_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<EndedJob> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queue_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time end_at_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  std::thread thread_;
};

}  // namespace moa
