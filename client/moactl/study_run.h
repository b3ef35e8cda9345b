#pragma once

#include <functional>
#include <stop_token>

#include "absl/status/status.h"
#include "client/moactl/evaluator.h"
#include "client/moactl/history_file.h"
#include "client/tuner/study.h"

namespace moa {

// What happens while a study runs; called one at a time, with the study as it then is.
struct StudyEvents {
  std::function<void(const Batch&)> handed_out;
  std::function<void(const Trial&, const TrialResult&)> trial_ended;
  std::function<void(const Rewriting&)> rewriting;
  std::function<void(const ReflectionReply&)> rewritten;
};

// Runs a study to its end, the trials of a batch at once, and rewritings too, each on a thread of its own. Every decision is on the disk
// before it is acted upon, every result before it is told. `history` may be null.
//
// OK: it has ended. kCancelled: `stop` was requested, and what was running was ended. Others: an evaluator's or the
// history's error; what was running has come back and is kept.
absl::Status RunStudy(Study& study, HistoryFile* history, Evaluator& evaluator,
                      const StudyEvents& events, std::stop_token stop);

}  // namespace moa
