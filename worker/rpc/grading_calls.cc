#include "worker/rpc/grading_calls.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/grading/extract_code.h"
#include "common/grading/grade_json.h"
#include "common/grading/grader_file.h"

namespace moa::worker {
namespace {

using upstream::CallId;
using upstream::CallResult;
using upstream::ErrorCode;

// What the candidate did, or that the sandbox does not take it.
absl::StatusOr<Evaluation> Evaluate(const sandbox::Sandbox& sandbox,
                                    const EvaluationRequest& request,
                                    const sandbox::Cancellation& cancellation) {
  absl::StatusOr<Evaluation> seen = sandbox.Run(request, &cancellation);
  if (!absl::IsInvalidArgument(seen.status())) return seen;
  Evaluation refused;
  refused.kind = Evaluation::Kind::kKilled;
  refused.error = std::string(seen.status().message());
  return refused;
}

}  // namespace

absl::StatusOr<std::unique_ptr<GradingCalls>> GradingCalls::Create(Loop& loop,
                                                                   GradingMetrics& metrics,
                                                                   const sandbox::Options& options,
                                                                   size_t threads) {
  MOA_ASSIGN_OR_RETURN(std::unique_ptr<sandbox::Sandbox> sandbox, sandbox::Sandbox::Open(options));
  return std::unique_ptr<GradingCalls>(
      new GradingCalls(loop, metrics, std::move(sandbox), threads));
}

GradingCalls::GradingCalls(Loop& loop, GradingMetrics& metrics,
                           std::unique_ptr<sandbox::Sandbox> sandbox, size_t threads)
    : loop_(loop), metrics_(metrics), sandbox_(std::move(sandbox)) {
  for (size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { RunThread(); });
  }
}

GradingCalls::~GradingCalls() {
  *alive_ = false;
  for (auto& [id, call] : calls_) call.work->cancellation.Cancel();
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    queue_.clear();
    ready_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

upstream::MessagesJson GradingCalls::Encode(const v1::PutContext&) const { return {}; }

absl::StatusOr<CallId> GradingCalls::Start(const v1::RunTask& task, const Contexts&,
                                           const upstream::Timeouts&,
                                           upstream::ChatCallbacks callbacks) {
  if (task.grader().empty()) {
    return absl::FailedPreconditionError("the task is a model's, and this worker grades");
  }
  if (task.prompt().empty() || !task.prompt().rbegin()->has_message()) {
    return absl::FailedPreconditionError("the task has no message to grade");
  }
  auto work = std::make_shared<Work>();
  work->id = ++last_id_;
  work->grader = task.grader();
  work->answer = task.prompt().rbegin()->message().content();
  calls_[work->id] = {.work = work, .callbacks = std::move(callbacks)};
  MutexLock lock(mutex_);
  queue_.push_back(work);
  ready_.NotifyOne();
  return work->id;
}

bool GradingCalls::Cancel(CallId id) {
  const auto it = calls_.find(id);
  if (it == calls_.end()) return false;
  it->second.work->cancellation.Cancel();
  {
    MutexLock lock(mutex_);
    std::erase(queue_, it->second.work);
  }
  upstream::AttemptError error;
  error.error = {.code = ErrorCode::kCancelled, .message = "cancelled"};
  CallResult result;
  result.outcome = std::move(error);
  loop_.Post([this, alive = alive_, id, result = std::move(result)]() mutable {
    if (*alive) Finish(id, std::move(result));
  });
  return true;
}

std::optional<upstream::CallProgress> GradingCalls::Progress(CallId id) const {
  if (!calls_.contains(id)) return std::nullopt;
  return upstream::CallProgress{.last_byte_time = Loop::Now()};  // the sandbox sees to its end
}

void GradingCalls::Count(absl::string_view, const CallResult& result) { metrics_.Count(result); }

void GradingCalls::Finish(CallId id, CallResult result) {
  const auto it = calls_.find(id);
  if (it == calls_.end()) return;  // cancelled, or finished before it was
  upstream::ChatCallbacks callbacks = std::move(it->second.callbacks);
  calls_.erase(it);
  callbacks.done(std::move(result));
}

void GradingCalls::RunThread() {
  for (;;) {
    std::shared_ptr<Work> work;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) ready_.Wait(mutex_);
      if (stopping_) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    const absl::Time start = Loop::Now();
    CallResult result = Run(*work);
    result.run_time = Loop::Now() - start;
    loop_.Post([this, alive = alive_, id = work->id, result = std::move(result)]() mutable {
      if (*alive) Finish(id, std::move(result));
    });
  }
}

CallResult GradingCalls::Run(const Work& work) const {
  CallResult result;
  const auto fail = [&result](std::string message) {
    upstream::AttemptError error;
    error.error = {.code = ErrorCode::kInternal, .message = std::move(message)};
    error.retryable = true;  // elsewhere, or later
    result.outcome = std::move(error);
    return result;
  };
  Problems problems;
  const std::optional<Grader> grader = ReadGrader(work.grader, "grader", problems);
  if (!grader)
    return fail(absl::StrCat("this worker cannot read the grader: ", problems.ToString()));
  const ExtractedCode extracted = ExtractCode(work.answer, grader->function());
  const absl::StatusOr<Evaluation> seen =
      Evaluate(*sandbox_, grader->RequestFor(extracted.code), work.cancellation);
  if (!seen.ok()) return fail(absl::StrCat("the sandbox: ", seen.status().message()));
  upstream::Completion completion;
  completion.content = GradeReplyJson(grader->Score(*seen));
  completion.finish_reason = "stop";
  completion.response_model = grader->name();
  result.outcome = std::move(completion);
  return result;
}

}  // namespace moa::worker
