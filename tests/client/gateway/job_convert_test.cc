#include "client/gateway/job_convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "common/document/document.h"
#include "common/document/json_text.h"

namespace moa::gateway {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Node Converted(absl::string_view text, absl::string_view file) {
  const auto converted = ConvertedJob(text, file, "2026-01-02T03:04:05");
  const std::string* json = std::get_if<std::string>(&converted);
  EXPECT_NE(json, nullptr) << (json == nullptr ? std::get<ApiError>(converted).message : "");
  Problems problems;
  std::optional<Document> document = ReadJson(json == nullptr ? "{}" : *json, "out", problems);
  EXPECT_TRUE(document.has_value()) << problems.ToString();
  return document ? std::move(document->root) : Node();
}

std::string Text(const Node& node, absl::string_view key) {
  const Node* child = node.Find(key);
  if (child == nullptr) return "(none)";
  return child->kind == NodeKind::kScalar ? child->text : ToJson(*child);
}

TEST(JobConvertTest, YamlBecomesJsonAndYamlAgain) {
  const Node answer = Converted("prompt: Why?\npreset: moa\nname: 2024\n", "job.yaml");
  EXPECT_EQ(Text(answer, "form"), "job");
  EXPECT_EQ(Text(answer, "job"), R"({"name":"2024","prompt":"Why?","preset":"moa"})");
  EXPECT_EQ(Text(answer, "yaml"), "name: \"2024\"\nprompt: \"Why?\"\npreset: moa\n");
  EXPECT_EQ(Text(answer, "problems"), "[]");
  EXPECT_EQ(Text(answer, "warnings"), "[]");
  EXPECT_EQ(Text(*answer.Find("workshop"), "file"), "null");
  EXPECT_THAT(Text(*answer.Find("workshop"), "notes"), StartsWith(R"([{"path":"preset",)"));
}

TEST(JobConvertTest, AWorkshopsFileBecomesAJobWithItsWarnings) {
  const Node answer = Converted(R"({
  "ai_configuration": {"main_model": "m", "mood": 1, "cycles": 2, "system_prompt": "{helper_response}",
    "layer_agents": [{"name": "a", "model": "n", "temperature": 0.5, "prompt": "No token"}]}})",
                                "");
  EXPECT_EQ(Text(answer, "form"), "workshop");
  EXPECT_EQ(Text(answer, "job"),
            R"({"moa":{"references":{"placement":"system","first_number":0},"layers":[{"cycles":2,)"
            R"("agents":[{"name":"a","model":"n","temperature":0.5,"system_prompt":"No token"}]}],)"
            R"("aggregator":{"name":"main","model":"m","system_prompt":"{helper_response}"}}})");
  EXPECT_THAT(Text(answer, "warnings"),
              HasSubstr(R"({"path":"ai_configuration.mood","message":"is ignored: unknown field",)"
                        R"("line":2,)"));
  EXPECT_THAT(Text(answer, "warnings"), HasSubstr(R"("line":3)"));
  EXPECT_THAT(Text(*answer.Find("workshop"), "file"), HasSubstr(R"("main_model": "m")"));
}

TEST(JobConvertTest, AJobWithMistakesComesBackAsItStands) {
  const Node answer = Converted("prompt: Why?\nmoa:\n  colour: [red]\n  layers: 3\n", "job.yaml");
  EXPECT_EQ(Text(answer, "job"), R"({"prompt":"Why?","moa":{"colour":["red"],"layers":3}})");
  EXPECT_THAT(Text(answer, "yaml"), HasSubstr("layers: 3\n"));
  EXPECT_EQ(Text(answer, "workshop"), "(none)");
  const std::string problems = Text(answer, "problems");
  EXPECT_THAT(problems, HasSubstr(R"("path":"moa.layers")"));
  EXPECT_THAT(problems, HasSubstr(R"("line":4)"));
  EXPECT_THAT(problems, HasSubstr(R"("path":"moa.colour")"));
}

TEST(JobConvertTest, AWorkshopsFileWithMistakesIsNoJob) {
  const Node answer = Converted(R"({"main_model": 3, "layer_agents": []})", "");
  EXPECT_EQ(Text(answer, "form"), "workshop");
  EXPECT_EQ(Text(answer, "job"), "(none)");
  EXPECT_THAT(Text(answer, "problems"), HasSubstr(R"("path":"main_model")"));
}

TEST(JobConvertTest, WhatIsNoDocumentIsRefusedWithItsLine) {
  const auto refused = ConvertedJob("prompt: \"Why?\nmoa: {}\n", "job.yaml", "");
  const ApiError* error = std::get_if<ApiError>(&refused);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->status, 400);
  EXPECT_THAT(ErrorJson(*error), HasSubstr(R"("problems":[{"path":"","message":)"));
  EXPECT_THAT(ErrorJson(*error), HasSubstr(R"("line":)"));
  // The file's name says what it is; without one the first character does.
  EXPECT_TRUE(std::holds_alternative<ApiError>(ConvertedJob("{preset: moa}", "", "")));
  EXPECT_TRUE(std::holds_alternative<std::string>(ConvertedJob("{preset: moa}", "a.yaml", "")));
}

TEST(JobConvertTest, NumbersThatBrowsersRoundAreWarnedOf) {
  const Node answer = Converted(
      "{\"preset\": \"moa\",\n\"seed\": 9007199254740993, \"prompt\": \"9007199254740993\"}", "");
  EXPECT_THAT(Text(answer, "job"), HasSubstr("9007199254740993"));
  EXPECT_THAT(Text(answer, "warnings"), StartsWith(R"([{"path":"seed","message":"is above 2^53)"));
  EXPECT_EQ(answer.Find("warnings")->children.size(), 1U);
}

TEST(JobConvertTest, LargeFilesAreRefused) {
  const auto large = ConvertedJob(std::string((2 << 20) + 1, ' '), "job.yaml", "");
  ASSERT_TRUE(std::holds_alternative<ApiError>(large));
  EXPECT_EQ(std::get<ApiError>(large).status, 413);
  std::string many = "moa: [";
  for (int i = 0; i < 20'000; ++i) many += "1, ";
  const auto refused = ConvertedJob(many + "1]", "job.yaml", "");
  ASSERT_TRUE(std::holds_alternative<ApiError>(refused));
  EXPECT_EQ(std::get<ApiError>(refused).status, 400);
}

TEST(JobConvertTest, AliasesDoNotFillTheMemory) {
  std::string text = "a: &a [" + std::string(1000, 'x') + "]\n";
  for (char name = 'b'; name < 'k'; ++name) {
    const std::string before(1, static_cast<char>(name - 1));
    text += std::string(1, name) + ": &" + name + " [";
    for (int i = 0; i < 10; ++i) text += (i == 0 ? "*" : ", *") + before;
    text += "]\n";
  }
  EXPECT_TRUE(std::holds_alternative<ApiError>(ConvertedJob(text, "job.yaml", "")));
}

}  // namespace
}  // namespace moa::gateway
