#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/text.h"

namespace moa {

// What a job's layers and agents are: the engine's own form of the messages Moa to Agent of
// proto/moa/v1/job.proto, whose comments are the specification. Plain values; texts are shared.

struct ResponseFormat {
  enum class Type { kText, kJsonObject, kJsonSchema };
  Type type = Type::kText;
  std::string name{};
  Text schema{};
  bool strict = false;
  friend bool operator==(const ResponseFormat&, const ResponseFormat&) = default;
};

enum class Sees { kAll, kDealt, kNone };

// What grades code: the name and the text of its file, both set once a job was accepted.
struct GraderSpec {
  std::string name{};
  Text definition{};
  friend bool operator==(const GraderSpec&, const GraderSpec&) = default;
};

// What takes a model's place in the tasks of graders: workers that can grade announce it.
inline constexpr absl::string_view kGraderModel = "grader";

struct Agent {
  std::string name{};
  std::string model{};
  Text system_prompt{};
  uint32_t samples = 0;
  std::optional<double> temperature{};
  std::optional<double> top_p{};
  std::optional<uint32_t> max_completion_tokens{};
  std::optional<uint64_t> seed{};
  std::vector<Text> stop{};
  std::string reasoning_effort{};
  std::optional<double> frequency_penalty{};
  std::optional<double> presence_penalty{};
  std::vector<std::string> fallback_models{};
  std::optional<ResponseFormat> response_format{};
  Sees sees = Sees::kAll;
  Text description{};
  std::optional<GraderSpec> grader{};
  friend bool operator==(const Agent&, const Agent&) = default;
};

struct Quorum {
  uint32_t min = 0;
  absl::Duration grace{};
  friend bool operator==(const Quorum&, const Quorum&) = default;
};

struct Enough {
  uint32_t answers = 0;
  std::optional<double> confidence{};
  friend bool operator==(const Enough&, const Enough&) = default;
};

struct Route {
  Agent router{};
  uint32_t top = 0;
  friend bool operator==(const Route&, const Route&) = default;
};

struct Escalation {
  std::optional<uint32_t> max_completion_tokens{};
  std::string reasoning_effort{};
  std::optional<double> temperature{};
  friend bool operator==(const Escalation&, const Escalation&) = default;
};

struct Critique {
  enum class Scope { kEach, kAll };
  enum class Verdict { kAccept, kScore };
  enum class Feedback { kOwn, kAllAnswers, kNone };
  std::vector<Agent> critics{};
  Scope scope = Scope::kEach;
  Verdict verdict = Verdict::kAccept;
  uint32_t keep = 0;
  std::optional<double> accept_score{};
  uint32_t accept_min = 0;
  uint32_t rounds = 0;
  Feedback feedback = Feedback::kOwn;
  std::vector<Escalation> escalate{};
  bool may_end = false;
  friend bool operator==(const Critique&, const Critique&) = default;
};

enum class Match { kText, kLastLine, kNumber };

struct Vote {
  Match match = Match::kText;
  uint32_t min_agree = 0;
  friend bool operator==(const Vote&, const Vote&) = default;
};

struct EarlyExit {
  Match match = Match::kText;
  uint32_t min_agree = 0;
  friend bool operator==(const EarlyExit&, const EarlyExit&) = default;
};

struct Layer {
  std::vector<Agent> agents{};
  uint32_t cycles = 0;
  std::optional<Quorum> quorum{};
  std::optional<Route> route{};
  std::optional<Critique> critique{};
  std::optional<Vote> vote{};
  std::optional<EarlyExit> early_exit{};
  std::optional<Enough> enough{};
  friend bool operator==(const Layer&, const Layer&) = default;
};

struct ReferenceRules {
  enum class Placement { kAuto, kTrailing, kSystem };
  Placement placement = Placement::kAuto;
  uint32_t first_number = 1;
  bool shuffle = false;
  std::optional<double> drop_similar{};
  Text wrapper{};  // the message's `template`
  friend bool operator==(const ReferenceRules&, const ReferenceRules&) = default;
};

struct MoaSpec {
  std::vector<Layer> layers{};
  Agent aggregator{};
  bool best_answer = false;
  ReferenceRules references{};
  friend bool operator==(const MoaSpec&, const MoaSpec&) = default;
};

}  // namespace moa
