#include "coordinator/engine/model_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace moa {
namespace {

TEST(ModelTableTest, ShipsThePublicModelsWithPrices) {
  const ModelTable table = ModelTable::Shipped();
  ASSERT_NE(table.Find("gpt-oss-120b"), nullptr);
  EXPECT_TRUE(table.Find("gpt-oss-120b")->configured);
  EXPECT_EQ(table.Find("gpt-oss-120b")->max_completion_tokens, 40960u);
  EXPECT_NE(table.Find("qwen-3.8-27b"), nullptr);
  EXPECT_EQ(table.Find("llama-3.3-70b"), nullptr) << "retired";
  EXPECT_DOUBLE_EQ(
      table.CostUsd("qwen-3.8-27b", {.prompt_tokens = 1'000'000, .completion_tokens = 2'000'000}),
      0.99 + 2 * 1.49);
  EXPECT_EQ(table.CostUsd("unknown", {.prompt_tokens = 5}), 0);
}

TEST(ModelTableTest, RetiredIdsStandForTheirSuccessors) {
  const ModelTable table = ModelTable::Shipped();
  EXPECT_EQ(table.Canonical("llama-3.3-70b"), "gpt-oss-120b");
  EXPECT_EQ(table.Canonical("qwen-3-32b"), "qwen-3.8-27b");
  EXPECT_EQ(table.Canonical("gpt-oss-120b"), "gpt-oss-120b");
  EXPECT_EQ(table.Canonical("nobody"), "nobody");
  for (const auto& [id, info] : table.all()) {
    for (const std::string& alias : table.AliasesOf(id)) EXPECT_EQ(table.Canonical(alias), id);
    EXPECT_GT(info.tokens_per_second, 0) << id;
    EXPECT_EQ(info.reservation_tokens_max, 16'384u) << id;
  }
}

// A dedicated endpoint may serve what the public one has retired.
TEST(ModelTableTest, AModelThatIsThereIsNoAlias) {
  ModelTable table = ModelTable::Shipped();
  table.Announce("zai-glm-4.7");
  EXPECT_EQ(table.Canonical("zai-glm-4.7"), "zai-glm-4.7");
  for (const std::string& alias : table.AliasesOf("gpt-oss-120b")) EXPECT_NE(alias, "zai-glm-4.7");
}

TEST(ModelTableTest, ReplacingAliasesReachesEveryAgentOnce) {
  const ModelTable table = ModelTable::Shipped();
  MoaSpec moa;
  moa.layers = {{.agents = {{.model = "llama3.1-8b"}, {.model = "qwen-3.8-27b"}}}};
  moa.layers[0].agents[1].fallback_models = {"qwen-3-32b", "llama3.1-8b", "zai-glm-4.6"};
  moa.aggregator.model = "zai-glm-4.6";
  ReplaceAliases(table, &moa);
  EXPECT_EQ(moa.layers[0].agents[0].model, "gpt-oss-120b");
  EXPECT_EQ(moa.layers[0].agents[1].model, "qwen-3.8-27b");
  EXPECT_EQ(moa.layers[0].agents[1].fallback_models, std::vector<std::string>{"gpt-oss-120b"});
  EXPECT_EQ(moa.aggregator.model, "gpt-oss-120b");
  const MoaSpec once = moa;
  ReplaceAliases(table, &moa);
  EXPECT_EQ(moa, once);
}

TEST(ModelTableTest, AnnouncingKeepsWhatIsConfigured) {
  ModelTable table;
  table.Configure("a", {.context_tokens = 5});
  table.Announce("a");
  table.Announce("b");
  table.Announce("");
  EXPECT_TRUE(table.Find("a")->configured);
  EXPECT_EQ(table.Find("a")->context_tokens, 5u);
  EXPECT_FALSE(table.Find("b")->configured);
  EXPECT_EQ(table.all().size(), 2u);
}

TEST(ModelTableTest, AnnouncementsAreBoundedAndLeaveTheConfigurationOpen) {
  ModelTable table;
  for (int i = 0; i < 1500; ++i) table.Announce(absl::StrCat("m", i));
  EXPECT_EQ(table.all().size(), 1000u);
  table.Configure("mine", {});
  EXPECT_NE(table.Find("mine"), nullptr);
}

TEST(ModelTableTest, SuggestsTheNearestSpellingOrNothing) {
  const ModelTable table = ModelTable::Shipped();
  EXPECT_EQ(table.Suggest("gpt-oss-120"), "gpt-oss-120b");
  EXPECT_EQ(table.Suggest("qwen3.8-27b"), "qwen-3.8-27b");
  EXPECT_EQ(table.Suggest("qwen-3-8-72b"), "qwen-3.8-27b");
  EXPECT_EQ(table.Suggest("mistral-large"), "");
  EXPECT_EQ(table.Suggest(""), "");
  EXPECT_EQ(table.Suggest(std::string(1 << 20, 'x')), "");
}

}  // namespace
}  // namespace moa
