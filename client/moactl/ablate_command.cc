#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/moactl/ablation.h"
#include "client/moactl/commands.h"
#include "client/moactl/job_run.h"
#include "client/moactl/names.h"
#include "common/base/display_text.h"
#include "common/base/status_macros.h"

namespace moa {
namespace {

// Runs at once: the coordinator paces the calls.
constexpr size_t kThreadsMax = 16;
constexpr const char* kRaterDefault = "gpt-oss-120b";

// One run of one variant and its rating.
struct Run {
  size_t variant = 0;  // 0: with all agents; else the row + 1
  uint64_t seed = 0;
};

class Ablator {
 public:
  Ablator(Client& client, const v1::Job& job, std::string rater)
      : client_(client), job_(job), rater_(std::move(rater)) {}

  // Runs everything `repeat` times. Returns what went wrong, a line each.
  std::vector<std::string> RunAll(uint32_t repeat) {
    for (Ablation& ablation : AblationsOf(job_)) rows_.push_back({std::move(ablation), {}});
    std::vector<Run> runs;
    for (uint64_t seed = 1; seed <= repeat; ++seed) {
      for (size_t variant = 0; variant <= rows_.size(); ++variant) {
        if (variant == 0 || rows_[variant - 1].agent.without) runs.push_back({variant, seed});
      }
    }
    std::atomic<size_t> next{0};
    {
      std::vector<std::jthread> threads;
      for (size_t i = 0; i < std::min(kThreadsMax, runs.size()); ++i) {
        threads.emplace_back([&] {
          for (size_t n = next.fetch_add(1); n < runs.size(); n = next.fetch_add(1))
            RunOne(runs[n]);
        });
      }
    }
    return std::move(mistakes_);
  }

  const Scores& baseline() const { return baseline_; }
  const std::vector<AblationRow>& rows() const { return rows_; }
  const v1::JobUsage& spent() const { return spent_; }

 private:
  void RunOne(const Run& run) {
    const absl::StatusOr<double> score = Rate(run);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (score.ok()) {
      (run.variant == 0 ? baseline_ : rows_[run.variant - 1].without).values.push_back(*score);
      return;
    }
    const std::string who =
        run.variant == 0 ? "with all agents"
                         : absl::StrCat("without ", OneLine(rows_[run.variant - 1].agent.agent));
    mistakes_.push_back(absl::StrCat(
        who, ", run ", run.seed, " is left out: ", OneLine(std::string(score.status().message()))));
  }

  absl::StatusOr<double> Rate(const Run& run) {
    const v1::JobSpec& spec =
        run.variant == 0 ? job_.spec() : *rows_[run.variant - 1].agent.without;
    MOA_ASSIGN_OR_RETURN(const v1::Job again, RunJob(RunAgain(spec, run.seed)));
    MOA_ASSIGN_OR_RETURN(const v1::Job rating,
                         RunJob(RatingJob(job_.spec(), RatedText(again.answer()), rater_)));
    const std::optional<double> score = RatingOf(rating.answer().content());
    if (!score) return absl::DataLossError("the rater's reply holds no score");
    return *score;
  }

  absl::StatusOr<v1::Job> RunJob(const v1::JobSpec& spec) {
    MOA_ASSIGN_OR_RETURN(v1::Job job, RunToEnd(client_, spec));
    const std::lock_guard<std::mutex> lock(mutex_);
    v1::Usage* tokens = spent_.mutable_tokens();
    tokens->set_prompt_tokens(tokens->prompt_tokens() + job.usage().tokens().prompt_tokens());
    tokens->set_completion_tokens(tokens->completion_tokens() +
                                  job.usage().tokens().completion_tokens());
    spent_.set_upstream_calls(spent_.upstream_calls() + job.usage().upstream_calls());
    spent_.set_cost_usd(spent_.cost_usd() + job.usage().cost_usd());
    MOA_RETURN_IF_ERROR(SuccessOf(job));
    return job;
  }

  Client& client_;
  const v1::Job& job_;
  const std::string rater_;
  std::mutex mutex_;
  Scores baseline_;  // below: protected by mutex_ while threads run
  std::vector<AblationRow> rows_;
  v1::JobUsage spent_;
  std::vector<std::string> mistakes_;
};

}  // namespace

int RunAblate(const CommandContext& context) {
  const Invocation& invocation = context.invocation;
  const absl::StatusOr<v1::Job> job = context.client.Get(invocation.job_id);
  if (!job.ok()) return Fail(context, job.status());
  if (job->state() != v1::JOB_STATE_SUCCEEDED) {
    context.console.Complain(absl::StrCat("job ", OneLine(job->job_id()), " is ",
                                          StateName(job->state()),
                                          "; only one that has SUCCEEDED can be ablated"));
    return kExitUsage;
  }
  if (job->spec().moa().layers().empty()) {
    context.console.Complain("the job has no layers, so there is no agent to leave out");
    return kExitUsage;
  }
  std::string rater = invocation.rater;
  if (rater.empty()) rater = job->spec().moa().aggregator().model();
  if (rater.empty()) rater = kRaterDefault;
  // A rater that nobody can ask is refused before anything is spent.
  const absl::StatusOr<v1::InspectJobResponse> rating =
      context.client.Inspect(RatingJob(job->spec(), RatedText(job->answer()), rater));
  if (!rating.ok()) return Fail(context, rating.status());
  Ablator ablator(context.client, *job, rater);
  for (const std::string& mistake : ablator.RunAll(invocation.repeat)) {
    context.console.Complain(mistake);
  }
  if (ablator.baseline().values.empty()) {
    context.console.Complain(
        "no run with all agents could be rated, so there is nothing to compare with");
    return kExitJobFailed;
  }
  if (invocation.json) {
    context.console.Json(
        AblationJson(job->job_id(), rater, ablator.baseline(), ablator.rows(), ablator.spent()));
    return kExitOk;
  }
  context.console.Out(AblationTable(ablator.baseline(), ablator.rows()));
  const v1::JobUsage& spent = ablator.spent();
  context.console.Out({{{absl::StrCat(
      "rated by ", OneLine(rater), "; spent ", spent.upstream_calls(), " calls, ",
      WithThousands(spent.tokens().prompt_tokens() + spent.tokens().completion_tokens()), " tokens",
      absl::StrFormat(", $%.4f", spent.cost_usd()))}}});
  return kExitOk;
}

}  // namespace moa
