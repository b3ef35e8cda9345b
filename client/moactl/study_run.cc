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
      if (const auto* batch = std::get_if<Batch>(&step)) {
        events_.handed_out(*batch);
        MOA_RETURN_IF_ERROR(
            AtOnce(batch->trials, [this](const Trial& trial) { return RunTrial(trial); }));
      } else {
        const auto& rewriting = std::get<Rewriting>(step);
        events_.rewriting(rewriting);
        MOA_RETURN_IF_ERROR(AtOnce(rewriting.requests, [this](const ReflectionRequest& request) {
          return Rewrite(request);
        }));
      }
    }
  }

 private:
  absl::Status Write() {
    const std::vector<std::string> lines = study_.TakeLines();
    return history_ == nullptr ? absl::OkStatus() : history_->Append(lines);
  }

  // Each on a thread of its own; returns when all have ended, with an error of one of them.
  template <typename Item, typename Run>
  absl::Status AtOnce(const std::vector<Item>& items, Run run) {
    absl::Status status;
    {
      std::vector<std::jthread> threads;
      for (const Item& item : items) {
        threads.emplace_back([&] {
          const absl::Status ended = run(item);
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
    const std::string key = absl::StrCat("tune-", study_.id(), "-rewrite-", request.number);
    MOA_ASSIGN_OR_RETURN(ReflectionReply reply, evaluator_.Rewrite(request, key, stop_));
    reply.number = request.number;
    const std::lock_guard<std::mutex> lock(mutex_);
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
  std::mutex mutex_;  // study_, history_ and events_ while several run
};

}  // namespace

absl::Status RunStudy(Study& study, HistoryFile* history, Evaluator& evaluator,
                      const StudyEvents& events, std::stop_token stop) {
  return StudyRun(study, history, evaluator, events, std::move(stop)).ToEnd();
}

}  // namespace moa
