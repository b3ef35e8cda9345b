#include "coordinator/engine/model_table.h"

#include <gtest/gtest.h>

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
