#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "moa/v1/job.pb.h"
#include "moa/v1/moa.pb.h"

namespace moa::gateway {

// How much of an answer its reader has been shown, and what comes next. What was shown is never contradicted: an attempt
// that takes the place of another one goes on where its text begins with what was shown, and is refused where it does
// not. Pure; externally synchronised.
class AnswerText {
 public:
  struct Piece {
    std::string content;
    std::string reasoning;
    bool empty() const { return content.empty() && reasoning.empty(); }
  };

  // What a delta of the aggregator's adds. ABORTED: it contradicts what was shown.
  absl::StatusOr<Piece> Apply(const v1::TaskDelta& delta);
  // What the whole answer adds. ABORTED as above; reasoning that is told otherwise in the end is left as it was shown.
  absl::StatusOr<Piece> Complete(const v1::Completion& answer);

 private:
  uint32_t attempt_ = 0;  // the newest whose text was seen
  std::string content_;   // shown
  std::string reasoning_;
};

}  // namespace moa::gateway
