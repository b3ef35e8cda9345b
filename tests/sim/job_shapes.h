#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/engine/model_table.h"
#include "coordinator/engine/types.h"
#include "tests/sim/random.h"

namespace moa::sim {

// The models that the workers of a simulation offer between them.
const std::vector<std::string>& Models();

// Their context sizes and prices.
const ModelTable& Prices();

// A valid job of random shape: layers, agents, samples, cycles, references in place or appended,
// conversations, tools, seeds, deadlines, fallback models, quorums, budgets.
JobSpec RandomJob(uint32_t number, Random& random);

}  // namespace moa::sim
