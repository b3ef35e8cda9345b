#include "client/moactl/names.h"

namespace moa {

Style StyleOf(v1::JobState state) {
  if (state == v1::JOB_STATE_SUCCEEDED) return Style::kGreen;
  return IsTerminal(state) ? Style::kRed : Style::kYellow;
}

}  // namespace moa
