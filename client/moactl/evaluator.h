#pragma once

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "client/tuner/reflection.h"
#include "client/tuner/trial.h"

namespace moa {

// Runs what a study asks for. Thread-safe: several trials run at once.
//
// An error says nothing of the configuration: the study cannot go on now, and can be resumed. kCancelled: `stop` was
// requested; what was running has been ended.
class Evaluator {
 public:
  virtual ~Evaluator() = default;

  // Runs the trial's MoA and grades its answer. `key` is the same for the same trial of the same study, in whatever
  // process: what was done and paid for under it is found again. Blocks.
  virtual absl::StatusOr<TrialResult> Run(const Trial& trial, const std::string& key,
                                          std::stop_token stop) = 0;
  // Puts the request to the rewriting model. Blocks.
  virtual absl::StatusOr<ReflectionReply> Rewrite(const ReflectionRequest& request,
                                                  const std::string& key, std::stop_token stop) = 0;
};

}  // namespace moa
