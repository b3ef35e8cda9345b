#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "simulator/chat_request.h"
#include "simulator/digest.h"
#include "simulator/personality.h"

namespace moa::simulator {

// What the role that a prompt gives a model makes of its reply. Roles are known by the form that is asked for (a critic's
// or rater's verdicts, a router's choice) or by what the prompt asks for in words (a last line). Pure functions.

enum class Role { kNone, kCritic, kRater, kRouter };
Role RoleOf(const ChatRequest& request);

// Whether a judge of this personality never answers.
bool HangsInRole(const ChatRequest& request, const Personality& base);

struct RoleReply {
  std::string content{};
  bool truncated = false;  // it ends in the middle, as by its limit
};

// The reply of a critic, a rater or a router; nullopt for others. `tag` is the reply's, and stands in its first text.
std::optional<RoleReply> ReplyInRole(const ChatRequest& request, const Personality& personality,
                                     absl::string_view tag, uint64_t seed);

// What is added to prose: "Answer: 42" where the prompt asks for a line "Answer:", "Confidence: 0.8" where it asks for
// one; "" elsewhere. `sample` tells samples of one prompt apart.
std::string LastLine(const ChatRequest& request, const Personality& personality, uint64_t seed,
                     uint64_t sample);

// Whether the prompt hands back what critics said, so that the reply is a revised one.
bool IsRevision(const ChatRequest& request);

}  // namespace moa::simulator
