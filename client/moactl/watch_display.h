#pragma once

#include <string>
#include <thread>

#include "client/moactl/progress_model.h"
#include "client/moactl/terminal.h"
#include "common/loop/mutex.h"
#include "moa/v1/moa.pb.h"

namespace moa {

// Shows a job's progress on standard error: redrawn in place ten times a second where that is a
// terminal, one line for each thing that happens elsewhere.
//
// Owner: the command that watches. Thread-safe; the drawing thread ends with Finish or the
// destructor.
class WatchDisplay {
 public:
  explicit WatchDisplay(const v1::Job& job);
  ~WatchDisplay();
  WatchDisplay(const WatchDisplay&) = delete;
  WatchDisplay& operator=(const WatchDisplay&) = delete;

  void Apply(const v1::WatchUpdate& update);
  // The connection is lost and will be tried again; shown until the next update.
  void Interrupted(const std::string& why);
  // Draws a last time and leaves the lines standing. Idempotent.
  void Finish();

 private:
  void Run();
  void Draw() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string Stamp(const v1::WatchUpdate& update) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant after construction.
  const bool live_;
  const absl::Time created_;

  Mutex mutex_;
  CondVar changed_;
  ProgressModel model_ ABSL_GUARDED_BY(mutex_);
  LiveArea area_ ABSL_GUARDED_BY(mutex_);
  std::string trouble_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread drawing_;
};

}  // namespace moa
