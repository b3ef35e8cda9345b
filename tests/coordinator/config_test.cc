#include "coordinator/config.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"

namespace moa {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

absl::StatusOr<CoordinatorConfig> Read(absl::string_view text) {
  const std::string path = absl::StrCat(testing::TempDir(), "/config_test_", getpid(),
                                        ".yaml");  // tests run side by side
  std::ofstream(path) << text;
  absl::StatusOr<CoordinatorConfig> config = ReadCoordinatorConfig(path);
  std::remove(path.c_str());
  return config;
}

std::string MistakesIn(absl::string_view text) {
  return std::string(Read(text).status().message());
}

TEST(CoordinatorConfigTest, WithoutAFileTheShippedTableStandsAndNoQuota) {
  const absl::StatusOr<CoordinatorConfig> config = ReadCoordinatorConfig("");
  ASSERT_OK(config);
  EXPECT_NE(config->models.Find("gpt-oss-120b"), nullptr);
  EXPECT_THAT(config->quotas, IsEmpty());
}

TEST(CoordinatorConfigTest, ReadsModelsAliasesAndQuotas) {
  const absl::StatusOr<CoordinatorConfig> config = Read(R"(
models:
  - {id: mine, context_tokens: 8192, max_completion_tokens: 4096, tokens_per_second: 900.5,
     usd_per_million_prompt_tokens: 1, usd_per_million_completion_tokens: 2,
     reasoning_efforts: [low, high], default_reasoning_effort: low, reservation_tokens_max: 2048}
  - {id: plain}
aliases: {llama3.1-8b: mine, old: gpt-oss-120b}
quotas:
  - {model: old, requests_per_minute: 1000, requests_per_hour: 2000, requests_per_day: 3000,
     tokens_per_minute: 4000, tokens_per_hour: 5000, tokens_per_day: 6000,
     total_tokens_per_minute: 12000, max_concurrent: 7}
  - {key: 3f2a, max_concurrent: 100}
)");
  ASSERT_OK(config);
  const ModelInfo* mine = config->models.Find("mine");
  ASSERT_NE(mine, nullptr);
  EXPECT_EQ(mine->tokens_per_second, 900.5);
  EXPECT_THAT(mine->reasoning_efforts, ElementsAre("low", "high"));
  EXPECT_EQ(mine->default_reasoning_effort, "low");
  EXPECT_EQ(mine->reservation_tokens_max, 2048u);
  EXPECT_EQ(config->models.Find("plain")->reservation_tokens_max, 16'384u);
  EXPECT_EQ(config->models.Canonical("llama3.1-8b"), "mine");
  EXPECT_EQ(config->models.Canonical("zai-glm-4.7"), "gpt-oss-120b") << "shipped ones stay";
  ASSERT_THAT(config->quotas, SizeIs(2));
  const QuotaConfig& first = config->quotas[0];
  EXPECT_EQ(first.model, "gpt-oss-120b") << "an alias's quota is its model's";
  EXPECT_EQ(first.key, "*");
  EXPECT_EQ(first.requests_per_minute, 1000u);
  EXPECT_EQ(first.requests_per_hour, 2000u);
  EXPECT_EQ(first.requests_per_day, 3000u);
  EXPECT_EQ(first.tokens_per_minute, 4000u);
  EXPECT_EQ(first.tokens_per_hour, 5000u);
  EXPECT_EQ(first.tokens_per_day, 6000u);
  EXPECT_EQ(first.total_tokens_per_minute, 12'000u);
  EXPECT_EQ(first.max_concurrent, 7u);
  EXPECT_EQ(config->quotas[1].model, "*");
  EXPECT_EQ(config->quotas[1].key, "3f2a");
  EXPECT_EQ(config->quotas[1].requests_per_minute, std::nullopt);
}

TEST(CoordinatorConfigTest, TellsEveryMistakeWithItsLine) {
  const std::string mistakes = MistakesIn(R"(models:
  - {id: a, context_tokens: 0, speed: 3}
  - {id: a, tokens_per_second: -1}
  - {context_tokens: 5}
  - {id: b, reasoning_efforts: [low, extreme, low], default_reasoning_effort: none}
aliases:
  gpt-oss-120b: a
  older: gpt-oss-12b
quotas:
  - {model: nonsense, requests_per_minute: 5}
  - {model: a}
  - {model: a, tokens_per_minute: 100, total_tokens_per_minute: 50}
  - {model: a, requests_per_minute: 0, key: csk-secret}
  - {model: qwen-3.8-27b, requests_per_second: 5, max_concurrent: 1}
  - {model: qwen-3.8-27b, max_concurrent: 2}
quota: []
)");
  for (const char* expected :
       {":2: models[0].context_tokens", ":2: models[0].speed: unknown field",
        ":3: models[1].tokens_per_second: a speed is from 0", ":3: models[1].id: a is there twice",
        ":4: models[2]", ":5: models[3].reasoning_efforts[1]: must be none, low, medium or high",
        ":5: models[3].reasoning_efforts[2]: low is there twice",
        ":5: models[3].default_reasoning_effort: must be one of reasoning_efforts",
        "gpt-oss-120b is a model of the table and cannot be an alias",
        "gpt-oss-12b is no model of the table; did you mean gpt-oss-120b?",
        ":10: quotas[0].model: nonsense is no model of the table", ":11: quotas[1]: has no limit",
        ":12: quotas[2].total_tokens_per_minute: counts cached tokens too",
        ":13: quotas[3].requests_per_minute", ":13: quotas[3].key: is an API key",
        ":14: quotas[4].requests_per_second: unknown field",
        ":15: quotas[5]: model qwen-3.8-27b with this key has a quota already",
        ":16: quota: unknown field"}) {
    EXPECT_THAT(mistakes, HasSubstr(expected));
  }
  EXPECT_THAT(mistakes, Not(HasSubstr("secret")));
}

// The example in docs/operations.md is a whole file.
TEST(CoordinatorConfigTest, TheDocumentedFileIsAccepted) {
  std::ifstream file(MOA_SOURCE_DIR "/docs/operations.md");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  constexpr absl::string_view kFence = "```yaml\n";
  const size_t begin = text.find(kFence.data(), text.find("#### The configuration file"));
  ASSERT_NE(begin, std::string::npos);
  const size_t from = begin + kFence.size();
  const absl::StatusOr<CoordinatorConfig> config =
      Read(text.substr(from, text.find("```", from) - from));
  ASSERT_OK(config);
  EXPECT_THAT(config->models.AliasesOf("my-endpoint"), ElementsAre("llama3.1-8b"));
  ASSERT_THAT(config->quotas, SizeIs(1));
  EXPECT_EQ(config->quotas[0].max_concurrent, 100u);
}

TEST(CoordinatorConfigTest, TypesAreChecked) {
  EXPECT_THAT(MistakesIn("models: {id: a}\n"), HasSubstr("models"));
  EXPECT_THAT(MistakesIn("aliases: [a, b]\n"), HasSubstr("aliases"));
  EXPECT_THAT(MistakesIn("aliases: {a: [b]}\n"), HasSubstr("aliases.a"));
  EXPECT_THAT(MistakesIn("quotas: [5]\n"), HasSubstr("quotas[0]"));
}

TEST(CoordinatorConfigTest, PresetsAreAddedOrTakeThePlaceOfShippedOnes) {
  const absl::StatusOr<CoordinatorConfig> config = Read(R"(
presets:
  - name: duo
    description: Two answers and a reply
    moa:
      layers:
        - agents: [{name: a, model: gpt-oss-120b, samples: 2}]
      aggregator: {model: llama3.1-8b}
  - name: moa
    description: Ours
    moa: {aggregator: {model: gpt-oss-120b}}
)");
  ASSERT_OK(config);
  EXPECT_EQ(config->presets.size(), ShippedPresets().size() + 1);
  const auto find = [&](absl::string_view name) {
    return *std::find_if(config->presets.begin(), config->presets.end(),
                         [&](const v1::Preset& preset) { return preset.name() == name; });
  };
  EXPECT_EQ(find("moa").description(), "Ours");
  EXPECT_EQ(find("duo").moa().layers_size(), 1);
}

TEST(CoordinatorConfigTest, AnUnsoundPresetIsToldAtTheStart) {
  const std::string mistakes = MistakesIn(R"(
presets:
  - name: duo
    moa:
      layers:
        - cycles: 100
          agents: [{name: a, model: nobody-knows}]
      aggregator: {model: gpt-oss-120b}
)");
  EXPECT_THAT(mistakes,
              HasSubstr("moa.layers[0].agents[0].model: \"nobody-knows\" is no known model"));
  EXPECT_THAT(mistakes, HasSubstr("cycles"));
  EXPECT_THAT(mistakes, HasSubstr(".yaml:3: presets[0]"));
}

}  // namespace
}  // namespace moa
