#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/moactl/styled_text.h"
#include "client/tuner/study_result.h"
#include "client/tuner/trial.h"
#include "moa/v1/job.pb.h"

namespace moa {

// What `moactl tune` shows. Pure.

// A study and how far it is.
struct TuneView {
  std::string study{};
  uint64_t trials = 0;  // of which the study has at most so many
  StudyResult result{};
  std::string doing{};  // "4 trials are running"; empty: nothing
};

// The screen while it runs: how far it is, and the best `rows_max` configurations.
std::vector<StyledLine> TuneProgressLines(const TuneView& view, absl::Duration elapsed,
                                          size_t rows_max);
// A line for a trial that has ended, where nothing is drawn in place. Of `view` the best one is shown.
std::string TuneTrialLine(const TuneView& view, const Trial& trial, const TrialResult& result);

// How a study has ended.
struct TuneOutcome {
  std::string state{};   // "DONE", "FAILED" or "INTERRUPTED"
  std::string reason{};  // for people
};
std::vector<StyledLine> TuneResultLines(const TuneView& view, const TuneOutcome& outcome);
// One object: study, state, reason, trials, max, best?, base?, front, ranking, agents, rewriting, spent.
std::string TuneJson(const TuneView& view, const TuneOutcome& outcome);

// `job` with the best MoA as a job file, its score, interval and cost in comments. REQUIRES: there is a best one.
std::string BestJobFile(const TuneView& view, v1::JobSpec job, absl::string_view grader);

// What of a configuration's settings the base has otherwise: "a.temperature 0.3, b dropped". "the base" for none.
std::string DifferenceText(const Standing& standing, const Standing& base);

}  // namespace moa
