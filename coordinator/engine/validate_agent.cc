#include <algorithm>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/engine/fallback_policy.h"
#include "coordinator/engine/validation.h"

namespace moa {
namespace {

constexpr size_t kAgentNameMax = 64;
constexpr size_t kStopMax = 4;
// The API's seeds are signed 64-bit integers; sample i adds i.
constexpr auto kSeedMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
// How many different unknown models get a "did you mean": bounds the work on a hostile job.
constexpr size_t kSuggestionsMax = 20;
constexpr size_t kSchemaNameMax = 64;

}  // namespace

void AgentCheck::Add(absl::string_view field, std::string description) {
  violations_.Add(absl::StrCat(path_, field), std::move(description));
}

void AgentCheck::VisitName(std::string path, const Agent& agent) {
  path_ = std::move(path);
  if (agent.name.empty()) {
    Add(".name", "is missing; give 1 to 64 of A-Z a-z 0-9 . _ - and space");
  } else if (!IsName(agent.name, kAgentNameMax, "._- ") || agent.name.front() == ' ' ||
             agent.name.back() == ' ') {
    Add(".name", absl::StrCat("is ", Quoted(agent.name),
                              "; must be 1 to 64 of A-Z a-z 0-9 . _ - and space, without a space "
                              "at either end"));
  }
}

void AgentCheck::Visit(std::string path, const Agent& agent) {
  path_ = std::move(path);
  bytes_ += agent.name.size() + agent.model.size() + agent.system_prompt.size() +
            agent.description.size();
  if (agent.grader) return VisitGrader(agent);
  VisitModel(".model", agent.model, agent);
  VisitFallbacks(agent);
  VisitRange(".temperature", agent.temperature, 0, 2);
  VisitRange(".top_p", agent.top_p, 0, 1);
  VisitRange(".frequency_penalty", agent.frequency_penalty, -2, 2);
  VisitRange(".presence_penalty", agent.presence_penalty, -2, 2);
  if (agent.seed.has_value() && *agent.seed > kSeedMax - agent.samples) {
    Add(".seed", absl::StrCat("is ", *agent.seed, "; must be at most 2^63 - 1, samples added"));
  }
  if (agent.stop.size() > kStopMax) {
    Add(".stop", absl::StrCat("has ", agent.stop.size(), " texts; at most 4 are allowed"));
  }
  for (size_t i = 0; i < agent.stop.size(); ++i) {
    bytes_ += agent.stop[i].size();
    if (i < kStopMax && agent.stop[i].empty()) {
      Add(absl::StrCat(".stop[", i, "]"), "is empty; a text to stop at has at least one byte");
    }
  }
  if (agent.response_format) VisitFormat(*agent.response_format);
  const std::string& effort = agent.reasoning_effort;
  if (!effort.empty() && effort != "none" && effort != "low" && effort != "medium" &&
      effort != "high") {
    Add(".reasoning_effort",
        absl::StrCat("is ", Quoted(effort), "; must be none, low, medium or high"));
  } else if (!effort.empty()) {
    VisitModelsEfforts(agent.model, effort);
    for (const std::string& model : agent.fallback_models) VisitModelsEfforts(model, effort);
  }
}

void AgentCheck::RefuseGrader(const std::string& path, const Agent& agent) {
  if (!agent.grader) return;
  violations_.Add(path + ".grader",
                  "is given, but this agent answers: critics and the aggregator of a MoA without "
                  "layers can grade");
}

// Its definition was looked at before, where files are known.
void AgentCheck::VisitGrader(const Agent& agent) {
  bytes_ += agent.grader->definition.size();
  Agent alone{.name = agent.name, .samples = agent.samples, .grader = agent.grader};
  if (agent.model == kGraderModel) alone.model = agent.model;  // of a job that was accepted before
  if (agent != alone) {
    Add(".grader", "stands beside fields of a model's; a grader has a name and nothing else");
  }
}

// What a fallback would refuse is refused here, too: it would fail when it is needed.
void AgentCheck::VisitModelsEfforts(const std::string& model, const std::string& effort) {
  const ModelInfo* info = models_.Find(model);
  if (info == nullptr || info->reasoning_efforts.empty()) return;
  const std::vector<std::string>& efforts = info->reasoning_efforts;
  if (std::find(efforts.begin(), efforts.end(), effort) != efforts.end()) return;
  Add(".reasoning_effort",
      absl::StrCat("is ", effort, "; ", model, " takes ", absl::StrJoin(efforts, ", ")));
}

void AgentCheck::VisitFallbacks(const Agent& agent) {
  const auto& fallbacks = agent.fallback_models;
  if (fallbacks.size() > kFallbackModelsMax) {
    Add(".fallback_models", absl::StrCat("has ", fallbacks.size(), " models; at most ",
                                         kFallbackModelsMax, " are allowed"));
    return;
  }
  absl::flat_hash_set<absl::string_view> seen;
  seen.insert(agent.model);
  for (size_t i = 0; i < fallbacks.size(); ++i) {
    const std::string field = absl::StrCat(".fallback_models[", i, "]");
    bytes_ += fallbacks[i].size();
    if (!fallbacks[i].empty() && !seen.insert(fallbacks[i]).second) {
      Add(field, absl::StrCat("repeats ", Quoted(fallbacks[i]), "; each model is tried once"));
    } else {
      VisitModel(field, fallbacks[i], agent);
    }
  }
}

void AgentCheck::VisitModel(absl::string_view field, const std::string& model, const Agent& agent) {
  const ModelInfo* info = models_.Find(model);
  if (model.empty()) {
    Add(field, "is missing; name a model");
  } else if (info == nullptr) {
    Add(field, UnknownModel(model));
  }
  if (!agent.max_completion_tokens.has_value()) return;
  const uint32_t tokens = *agent.max_completion_tokens;
  const uint32_t tokens_max = info == nullptr ? 0 : info->max_completion_tokens;
  if (tokens == 0 && field == ".model") {
    Add(".max_completion_tokens", "is 0; must be at least 1 (leave it out for 2048)");
  } else if (tokens_max != 0 && tokens > tokens_max) {
    Add(".max_completion_tokens",
        absl::StrCat("is ", tokens, "; ", model, " gives at most ", tokens_max));
  }
}

std::string AgentCheck::UnknownModel(const std::string& model) {
  const auto known = unknown_.find(model);
  if (known != unknown_.end()) return known->second;
  std::string text = absl::StrCat(Quoted(model), " is no known model");
  if (unknown_.size() >= kSuggestionsMax) return text;
  const std::string suggestion = models_.Suggest(model);
  if (!suggestion.empty()) {
    absl::StrAppend(&text, "; did you mean ", suggestion, "?");
  } else {
    absl::StrAppend(&text, KnownModels());
  }
  unknown_.emplace(model, text);
  return text;
}

std::string AgentCheck::KnownModels() const {
  constexpr size_t kShownMax = 5;
  std::string text = models_.all().empty() ? "; none is configured" : "; known are ";
  size_t shown = 0;
  for (const auto& [id, info] : models_.all()) {
    if (shown == kShownMax) return absl::StrCat(text, ", …");
    absl::StrAppend(&text, shown == 0 ? "" : ", ", id);
    ++shown;
  }
  return text;
}

// Written so that NaN is out of range too.
void AgentCheck::VisitRange(absl::string_view field, const std::optional<double>& value, double low,
                            double high) {
  if (!value.has_value() || (*value >= low && *value <= high)) return;
  Add(field, absl::StrCat("is ", *value, "; must be from ", low, " to ", high));
}

void AgentCheck::VisitFormat(const ResponseFormat& format) {
  bytes_ += format.name.size() + format.schema.size();
  if (format.type != ResponseFormat::Type::kJsonSchema) {
    if (!format.schema.empty() || !format.name.empty() || format.strict) {
      Add(".response_format", "has a schema, a name or strict, which belong to type json_schema");
    }
    return;
  }
  if (!IsName(format.name, kSchemaNameMax, "_-")) {
    Add(".response_format.name",
        absl::StrCat("is ", Quoted(format.name), "; must be 1 to 64 of A-Z a-z 0-9 _ -"));
  }
  std::string mistake = SchemaMistake(format.schema.view(), format.strict);
  if (!mistake.empty()) Add(".response_format.schema", std::move(mistake));
}

}  // namespace moa
