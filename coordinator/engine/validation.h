#pragma once

#include <cstdint>
#include <map>
#include <optional>
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

// What is wrong with a JSON Schema for replies; "" when nothing is. With `strict` the provider's limits count
// (CEREBRAS_API section 2: keywords, additionalProperties, depth, sizes), without them only that it is a JSON object.
std::string SchemaMistake(absl::string_view schema, bool strict);

// Mistakes of agents one by one, with their texts counted on the way. Not thread-safe.
class AgentCheck {
 public:
  // Borrows both.
  AgentCheck(const ModelTable& models, Violations* violations)
      : models_(models), violations_(*violations) {}

  void VisitName(std::string path, const Agent& agent);
  // All but the name, which some may do without, and the samples.
  void Visit(std::string path, const Agent& agent);
  // An agent that may not grade.
  void RefuseGrader(const std::string& path, const Agent& agent);

  uint64_t bytes() const { return bytes_; }

 private:
  void Add(absl::string_view field, std::string description);
  void VisitModelsEfforts(const std::string& model, const std::string& effort);
  void VisitFallbacks(const Agent& agent);
  void VisitModel(absl::string_view field, const std::string& model, const Agent& agent);
  void VisitRange(absl::string_view field, const std::optional<double>& value, double low,
                  double high);
  void VisitFormat(const ResponseFormat& format);
  void VisitGrader(const Agent& agent);
  std::string UnknownModel(const std::string& model);
  std::string KnownModels() const;

  const ModelTable& models_;
  Violations& violations_;
  std::string path_;  // of the agent being looked at
  uint64_t bytes_ = 0;
  std::map<std::string, std::string> unknown_;  // models not found, with what was said about them
};

// "has 300 agents; at most 256 are allowed (agents_per_layer_max)"
std::string TooMany(uint64_t count, absl::string_view what, uint64_t limit,
                    absl::string_view limit_name);

// Mistakes in the MoA. Returns the bytes of its texts.
uint64_t ValidateMoa(const MoaSpec& moa, const ModelTable& models, const JobLimits& limits,
                     Violations* violations);

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
