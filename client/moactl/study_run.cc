#include "client/moactl/study_run.h"

#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace moa {
namespace {

class StudyRun {
 public:
  StudyRun(Study& study, HistoryFile* history, Evaluator& evaluator, const StudyEvents& events,
           std::stop_token stop)
      : study_(study),
        history_(history),
        evaluator_(evaluator),
        events_(events),
        stop_(std::move(stop)) {}

  absl::Status ToEnd() {
    for (;;) {
      const Step step = study_.Next();
      MOA_RETURN_IF_ERROR(Write());
      if (std::holds_alternative<Ended>(step)) return absl::OkStatus();
      if (stop_.stop_requested()) return absl::CancelledError("interrupted");
      const auto* batch = std::get_if<Batch>(&step);
      MOA_RETURN_IF_ERROR(batch != nullptr ? RunBatch(*batch)
                                           : Rewrite(std::get<ReflectionRequest>(step)));
    }
  }

 private:
  absl::Status Write() {
    const std::vector<std::string> lines = study_.TakeLines();
    return history_ == nullptr ? absl::OkStatus() : history_->Append(lines);
  }

  absl::Status RunBatch(const Batch& batch) {
    events_.handed_out(batch);
    absl::Status status;
    {
      std::vector<std::jthread> threads;
      for (const Trial& trial : batch.trials) {
        threads.emplace_back([&] {
          const absl::Status ended = RunTrial(trial);
          const std::lock_guard<std::mutex> lock(mutex_);
          status.Update(ended);
        });
      }
    }
    return status;
  }

  absl::Status RunTrial(const Trial& trial) {
    const std::string key = absl::StrCat("tune-", study_.id(), "-", trial.number);
    MOA_ASSIGN_OR_RETURN(TrialResult result, evaluator_.Run(trial, key, stop_));
    result.trial = trial.number;
    const std::lock_guard<std::mutex> lock(mutex_);
    MOA_RETURN_IF_ERROR(study_.Record(result));
    MOA_RETURN_IF_ERROR(Write());
    events_.trial_ended(trial, result);
    return absl::OkStatus();
  }

  absl::Status Rewrite(const ReflectionRequest& request) {
    events_.rewriting(request);
    const std::string key = absl::StrCat("tune-", study_.id(), "-rewrite-", request.number);
    MOA_ASSIGN_OR_RETURN(ReflectionReply reply, evaluator_.Rewrite(request, key, stop_));
    reply.number = request.number;
    MOA_RETURN_IF_ERROR(study_.RecordReply(reply));
    MOA_RETURN_IF_ERROR(Write());
    events_.rewritten(reply);
    return absl::OkStatus();
  }

  Study& study_;
  HistoryFile* const history_;
  Evaluator& evaluator_;
  const StudyEvents& events_;
  const std::stop_token stop_;
  std::mutex mutex_;  // study_, history_ and events_ while a batch runs
};

}  // namespace

absl::Status RunStudy(Study& study, HistoryFile* history, Evaluator& evaluator,
                      const StudyEvents& events, std::stop_token stop) {
  return StudyRun(study, history, evaluator, events, std::move(stop)).ToEnd();
}

}  // namespace moa
