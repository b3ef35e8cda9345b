#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/coordinator/engine/job_driver.h"

namespace moa {

// Plays a scenario: a text of statements, one a line, each followed by what came of it in lines
// that start with "> ". Lines that start with # and empty lines are for readers.
//
// The job, before `start`:
//   prompt TEXT                     message ROLE TEXT                  deadline 30s        seed 7
//   layer [cycles=N] [quorum=N] [grace=500ms]                          budget [tokens=N] [calls=N]
//   agent NAME [model=M] [fallback=M] [samples=N] [seed=N] [max=N] [system=TEXT]
//   aggregator [model=M] [fallback=M] [max=N] [system=TEXT]            tool NAME
//   preset NAME (instead of layers and aggregator)
// What happens, after it (TASK is an index in the plan; attempt=N names another than its current):
//   dispatch TASK… | all            dispatch TASK attempt=N
//   answer TASK | all TEXT (dispatches them; all: the text and the task's number)
//   judge TASK accept|reject SCORE WORDS (dispatches a critic and lets it say so)
//   succeed TASK TEXT [run=100ms] [finish=stop] [call=TOOL] [attempt=N]
//   fail TASK CODE [retryable] [after=2s] [tokens=N] [attempt=N]
//   hedge TASK                      closed TASK 5s (the queued call's model, for so long)
//   adopt TASK attempt=N epoch=N    stale TASK (a result of an attempt that never was)
//   wait 2s                         cancel [TEXT]                      restart
// What to look at:
//   input TASK                      state
// A TEXT is in double quotes with C escapes.
class Script {
 public:
  // The scenario again, with the outcome of each statement as it is now. INVALID_ARGUMENT names the
  // line that is no statement. `presets` are those that it can name.
  using Presets = std::map<std::string, MoaSpec>;
  static absl::StatusOr<std::string> Play(absl::string_view scenario, const Presets& presets = {});

 private:
  using Words = std::vector<std::string>;

  explicit Script(const Presets& presets) : presets_(presets) {}

  absl::Status Run(const Words& words);
  absl::Status Describe(const Words& words);
  absl::Status Happen(const Words& words);
  AttemptRef RefOf(const Words& words) const;
  absl::Status Succeed(const Words& words);
  absl::Status Fail(const Words& words);
  void Show();
  void ShowInput(uint32_t task);
  void ShowState();
  void Say(std::string line);

  const Presets& presets_;
  JobSpec spec_;
  std::unique_ptr<JobDriver> job_;
  size_t shown_ = 0;  // records shown so far
  std::string out_;
};

}  // namespace moa
