#pragma once

#include "absl/strings/string_view.h"
#include "simulator/coder_issues.h"

namespace moa::simulator::coder {

// What a model of model_table.h is good at. Made up: no figure says anything about the real models.
struct Skill {
  const char* model;
  // For each issue, in standard deviations: 0 is right in half of the cases, 1 in 84 %, -1 in 16 %.
  double issues[kIssues.size()];
  double merging;    // how much the references shown count
  double attention;  // how many issues can be named before each helps half as much
  double slips;      // times the usual rate of what spoils all
};

// That of `model`, an id of model_table.h; of any other text the first of the table.
const Skill& SkillOf(absl::string_view model);

}  // namespace moa::simulator::coder
