#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "simulator/chat_request.h"
#include "simulator/coder_program.h"
#include "simulator/digest.h"
#include "simulator/model_table.h"

namespace moa::simulator::coder {

// What a model answers when it is asked for the challenge's function: docs/simulator-coder.md.

// The program that the call writes: a function of the simulator's seed, the model, the request and `sample`, which tells
// calls and choices apart.
Program ProgramFor(const ChatRequest& request, const Model& model, uint64_t seed, uint64_t sample);

// The answer around it: a first line with `tag`, then prose and the code in a fenced block; at times thoughts with a draft,
// a first version that is mended further down, or an example of use. REQUIRES: AsksForTheFunction(request).
std::string ReplyFor(const ChatRequest& request, const Model& model, absl::string_view tag,
                     uint64_t seed, uint64_t sample);

// How many tokens a coder thinks before it writes.
int64_t ThinkingTokens(absl::string_view effort, Random& random);

}  // namespace moa::simulator::coder
