#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "client/tuner/space.h"
#include "moa/v1/job.pb.h"

namespace moa {

// kSurrogate learns from all runs (surrogate.h); kRandom draws, for comparison.
enum class SamplerKind { kSurrogate, kRandom };

// What a study is: two with equal options decide alike, given equal results. A value type.
struct StudyOptions {
  v1::Moa base{};
  std::string task{};       // the conversation that is answered; the rewriting model is told it
  std::string job{};        // all that a run has besides, in any form: another one is another study
  std::string grader{};     // names it, with a digest where it is the user's own
  std::string reflector{};  // the model that rewrites prompts
  // A JSON object that the history keeps for who made the study, so that it can be made again. Decides nothing.
  std::string origin{};
  SpaceOptions space{};

  SamplerKind sampler = SamplerKind::kSurrogate;
  uint64_t seed = 1;
  uint64_t trials = 60;   // at most kTrialsMax
  uint32_t parallel = 4;  // trials of a batch; the more, the less each knows of the others
  // Configurations about the base, itself among them, before the sampler has a say. 0: a tenth of the trials, 4 to 6.
  uint32_t start = 0;

  std::vector<uint32_t> rungs = {1, 2, 4, 8};  // numbers of runs
  double promote_share = 0.1;                  // of those on a rung
  // Shares of the trials that are kept for the end: runs of those that may be the best, and of the best one without
  // each of its agents.
  double confirm_share = 0.15;
  double ablate_share = 0.1;

  uint64_t reflect_every = 2;  // trials; 0: prompts stay as they are
  // Once so much was spent nothing more is handed out. 0: no limit.
  uint64_t tokens_max = 0;
  double cost_usd_max = 0;
};

inline constexpr uint64_t kTrialsMax = 10'000;
inline constexpr uint32_t kParallelMax = 256;

// INVALID_ARGUMENT: which option is wrong.
absl::Status CheckOptions(const StudyOptions& options);

// Names and values of all that decides, texts as digests; the order is fixed.
std::vector<std::pair<std::string, std::string>> DescribeOptions(const StudyOptions& options);

}  // namespace moa
