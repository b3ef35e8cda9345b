#include "common/jobfile/presets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace moa {
namespace {

const v1::Preset* Find(const std::string& name) {
  for (const v1::Preset& preset : ShippedPresets()) {
    if (preset.name() == name) return &preset;
  }
  return nullptr;
}

int Calls(const v1::Moa& moa) {
  int calls = 1;
  for (const v1::Layer& layer : moa.layers()) {
    int agents = 0;
    for (const v1::Agent& agent : layer.agents())
      agents += static_cast<int>(std::max(1u, agent.samples()));
    calls += agents * static_cast<int>(std::max(1u, layer.cycles()));
  }
  return calls;
}

TEST(ShippedPresetsTest, HaveTheShapesThatTheirNamesPromise) {
  ASSERT_NE(Find("moa"), nullptr);
  EXPECT_EQ(Find("moa")->moa().layers_size(), 1);
  EXPECT_EQ(Calls(Find("moa")->moa()), 5);
  ASSERT_NE(Find("workshop"), nullptr);
  EXPECT_EQ(Find("workshop")->moa().layers(0).cycles(), 3u);
  EXPECT_EQ(Calls(Find("workshop")->moa()), 10);
}

TEST(ShippedPresetsTest, UseOnlyLivingModelsTightLimitsAndPromptsOfTheirOwn) {
  for (const v1::Preset& preset : ShippedPresets()) {
    EXPECT_FALSE(preset.description().empty()) << preset.name();
    std::vector<v1::Agent> agents = {preset.moa().aggregator()};
    for (const v1::Layer& layer : preset.moa().layers()) {
      agents.insert(agents.end(), layer.agents().begin(), layer.agents().end());
    }
    std::set<std::string> prompts;
    for (const v1::Agent& agent : agents) {
      EXPECT_THAT(agent.model(), testing::AnyOf("gpt-oss-120b", "qwen-3.8-27b"));
      EXPECT_GT(agent.max_completion_tokens(), 0u);
      EXPECT_LE(agent.max_completion_tokens(), 2048u);
      EXPECT_GT(agent.system_prompt().size(), 100u);
      EXPECT_TRUE(prompts.insert(agent.system_prompt()).second) << agent.name();
    }
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
