#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/tuner/candidates.h"
#include "client/tuner/history.h"
#include "client/tuner/leave_one_out.h"
#include "client/tuner/proposer.h"
#include "client/tuner/reflection.h"
#include "client/tuner/space.h"
#include "client/tuner/study_options.h"
#include "client/tuner/study_result.h"
#include "client/tuner/trial.h"

namespace moa {

// What a study waits for. Of a batch: the trials that have no result yet.
struct Batch {
  uint64_t number = 0;
  std::vector<Trial> trials{};
};
// Prompts to have rewritten, at once: those requests that have no reply yet.
struct Rewriting {
  std::vector<ReflectionRequest> requests{};
};
struct Ended {
  std::string reason{};  // for people: "all 60 trials have run"
  bool failed = false;   // no configuration could be graded
};
using Step = std::variant<Batch, Rewriting, Ended>;

// The search for a MoA that a grader likes: says which configurations to run and which prompts to have rewritten, and is
// told what came of it. Pure: what it decides follows from its options and from what came of completed batches, trials and
// rewritings in the order of their numbers, so it can be replayed from its history, up to any line, and then goes on as it
// would have.
//
//   MOA_ASSIGN_OR_RETURN(Study study, Study::Create(options));
//   for (line of the history, if there is one) MOA_RETURN_IF_ERROR(study.Replay(line));
//   for (;;) {
//     const Step step = study.Next();
//     write study.TakeLines() to the history;
//     if (it is Ended) break;
//     … study.Record(result) for each trial, study.RecordReply(reply) for a request, in any order …
//   }
//   study.Result();
//
// Externally synchronised.
class Study {
 public:
  // INVALID_ARGUMENT: which option is wrong, or why there is nothing to search.
  static absl::StatusOr<Study> Create(StudyOptions options);

  // Follows from the options; the history bears it, and jobs are named by it.
  const std::string& id() const { return id_; }

  // What is to be done now; the same until it was.
  Step Next();
  // INVALID_ARGUMENT: nobody waits for this trial, or what it says cannot be; nothing has changed then.
  absl::Status Record(const TrialResult& result);
  absl::Status RecordReply(const ReflectionReply& reply);
  // What is new in the history, in order, without line ends.
  std::vector<std::string> TakeLines();

  // The next line of a history. Nothing may have been taken or recorded before the first. FAILED_PRECONDITION: it is
  // another study's, and what differs; INVALID_ARGUMENT: it cannot be read, or does not follow.
  absl::Status Replay(absl::string_view line);

  // As far as it goes. With fewer than all in the ranking, there is no front either.
  StudyResult Result(size_t ranking_max = std::numeric_limits<size_t>::max()) const;
  uint64_t trials() const { return options_.trials; }
  const Space& space() const { return space_; }
  const Candidates& candidates() const { return candidates_; }

 private:
  enum class Phase { kSearch, kConfirm, kAblate, kRefine };
  struct Queued {
    size_t candidate = 0;
    Purpose purpose = Purpose::kRepeat;
  };

  Study(StudyOptions options, Space space);

  // When all that was handed out has come back: what it means, and what is next.
  void Settle();
  void Learn();
  void SettleReplies();
  void SettleReply(const ReflectionRequest& request, const ReflectionReply& reply);
  void Decide();
  void BeginRound();
  void EndRound();
  bool HandOut(uint64_t trials_max);
  bool TryRewriting(bool idle);
  void End(std::string reason, bool failed = false);

  void QueueRuns(const std::vector<Promotion>& runs, Purpose purpose);
  void QueueSearch(uint64_t trials);
  void QueueConfirm(uint64_t trials);

  // How many more trials there are, by each of the limits; and what binds when there are none.
  uint64_t Left() const;
  std::string WhatBinds() const;
  uint64_t Reserve(double share) const;
  uint64_t AblationReserve(const Point& leading) const;
  bool NothingWorks() const;
  absl::Status CheckHeader(const StudyHeader& header) const;
  size_t Best() const;

  // Constant after construction.
  const StudyOptions options_;
  std::string id_;

  Space space_;
  Candidates candidates_;
  Proposer proposer_;
  LeaveOneOut ablation_;

  Phase phase_ = Phase::kSearch;
  std::deque<Queued> queue_;  // runs that are wanted
  uint64_t trials_ = 0;       // handed out
  uint64_t settled_ = 0;
  uint64_t batches_ = 0;
  uint64_t reflections_ = 0;
  uint64_t reflected_at_ = 0;  // trials settled when as many were due as have been asked for
  uint64_t idle_at_ = 0;  // trials settled when prompts were rewritten for want of anything else
  uint64_t proposals_ = 0;
  bool ablating_ = false;  // a round's runs are under way
  std::optional<size_t> ablated_best_;

  std::vector<Trial> open_;                  // handed out, the batch not settled
  std::map<uint64_t, TrialResult> arrived_;  // of those
  std::vector<ReflectionRequest> requests_;  // likewise
  std::map<uint64_t, ReflectionReply> replies_;
  std::optional<Ended> ended_;

  StudySpent spent_;
  RewriteCounts rewrites_;
  std::deque<std::string> lines_;
  bool begun_ = false;  // the header was written or read
};

// Replays a history file's text. A last line without its end is torn and ignored. Returns how many bytes are whole lines:
// the file is to be cut there before more is written. Errors name the line.
absl::StatusOr<size_t> ReplayHistory(absl::string_view text, Study& study);

}  // namespace moa
