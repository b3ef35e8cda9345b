#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/moactl/terminal.h"
#include "client/moactl/tune_report.h"
#include "client/tuner/study.h"

namespace moa {

// Shows on standard error how a study goes: a table that is redrawn in place where that is a terminal, one line for each
// trial elsewhere. Owner: the command. Thread-safe; the study is read, and may be used by no other thread meanwhile.
class TuneDisplay {
 public:
  TuneDisplay(const Study& study, Console& console);

  void HandedOut(const Batch& batch);
  void TrialEnded(const Trial& trial, const TrialResult& result);
  void Rewriting();
  void Rewritten(const ReflectionReply& reply);
  // What is waited for or tried again; it does not touch the study.
  void Told(const std::string& what);
  // Leaves the last state standing.
  void Finish();

 private:
  TuneView View(size_t rows) const;
  void Draw(bool at_once);
  void Redraw();
  void Line(const std::string& line);

  const Study& study_;
  Console& console_;
  const bool live_;
  const absl::Time begun_;

  std::mutex mutex_;  // what follows
  LiveArea area_;
  absl::Time drawn_ = absl::InfinitePast();
  size_t running_ = 0;
  std::string doing_;
  std::string trouble_;
  std::vector<StyledLine> lines_;  // drawn last, without the trouble
};

}  // namespace moa
