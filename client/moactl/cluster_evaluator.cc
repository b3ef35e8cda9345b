#include "client/moactl/cluster_evaluator.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/moactl/commands.h"
#include "client/moactl/grader_choice.h"
#include "client/moactl/names.h"
#include "common/base/display_text.h"
#include "common/base/status_macros.h"
#include "common/grading/grade_json.h"

namespace moa {
namespace {

constexpr int kFreshMax = 3;   // jobs that this process pays for under one key
constexpr int kKeysMax = 100;  // … and all processes
constexpr absl::Duration kQueueRetry = absl::Seconds(1);

// What it asked for will fail again, so that its configuration is to blame.
bool IsOwnFault(const v1::Job& job, const v1::JobSpec& asked) {
  switch (job.error().code()) {
    case v1::ERROR_CODE_INVALID_REQUEST:
    case v1::ERROR_CODE_MODEL_NOT_FOUND:
    case v1::ERROR_CODE_CONTEXT_LENGTH_EXCEEDED:
    case v1::ERROR_CODE_BUDGET_EXCEEDED:
      return true;
    case v1::ERROR_CODE_DEADLINE_EXCEEDED:
      return asked.has_deadline();  // else it is the coordinator's
    default:
      return false;
  }
}

bool Counts(const v1::Job& job, const v1::JobSpec& asked) {
  return job.state() == v1::JOB_STATE_SUCCEEDED ||
         (job.state() == v1::JOB_STATE_FAILED && IsOwnFault(job, asked));
}

std::string WhyNot(const v1::Job& job) {
  return absl::StrCat("job ", OneLine(job.job_id()), " is ", StateName(job.state()),
                      job.error().message().empty() ? "" : ": ", OneLine(job.error().message()));
}

std::string Refusal(const absl::Status& status) {
  std::vector<std::string> mistakes;
  for (const Violation& violation : ViolationsOf(status)) {
    mistakes.push_back(violation.field.empty()
                           ? violation.description
                           : absl::StrCat(violation.field, ": ", violation.description));
  }
  return absl::StrCat("refused: ", mistakes.empty() ? std::string(status.message())
                                                    : absl::StrJoin(mistakes, "; "));
}

void WaitInterruptibly(absl::Duration duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any condition;
  std::unique_lock<std::mutex> lock(mutex);
  condition.wait_for(lock, stop, absl::ToChronoMilliseconds(duration), [] { return false; });
}

}  // namespace

ClusterEvaluator::ClusterEvaluator(Client& client, v1::JobSpec base, v1::Grader grader,
                                   std::string rewriter, std::string name,
                                   std::function<void(const std::string&)> told)
    : client_(client),
      base_(std::move(base)),
      grader_(std::move(grader)),
      rewriter_(std::move(rewriter)),
      name_(std::move(name)),
      told_(std::move(told)) {}

template <typename Call>
auto ClusterEvaluator::Patiently(const Call& call, const std::stop_token& stop)
    -> decltype(call()) {
  const absl::Time give_up = absl::Now() + kReconnectFor;
  for (bool first = true;; first = false) {
    auto answer = call();
    if (answer.ok()) return answer;
    const absl::Status& status = answer.status();
    const bool passes = absl::IsResourceExhausted(status) || absl::IsUnavailable(status) ||
                        absl::IsDeadlineExceeded(status);
    if (!passes || absl::Now() > give_up) return status;
    if (first && told_) told_(absl::StrCat("waiting: ", status.message()));
    WaitInterruptibly(RetryDelayOf(status).value_or(kQueueRetry), stop);
    if (stop.stop_requested()) return absl::CancelledError("interrupted");
  }
}

absl::Status ClusterEvaluator::WaitFor(const std::string& job_id, const std::stop_token& stop) {
  WatchOptions options;
  options.progress = false;
  options.reconnect_for = kReconnectFor;
  options.stop = stop;
  absl::Status watched =
      client_.Watch(job_id, options, [](const v1::WatchUpdate&) { return true; });
  // Nobody waits for it any more: what it goes on to spend would be lost.
  if (absl::IsCancelled(watched) && stop.stop_requested()) {
    const auto cancelled = client_.Cancel(job_id, "moactl tune was interrupted");
    if (!cancelled.ok() && told_) {
      told_(
          absl::StrCat("job ", job_id, " could not be cancelled: ", cancelled.status().message()));
    }
    return absl::CancelledError("interrupted");
  }
  return watched;
}

absl::StatusOr<v1::Job> ClusterEvaluator::RunKeyed(const v1::JobSpec& spec, const std::string& key,
                                                   const std::stop_token& stop, Spent& spent) {
  int fresh = 0;
  std::string why;
  for (int number = 1; number <= kKeysMax && fresh < kFreshMax; ++number) {
    if (stop.stop_requested()) return absl::CancelledError("interrupted");
    const std::string numbered = number == 1 ? key : absl::StrCat(key, "-", number);
    MOA_ASSIGN_OR_RETURN(const v1::SubmitJobResponse submitted,
                         Patiently([&] { return client_.Submit(spec, numbered); }, stop));
    MOA_RETURN_IF_ERROR(WaitFor(submitted.job_id(), stop));
    MOA_ASSIGN_OR_RETURN(v1::Job job,
                         Patiently([&] { return client_.Get(submitted.job_id()); }, stop));
    spent.tokens += job.usage().tokens().prompt_tokens() + job.usage().tokens().completion_tokens();
    spent.cost_usd += job.usage().cost_usd();
    if (Counts(job, spec)) return job;
    if (!submitted.existing()) ++fresh;
    why = WhyNot(job);
    if (told_) told_(absl::StrCat("trying again: ", why));
  }
  return absl::AbortedError(absl::StrCat(why, "; so did those before it"));
}

absl::StatusOr<TrialResult> ClusterEvaluator::Run(const Trial& trial, const std::string& key,
                                                  std::stop_token stop) {
  v1::JobSpec spec = base_;
  *spec.mutable_moa() = trial.moa;
  spec.set_seed(trial.seed);
  spec.set_name(absl::StrCat(name_, " trial ", trial.number));
  TrialResult result{.trial = trial.number};
  Spent spent;
  const absl::StatusOr<v1::Job> job = RunKeyed(spec, key, stop, spent);
  result.tokens = spent.tokens;
  result.cost_usd = spent.cost_usd;
  if (absl::IsInvalidArgument(job.status())) {
    result.failure = Refusal(job.status());
    return result;
  }
  MOA_RETURN_IF_ERROR(job.status());
  result.job_id = job->job_id();
  result.latency_ms = static_cast<double>(job->latency_us()) / 1000;
  if (job->state() != v1::JOB_STATE_SUCCEEDED) {
    result.failure = WhyNot(*job);
    return result;
  }
  MOA_RETURN_IF_ERROR(Grade(*job, spec.name(), key, stop, result));
  return result;
}

absl::Status ClusterEvaluator::Grade(const v1::Job& job, const std::string& name,
                                     const std::string& key, const std::stop_token& stop,
                                     TrialResult& result) {
  v1::JobSpec spec = GradingJobOf(grader_, job.job_id());
  spec.set_tenant(base_.tenant());
  spec.set_name(absl::StrCat("grade of ", name));
  spec.clear_deadline();  // many answers may wait for few who grade
  Spent spent;            // no model is asked
  MOA_ASSIGN_OR_RETURN(const v1::Job graded,
                       RunKeyed(spec, absl::StrCat(key, "-grade"), stop, spent));
  if (graded.state() != v1::JOB_STATE_SUCCEEDED) return absl::AbortedError(WhyNot(graded));
  const std::optional<moa::Grade> grade = ReadGradeJson(graded.answer().content());
  if (!grade) return absl::DataLossError("the answer of the job that graded is no grade");
  result.score = grade->total;
  result.max = grade->max;
  for (const CheckGrade& check : grade->checks) {
    const std::string& detail = check.detail.empty() ? grade->reason : check.detail;
    result.checks.push_back(
        {check.id, static_cast<double>(check.score), static_cast<double>(check.max), detail});
  }
  return absl::OkStatus();
}

absl::StatusOr<ReflectionReply> ClusterEvaluator::Rewrite(const ReflectionRequest& request,
                                                          const std::string& key,
                                                          std::stop_token stop) {
  v1::JobSpec spec = ReflectionJob(request, rewriter_);
  spec.set_tenant(base_.tenant());
  spec.set_name(absl::StrCat(name_, " rewriting ", request.number));
  spec.set_seed(request.number);
  ReflectionReply reply{.number = request.number};
  Spent spent;
  const absl::StatusOr<v1::Job> job = RunKeyed(spec, key, stop, spent);
  reply.tokens = spent.tokens;
  reply.cost_usd = spent.cost_usd;
  // A rewriting that does not come about costs the study nothing else.
  if (absl::IsInvalidArgument(job.status()) || absl::IsAborted(job.status())) {
    reply.failure = std::string(job.status().message());
    return reply;
  }
  MOA_RETURN_IF_ERROR(job.status());
  reply.job_id = job->job_id();
  if (job->state() == v1::JOB_STATE_SUCCEEDED) {
    reply.text = job->answer().content();
  } else {
    reply.failure = WhyNot(*job);
  }
  return reply;
}

}  // namespace moa
