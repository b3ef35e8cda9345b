#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "client/tuner/study.h"
#include "moa/v1/job.pb.h"

namespace moa {

// A made-up world in which the worth of a MoA is known, so that a search can be judged. Scores are shares of kMax points.
struct Objective {
  std::string name{};
  v1::Moa base{};
  SpaceOptions space{};
  // In [0, 1]; the best that there is has 1.
  std::function<double(const v1::Moa&)> worth;
  double noise = 0.1;  // standard deviation of a run
};

inline constexpr double kMax = 120;

// Each setting counts for itself: models, temperatures, cycles, one agent that harms.
Objective Additive();
// What a temperature is good for depends on the model, and the best agent decides more than the mean one.
Objective Interacting();
// One model in six is good in each of five places, all else is noise.
Objective Needles();
std::vector<Objective> Objectives();
// Prompts are searched as well: an agent's is worth more with the words of the checks that RunTrial then reports.
Objective Prompted();
// A rewriter for it that reads the request as a model would: it adds the words of the failed checks to every prompt.
std::string AddFailedWords(const ReflectionRequest& request);

// What a run of `trial` gives: its worth with noise that follows from `noise_seed` and the trial's number, 0 to kMax.
TrialResult RunTrial(const Objective& objective, const Trial& trial, uint64_t noise_seed);

// Options for a study of it; reflection is off.
StudyOptions OptionsFor(const Objective& objective, uint64_t seed, uint64_t trials,
                        uint32_t parallel);

// What a rewriting model replies.
using Rewriter = std::function<std::string(const ReflectionRequest&)>;

// Runs the study to its end and returns all lines that it takes from it.
std::vector<std::string> RunToEnd(Study& study, const Objective& objective, uint64_t noise_seed,
                                  const Rewriter& rewriter = nullptr);

}  // namespace moa
