#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/tuner/candidates.h"
#include "client/tuner/random.h"
#include "client/tuner/space.h"
#include "moa/v1/job.pb.h"

namespace moa {

// Reflection: a model reads what a configuration's agents are told and what its answers failed in, and proposes other
// prompts (after GEPA: Agrawal et al., arXiv 2507.19457).

// What a model is asked. The answer is JSON by kPromptEditsSchema.
struct ReflectionRequest {
  uint64_t number = 0;   // from 1 on
  std::string parent{};  // the key of the configuration whose prompts are rewritten
  std::string system{};
  std::string user{};
};

struct ReflectionReply {
  uint64_t number = 0;
  std::string failure{};  // why there is no text
  std::string text{};
  uint64_t tokens = 0;
  double cost_usd = 0;
  std::string job_id{};  // for people
};

struct PromptEdit {
  std::string agent{};
  std::string system_prompt{};
};

// {"edits":[{"agent","system_prompt"}]}: the response format's schema, and its name.
inline constexpr absl::string_view kPromptEditsName = "prompt_edits";
std::string PromptEditsSchema();

// The configuration to learn from: for each, a value is drawn from what is believed of it, and the highest wins (Thompson,
// 1933). So each is chosen as often as it may be the best. nullopt: none of them fails in anything.
std::optional<size_t> ChooseParent(const Candidates& candidates, Random& random);

// `task` is the conversation that the agents answer.
ReflectionRequest AskForEdits(const Space& space, const Candidate& parent, absl::string_view task);

// INVALID_ARGUMENT: why the reply cannot be used. Text around the JSON object is ignored.
absl::StatusOr<std::vector<PromptEdit>> ReadEdits(absl::string_view reply);

// The job that puts the request to `model`.
v1::JobSpec ReflectionJob(const ReflectionRequest& request, const std::string& model);

}  // namespace moa
