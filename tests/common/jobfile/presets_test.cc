#include "common/jobfile/presets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/document/file.h"
#include "common/jobfile/job_file.h"

namespace moa {
namespace {

const v1::Preset* Find(const std::string& name) {
  for (const v1::Preset& preset : ShippedPresets()) {
    if (preset.name() == name) return &preset;
  }
  return nullptr;
}

// With every round that critics may ask for.
uint32_t Calls(const v1::Moa& moa) {
  uint32_t calls = moa.best_answer() ? 0 : 1;
  for (const v1::Layer& layer : moa.layers()) {
    uint32_t answers = 0;
    for (const v1::Agent& agent : layer.agents()) answers += std::max(1u, agent.samples());
    if (layer.has_route()) {
      answers = layer.route().top();
      ++calls;
    }
    const v1::Critique& critique = layer.critique();
    const auto critics = static_cast<uint32_t>(critique.critics_size());
    const uint32_t verdicts = critique.scope() == v1::Critique::EACH ? critics * answers : critics;
    calls += (answers + verdicts) * std::max(1u, critique.rounds()) * std::max(1u, layer.cycles());
  }
  return calls;
}

TEST(ShippedPresetsTest, HaveTheCallsThatTheirDescriptionsPromise) {
  const std::map<std::string, uint32_t> expected = {
      {"moa", 5},    {"together", 13}, {"moa-lite", 7},   {"self-moa", 7},
      {"ninja", 33}, {"cepo", 27},     {"best-of-n", 10}, {"self-moa-seq", 10},
      {"routed", 4}, {"majority", 5},  {"workshop", 10},  {"debate-sparse", 15}};
  EXPECT_EQ(ShippedPresets().size(), expected.size());
  for (const auto& [name, calls] : expected) {
    const v1::Preset* preset = Find(name);
    ASSERT_NE(preset, nullptr) << name;
    EXPECT_EQ(Calls(preset->moa()), calls) << name;
    EXPECT_THAT(preset->description(),
                testing::AnyOf(testing::EndsWith(absl::StrCat(" (", calls, " calls)")),
                               testing::EndsWith(absl::StrCat(" (at most ", calls, " calls)"))))
        << name;
  }
}

// The aggregator, and every layer's agents, critics and router.
std::vector<v1::Agent> AgentsOf(const v1::Moa& moa) {
  std::vector<v1::Agent> agents;
  if (!moa.best_answer()) agents.push_back(moa.aggregator());
  for (const v1::Layer& layer : moa.layers()) {
    agents.insert(agents.end(), layer.agents().begin(), layer.agents().end());
    const auto& critics = layer.critique().critics();
    agents.insert(agents.end(), critics.begin(), critics.end());
    if (layer.has_route()) agents.push_back(layer.route().router());
  }
  return agents;
}

TEST(ShippedPresetsTest, UseOnlyLivingModelsTightLimitsAndPromptsOfTheirOwn) {
  for (const v1::Preset& preset : ShippedPresets()) {
    EXPECT_FALSE(preset.description().empty()) << preset.name();
    std::map<std::string, std::string> authors;  // by prompt
    for (const v1::Agent& agent : AgentsOf(preset.moa())) {
      EXPECT_THAT(agent.model(), testing::AnyOf("gpt-oss-120b", "qwen-3.8-27b"));
      EXPECT_GT(agent.max_completion_tokens(), 0u);
      EXPECT_LE(agent.max_completion_tokens(), 4096u);
      EXPECT_GT(agent.system_prompt().size(), 100u);
      const auto [it, is_new] = authors.emplace(agent.system_prompt(), agent.name());
      EXPECT_TRUE(is_new || it->second == agent.name()) << agent.name();
    }
  }
}

// The provider refuses an effort that a model does not know, be it the agent's own or a fallback.
TEST(ShippedPresetsTest, NameEffortsThatEveryModelOfAnAgentTakes) {
  for (const v1::Preset& preset : ShippedPresets()) {
    for (const v1::Agent& agent : AgentsOf(preset.moa())) {
      EXPECT_THAT(agent.reasoning_effort(), testing::AnyOf("none", "low", "medium", "high"))
          << preset.name() << ": " << agent.name();
      if (agent.reasoning_effort() != "none") continue;
      EXPECT_EQ(agent.model(), "qwen-3.8-27b") << preset.name() << ": " << agent.name();
      EXPECT_THAT(agent.fallback_models(), testing::IsEmpty()) << preset.name();
    }
    for (const v1::Layer& layer : preset.moa().layers()) {
      for (const v1::Escalation& step : layer.critique().escalate()) {
        EXPECT_THAT(step.reasoning_effort(), testing::AnyOf("", "low", "medium", "high"))
            << preset.name();
      }
    }
  }
}

// Those of whom a stage has only one, or whose verdicts decide: each turns to the other model.
TEST(ShippedPresetsTest, HaveFallbacksForAggregatorsCriticsAndRouters) {
  for (const v1::Preset& preset : ShippedPresets()) {
    std::vector<v1::Agent> deciders;
    if (!preset.moa().best_answer()) deciders.push_back(preset.moa().aggregator());
    for (const v1::Layer& layer : preset.moa().layers()) {
      const auto& critics = layer.critique().critics();
      deciders.insert(deciders.end(), critics.begin(), critics.end());
      if (layer.has_route()) deciders.push_back(layer.route().router());
    }
    for (const v1::Agent& agent : deciders) {
      const std::string other = agent.model() == "gpt-oss-120b" ? "qwen-3.8-27b" : "gpt-oss-120b";
      EXPECT_THAT(agent.fallback_models(), testing::ElementsAre(other))
          << preset.name() << ": " << agent.name();
      EXPECT_GE(agent.max_completion_tokens(), 600u) << preset.name() << ": " << agent.name();
    }
  }
}

std::string ReadPage(const std::string& name) {
  return ReadFile(absl::StrCat(MOA_SOURCE_DIR "/docs/presets/", name, ".md"), 1 << 20).value();
}

// The index has a line for it, and its page shows a job that changes it.
TEST(ShippedPresetsTest, HaveAPageOfAtMostSixtyLinesWhoseJobCanBeRead) {
  const std::string index = ReadPage("README");
  for (const v1::Preset& preset : ShippedPresets()) {
    const std::string& name = preset.name();
    EXPECT_THAT(index, testing::HasSubstr(absl::StrCat("| [", name, "](", name, ".md) | ")));
    const std::string page = ReadPage(name);
    EXPECT_TRUE(absl::StartsWith(page, absl::StrCat("# ", name, "\n"))) << name;
    EXPECT_LE(std::count(page.begin(), page.end(), '\n'), 60) << name;
    const std::vector<std::string> parts = absl::StrSplit(page, absl::MaxSplits("```yaml\n", 1));
    ASSERT_EQ(parts.size(), 2u) << name;
    Problems problems;
    const auto job = ReadJobFile(parts[1].substr(0, parts[1].find("```")), name, problems);
    EXPECT_EQ(problems.ToString(), "") << name;
    ASSERT_TRUE(job.has_value()) << name;
    EXPECT_EQ(job->spec.preset(), name);
    EXPECT_TRUE(job->spec.has_moa()) << name;
  }
}

TEST(ReadPresetsTest, ReportsDuplicateNamesAndMissingFields) {
  Problems problems;
  const auto document = ReadYaml(
      "- {name: a, moa: {aggregator: {model: m}}}\n"
      "- {name: a, moa: {aggregator: {model: m}}}\n- {descripton: x}\n",
      "p.yaml", problems);
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ(ReadPresets(Field::Root(*document, problems)).size(), 3u);
  EXPECT_EQ(problems.ToString(),
            "p.yaml:2: [1]: another preset of the list has the same name\n"
            "p.yaml:3: [2].name: is missing\n"
            "p.yaml:3: [2].moa: is missing\n"
            "p.yaml:3: [2].descripton: unknown field; did you mean \"description\"?");
}

}  // namespace
}  // namespace moa
