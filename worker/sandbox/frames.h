#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "common/grading/evaluation.h"

namespace moa::sandbox {

// Makes an Evaluation of the bytes that come out of a sandbox. They are hostile: the candidate shares a process
// with the runner, may find the descriptor and write to it. So every frame is bounded and its JSON checked, only
// the frame that is due is taken, and the first that is not ends the run. A forged frame can say a wrong value or
// error for a call, or that a call never came; nothing more.
//
// A frame is its kind, two sizes (32-bit little-endian) and two texts:
//   L                loaded: first of all, or one of the next four, which end the run
//   S error          no Python         N error  no such function        M error  the module raised
//   K error          the end of the process was asked for, or a limit met: while loading or in a call
//   V value args     a call returned   X error args  a call raised      in the order of the calls
//
// Externally synchronised.
class EvaluationReader {
 public:
  // `bytes_max`: all that is taken from one sandbox.
  EvaluationReader(size_t calls, size_t bytes_max);

  // Takes what was read. True when the run is over, because all calls are answered or something ended it.
  bool Feed(absl::string_view bytes);

  bool over() const { return over_; }

  // Ends a run that is not over: the module's load or the call that is running timed out, or was killed.
  void TimedOut();
  void Killed(absl::string_view error);

  // REQUIRES: over(). Afterwards the reader is empty.
  Evaluation Take() { return std::move(evaluation_); }

 private:
  struct Frame {
    char kind;
    absl::string_view first;
    absl::string_view second;
  };

  bool NextFrame(absl::string_view bytes, Frame* frame, size_t* used);
  void Apply(const Frame& frame);
  void ApplyBeforeLoaded(const Frame& frame);
  void ApplyToCall(const Frame& frame);

  const size_t bytes_max_;
  size_t bytes_ = 0;
  std::string buffer_;  // a frame that is not complete
  Evaluation evaluation_;
  bool loaded_ = false;
  size_t next_call_ = 0;
  bool over_ = false;
};

}  // namespace moa::sandbox
