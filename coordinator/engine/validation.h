#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "coordinator/engine/plan.h"

namespace moa {

// Collects the mistakes of one job while it is validated; private to this folder. Not thread-safe.
class Violations {
 public:
  void Add(std::string field, std::string description) {
    list_.push_back({std::move(field), std::move(description)});
  }
  std::vector<Violation> Take() { return std::move(list_); }

 private:
  std::vector<Violation> list_;
};

// 1 to `size_max` bytes, all of them ASCII letters, digits or one of `others`.
bool IsName(absl::string_view name, size_t size_max, absl::string_view others);

// Excerpt of a user's text for an error message: at most 64 bytes, valid UTF-8, control characters
// made visible, in double quotes.
std::string Quoted(absl::string_view text);

// Mistakes in the messages: roles, order of tool calls and their answers (CEREBRAS_API section 2,
// API v2), the end of the conversation.
void ValidateMessages(const std::vector<Message>& messages, const JobLimits& limits,
                      Violations* violations);

// Mistakes in the tools and the choice among them.
void ValidateTools(const JobSpec& spec, const JobLimits& limits, Violations* violations);

// Dearer jobs are nobody's intention.
inline constexpr double kCostUsdMax = 1e6;

// Mistakes in the budget, and one that certainly holds no call of the aggregator.
void ValidateBudget(const JobSpec& spec, const ModelTable& models, Violations* violations);

// Bytes of all texts in the conversation and the tools.
uint64_t ConversationBytes(const JobSpec& spec);

}  // namespace moa
