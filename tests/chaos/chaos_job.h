#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "moa/v1/job.pb.h"

namespace moa::chaos {

// The jobs of a run, each a function of its number alone: one to three layers of two to four agents and an aggregator,
// every prompt its own, and every byte of every prompt known from what the documents say: references come as a numbered
// list, in the place of {helper_response} or in the job's own template.
struct ChaosJob {
  int layers = 1;
  int agents = 2;
  bool in_system_prompt = false;  // where the references go

  int calls() const { return layers * agents + 1; }
};

ChaosJob ShapeOf(int64_t number);
v1::JobSpec MakeJob(int64_t number);
// "[mark NAME]" of its prompts, by which the simulator's records name it.
std::string MarkOf(int64_t number);
std::string KeyOf(uint64_t seed, int64_t number);

// The digest that the simulator must have seen of the prompt of a task: `layer` from 0, the aggregator's is the number
// of layers (its agent 0), given the answers of the layer before in order. Computed with the simulator's own digest.
std::string ExpectedDigest(int64_t number, int layer, int agent,
                           const std::vector<std::string>& references);

}  // namespace moa::chaos
