#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "simulator/coder_brief.h"
#include "simulator/coder_program.h"
#include "simulator/coder_skills.h"

namespace moa::simulator::coder {

// The probability model of docs/simulator-coder.md, which has its formulas and numbers. Pure functions.

// How a call is made.
struct Manner {
  double temperature = 1;
  std::string effort{};  // none, low, medium or high
};

// What is drawn from: for each issue the mean of a normal distribution whose positive part is "taken care of", with the
// deviation that is common to all; how much of the deviation is the same in every sample; the rates of what spoils all.
struct Odds {
  std::array<double, kIssues.size()> mean{};
  double deviation = 1;
  double systematic = 0;  // share of the variance, 0 to 1
  double syntax = 0;
  double renamed = 0;
  double endless = 0;
  double system = 0;
};

Odds OddsOf(const Skill& skill, const Manner& manner, const Brief& brief);

// The probability that the issue is taken care of, over all samples and questions.
double ChanceOf(const Odds& odds, Issue issue);

// Of which a draw is a function. Equal `habit`: the same model on the same question; equal `sample`: the same call.
struct Seeds {
  uint64_t habit = 0;
  uint64_t sample = 0;
};

Program DrawProgram(const Odds& odds, const Seeds& seeds);

}  // namespace moa::simulator::coder
