#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/engine/fallback_policy.h"
#include "coordinator/engine/plan.h"
#include "coordinator/engine/validation.h"

namespace moa {
namespace {

constexpr size_t kNameMax = 200;
constexpr size_t kTenantMax = 64;
constexpr size_t kAgentNameMax = 64;
constexpr size_t kStopMax = 4;
// The API's seeds are signed 64-bit integers; sample i adds i.
constexpr auto kSeedMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
// How many different unknown models get a "did you mean": bounds the work on a hostile job.
constexpr size_t kSuggestionsMax = 20;

// "at most 256 are allowed (agents_per_layer_max)"
std::string TooMany(uint64_t count, absl::string_view what, uint64_t limit,
                    absl::string_view limit_name) {
  return absl::StrCat("has ", count, " ", what, "; at most ", limit, " are allowed (", limit_name,
                      ")");
}

// Validates the MoA, counting the tasks and the texts of its agents on the way.
class MoaCheck {
 public:
  MoaCheck(const ModelTable& models, const JobLimits& limits, Violations* violations)
      : models_(models), limits_(limits), violations_(*violations) {}

  void Visit(const MoaSpec& moa) {
    if (moa.layers.size() > limits_.layers_max) {
      violations_.Add("moa.layers",
                      TooMany(moa.layers.size(), "layers", limits_.layers_max, "layers_max"));
    } else {
      for (size_t i = 0; i < moa.layers.size(); ++i) {
        VisitLayer(absl::StrCat("moa.layers[", i, "]"), moa.layers[i]);
      }
    }
    path_ = "moa.aggregator";
    if (moa.aggregator.samples > 1) {
      Add(".samples", absl::StrCat("is ", moa.aggregator.samples,
                                   "; the aggregator answers once: leave it out or say 1"));
    }
    if (!moa.aggregator.name.empty()) VisitName(moa.aggregator);
    VisitAgent(moa.aggregator);
    tasks_ += 1;
    if (tasks_ > limits_.tasks_max) {
      violations_.Add("moa", absl::StrCat("makes ", tasks_, " tasks (agents times samples times ",
                                          "cycles, and the aggregator); at most ",
                                          limits_.tasks_max, " are allowed (tasks_max)"));
    }
  }

  uint64_t bytes() const { return bytes_; }

 private:
  void Add(absl::string_view field, std::string description) {
    violations_.Add(absl::StrCat(path_, field), std::move(description));
  }

  void VisitLayer(const std::string& path, const Layer& layer) {
    const uint32_t cycles = std::max(layer.cycles, uint32_t{1});
    if (layer.agents.empty()) {
      violations_.Add(absl::StrCat(path, ".agents"),
                      "is empty; a layer needs an agent (for a plain call leave out the layers)");
    }
    if (layer.agents.size() > limits_.agents_per_layer_max) {
      violations_.Add(absl::StrCat(path, ".agents"),
                      TooMany(layer.agents.size(), "agents", limits_.agents_per_layer_max,
                              "agents_per_layer_max"));
      return;
    }
    absl::flat_hash_set<absl::string_view> names;
    uint64_t tasks = 0;
    for (size_t i = 0; i < layer.agents.size(); ++i) {
      const Agent& agent = layer.agents[i];
      path_ = absl::StrCat(path, ".agents[", i, "]");
      VisitName(agent);
      if (!agent.name.empty() && !names.insert(agent.name).second) {
        Add(".name",
            absl::StrCat("repeats ", Quoted(agent.name), "; names must be unique within a layer"));
      }
      if (agent.samples > limits_.samples_max) {
        Add(".samples", absl::StrCat("is ", agent.samples, "; at most ", limits_.samples_max,
                                     " are allowed (samples_max)"));
      } else {
        tasks += std::max(agent.samples, uint32_t{1});
      }
      VisitAgent(agent);
    }
    if (cycles > limits_.cycles_max) {
      violations_.Add(absl::StrCat(path, ".cycles"),
                      absl::StrCat("is ", cycles, "; at most ", limits_.cycles_max,
                                   " are allowed (cycles_max)"));
      return;
    }
    tasks_ += tasks * cycles;
    VisitQuorum(absl::StrCat(path, ".quorum"), layer, tasks);
  }

  void VisitQuorum(const std::string& path, const Layer& layer, uint64_t tasks) {
    if (!layer.quorum.has_value()) return;
    const auto [min, grace] = *layer.quorum;
    if (min < 1 || min > tasks) {
      violations_.Add(absl::StrCat(path, ".min"),
                      absl::StrCat("is ", min, "; must be from 1 to ", tasks,
                                   ", the answers of a round (agents times samples)"));
    }
    if (grace < absl::ZeroDuration() || grace > limits_.deadline_max) {
      violations_.Add(absl::StrCat(path, ".grace"),
                      absl::StrCat("is ", absl::FormatDuration(grace), "; must be from 0 to ",
                                   absl::FormatDuration(limits_.deadline_max)));
    }
  }

  void VisitName(const Agent& agent) {
    if (agent.name.empty()) {
      Add(".name", "is missing; give 1 to 64 of A-Z a-z 0-9 . _ - and space");
    } else if (!IsName(agent.name, kAgentNameMax, "._- ") || agent.name.front() == ' ' ||
               agent.name.back() == ' ') {
      Add(".name", absl::StrCat("is ", Quoted(agent.name),
                                "; must be 1 to 64 of A-Z a-z 0-9 . _ - and space, without a space "
                                "at either end"));
    }
  }

  void VisitAgent(const Agent& agent) {
    bytes_ += agent.name.size() + agent.model.size() + agent.system_prompt.size();
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

  // What a fallback would refuse is refused here, too: it would fail when it is needed.
  void VisitModelsEfforts(const std::string& model, const std::string& effort) {
    const ModelInfo* info = models_.Find(model);
    if (info == nullptr || info->reasoning_efforts.empty()) return;
    const std::vector<std::string>& efforts = info->reasoning_efforts;
    if (std::find(efforts.begin(), efforts.end(), effort) != efforts.end()) return;
    Add(".reasoning_effort",
        absl::StrCat("is ", effort, "; ", model, " takes ", absl::StrJoin(efforts, ", ")));
  }

  void VisitFallbacks(const Agent& agent) {
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

  void VisitModel(absl::string_view field, const std::string& model, const Agent& agent) {
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

  std::string UnknownModel(const std::string& model) {
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

  std::string KnownModels() const {
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
  void VisitRange(absl::string_view field, const std::optional<double>& value, double low,
                  double high) {
    if (!value.has_value() || (*value >= low && *value <= high)) return;
    Add(field, absl::StrCat("is ", *value, "; must be from ", low, " to ", high));
  }

  const ModelTable& models_;
  const JobLimits& limits_;
  Violations& violations_;
  std::string path_;  // of the agent being looked at
  uint64_t tasks_ = 0;
  uint64_t bytes_ = 0;
  std::map<std::string, std::string> unknown_;  // models not found, with what was said about them
};

void ValidateLabels(const JobSpec& spec, Violations* violations) {
  if (spec.name.size() > kNameMax) {
    violations->Add("name", absl::StrCat("has ", spec.name.size(), " bytes; at most 200 fit"));
  }
  if (!IsValidUtf8(spec.name)) violations->Add("name", "is not valid UTF-8");
  if (!spec.tenant.empty() && !IsName(spec.tenant.value(), kTenantMax, "._-")) {
    violations->Add("tenant", absl::StrCat("is ", Quoted(spec.tenant.value()),
                                           "; must be at most 64 of A-Z a-z 0-9 . _ -"));
  }
}

void ValidateDeadline(const JobSpec& spec, const JobLimits& limits, Violations* violations) {
  if (!spec.deadline.has_value()) return;
  if (*spec.deadline < absl::Milliseconds(1) || *spec.deadline > limits.deadline_max) {
    violations->Add(
        "deadline",
        absl::StrCat("is ", absl::FormatDuration(*spec.deadline), "; must be from 1ms to ",
                     absl::FormatDuration(limits.deadline_max), " (deadline_max)"));
  }
}

}  // namespace

std::vector<Violation> Validate(const JobSpec& spec, const ModelTable& models,
                                const JobLimits& limits) {
  Violations violations;
  ValidateLabels(spec, &violations);
  ValidateMessages(spec.messages, limits, &violations);
  MoaCheck moa(models, limits, &violations);
  moa.Visit(spec.moa);
  ValidateTools(spec, limits, &violations);
  ValidateDeadline(spec, limits, &violations);
  ValidateBudget(spec, models, &violations);
  const uint64_t bytes = ConversationBytes(spec) + moa.bytes();
  if (bytes > limits.text_bytes_max) {
    violations.Add("",
                   absl::StrCat("the texts of the job have ", bytes, " bytes together; at most ",
                                limits.text_bytes_max, " are allowed (text_bytes_max)"));
  }
  return violations.Take();
}

}  // namespace moa
