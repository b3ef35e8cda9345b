#include "coordinator/tracing/otlp_tracer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/status_macros.h"
#include "common/log/log.h"
#include "common/trace/trace_context.h"
#include "coordinator/convert/convert.h"
#include "coordinator/tracing/job_spans.h"
#include "coordinator/tracing/otlp_json.h"
#include "moa/v1/job.pb.h"

namespace moa {
namespace {

constexpr size_t kJobsAtOnce = 64;
// How long the first of a group waits for others.
constexpr absl::Duration kGather = absl::Milliseconds(100);
constexpr absl::Duration kPauseMax = absl::Seconds(30);

size_t BytesOf(const EndedJob& job) {
  size_t bytes = 0;
  for (const Text& event : job.events) bytes += event.size();
  return bytes;
}

std::optional<TraceContext> ClientOf(const TraceHeaders& client) {
  if (client.traceparent.empty()) return std::nullopt;
  return ParseTraceContext(client.traceparent, client.tracestate);
}

std::vector<v1::JobEvent> Decode(const EndedJob& job) {
  std::vector<v1::JobEvent> events(job.events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    const absl::string_view bytes = job.events[i].view();
    if (!events[i].ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return {};
  }
  return events;
}

// What JobSpans needs of a job.
v1::Job Known(const EndedJob& ended) {
  v1::Job job;
  job.set_job_id(ended.id.value());
  job.mutable_spec()->set_name(ended.plan->spec.name);
  job.mutable_spec()->set_tenant(ended.plan->spec.tenant.value());
  return job;
}

auto Until(absl::Time time) {
  return absl::ToChronoMilliseconds(
      std::clamp(time - absl::Now(), absl::ZeroDuration(), absl::Hours(1)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<OtlpTracer>> OtlpTracer::Start(Options options) {
  MOA_ASSIGN_OR_RETURN(std::unique_ptr<OtlpPost> post,
                       OtlpPost::Create(options.endpoint, options.headers));
  return std::unique_ptr<OtlpTracer>(new OtlpTracer(std::move(options), std::move(post)));
}

OtlpTracer::OtlpTracer(Options options, std::unique_ptr<OtlpPost> post)
    : options_(std::move(options)), post_(std::move(post)), thread_([this] { Run(); }) {}

OtlpTracer::~OtlpTracer() {
  {
    MutexLock lock(mutex_);
    end_at_ = absl::Now() + options_.flush_timeout;
    changed_.NotifyAll();
  }
  thread_.join();
}

TraceHeaders OtlpTracer::HeadersOf(const JobId& job, const TraceHeaders& client,
                                   uint32_t task) const {
  TraceContext context = ContextOf(job.value(), ClientOf(client), options_.share);
  // A caller that is not recorded stays the caller, and a trace that nobody records is none.
  if (!context.sampled) return client;
  context.span_id = CallSpanId(context.trace_id, job.value(), task);
  return {.traceparent = TraceParent(context), .tracestate = context.state};
}

void OtlpTracer::Ended(EndedJob job) {
  const size_t bytes = BytesOf(job);
  bool is_full = false;
  {
    MutexLock lock(mutex_);
    is_full =
        queue_.size() >= options_.queue_jobs_max || queue_bytes_ + bytes > options_.queue_bytes_max;
    if (!is_full) {
      queue_bytes_ += bytes;
      queue_.push_back(std::move(job));
      if (queue_.size() == 1 || queue_.size() == kJobsAtOnce) changed_.NotifyAll();
    }
  }
  if (is_full) options_.dropped(1, Drop::kQueueFull);
}

std::vector<EndedJob> OtlpTracer::Take() {
  MutexLock lock(mutex_);
  while (queue_.empty() && end_at_ == absl::InfiniteFuture()) changed_.Wait(mutex_);
  const absl::Time gathered = absl::Now() + kGather;
  while (queue_.size() < kJobsAtOnce && end_at_ == absl::InfiniteFuture() &&
         absl::Now() < gathered) {
    changed_.WaitFor(mutex_, Until(gathered));
  }
  std::vector<EndedJob> jobs;
  while (!queue_.empty() && jobs.size() < kJobsAtOnce) {
    queue_bytes_ -= BytesOf(queue_.front());
    jobs.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return jobs;
}

void OtlpTracer::Run() {
  while (true) {
    const std::vector<EndedJob> jobs = Take();
    if (jobs.empty()) return;
    Export(jobs);
  }
}

void OtlpTracer::Export(const std::vector<EndedJob>& jobs) {
  std::vector<Span> spans;
  size_t traces = 0;
  for (const EndedJob& job : jobs) {
    const std::vector<v1::JobEvent> events = Decode(job);
    if (events.empty()) continue;
    const TraceContext context =
        ContextOf(job.id.value(), ClientOf(TraceFromProto(events.front().accepted().trace())),
                  options_.share);
    if (!context.sampled) continue;
    ++traces;
    for (Span& span : JobSpans(Known(job), events, context)) spans.push_back(std::move(span));
  }
  if (traces == 0) return;
  const std::string json = OtlpJson(options_.resource, options_.version, spans);
  absl::Duration pause = options_.first_pause;
  OtlpPost::Outcome outcome;
  for (int tries = 1;; ++tries) {
    outcome = post_->Send(json, [this] { return IsOver(); });
    if (outcome.status.ok()) return options_.exported(traces);
    const bool again = absl::IsUnavailable(outcome.status) && tries < options_.tries_max;
    if (!again || !Pause(std::min(outcome.retry_after.value_or(pause), kPauseMax))) break;
    pause *= 2;
  }
  const bool refused = absl::IsInvalidArgument(outcome.status);
  LogWarning("traces were dropped: the collector does not take them",
             {{"traces", traces}, {"reason", std::string(outcome.status.message())}});
  options_.dropped(traces, refused ? Drop::kRefused : Drop::kUnreachable);
}

bool OtlpTracer::Pause(absl::Duration pause) {
  const absl::Time until = absl::Now() + pause;
  MutexLock lock(mutex_);
  while (absl::Now() < until && absl::Now() < end_at_) {
    changed_.WaitFor(mutex_, Until(std::min(until, end_at_)));
  }
  return absl::Now() < end_at_;
}

bool OtlpTracer::IsOver() {
  MutexLock lock(mutex_);
  return absl::Now() >= end_at_;
}

}  // namespace moa
