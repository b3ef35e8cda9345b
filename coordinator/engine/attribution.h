#pragma once

#include <optional>
#include <vector>

#include "common/base/text.h"
#include "coordinator/engine/job_machine.h"

namespace moa {

// Which agents' words reached a job's answer, found without another call (MOA section 6), by word
// 5-grams (word_grams.h). Linear in the texts. Pure.
struct Attribution {
  // Of the distinct grams of the answer that at least one output holds, the share that this one
  // holds, 0 to 1; shares may overlap. 0 for all when no output holds anything of the answer.
  double share_of_answer = 0;
  // Of this output's distinct grams, the share that no other output holds.
  double novelty = 0;
  friend bool operator==(const Attribution&, const Attribution&) = default;
};

// One for each of `outputs`, in their order.
std::vector<Attribution> Attribute(const Text& answer, const std::vector<Text>& outputs);

// TaskResult.share_of_answer and .novelty of proto/moa/v1/job.proto for each task of `job`, by its
// index: for the agents whose answers were accepted, none for critics, routers, the others and the
// aggregator itself. Empty unless the job has succeeded.
std::vector<std::optional<Attribution>> Attribute(const JobMachine& job);

}  // namespace moa
