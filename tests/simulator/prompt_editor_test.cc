#include "simulator/prompt_editor.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <map>
#include <set>
#include <string>

#include "simulator/reply.h"

namespace moa::simulator::coder {
namespace {

constexpr const char* kSchema =
    R"({"type":"object","properties":{"edits":{"type":"array","items":{"type":"object","properties":
        {"agent":{"type":"string"},"system_prompt":{"type":"string"}},"required":["agent","system_prompt"],
        "additionalProperties":false}}},"required":["edits"],"additionalProperties":false})";

constexpr const char* kMessage =
    "Improve the prompts of these agents, who write calculate_user_metrics.\n\n"
    "agent: bug-hunter\nYou hunt for mistakes.\nMind an empty list. Give the whole function.\n\n"
    "agent: main\nMerge what is right.\n\n"
    "Failed checks:\n- handles_missing_keys: 0 of 15, it raised KeyError: 'likes'\n"
    "- doesnt_mutate_input: 0 of 8, the input was changed\n";

ChatRequest Request(int64_t seed, const std::string& message = kMessage) {
  ChatRequest request;
  request.messages = {{"system", "You improve prompts.", "", 0}, {"user", message, "", 0}};
  request.response_format = ResponseFormat::kJsonSchema;
  request.response_schema_name = "prompt_edits";
  request.response_schema = kSchema;
  request.seed = seed;
  return request;
}

std::string Reply(const ChatRequest& request, const Personality& personality = {}) {
  const Model& model = *FindModel("gpt-oss-120b");
  return ReplyGenerator(1, {}, personality)
      .Generate(request, model, RenderPrompt(request, model.id))
      .front()
      .content;
}

// Agents and their new prompts; fails where the reply is not of the schema.
std::map<std::string, std::string> EditsIn(const std::string& reply) {
  std::map<std::string, std::string> edits;
  simdjson::dom::parser parser;
  simdjson::dom::object root;
  simdjson::dom::array list;
  EXPECT_EQ(parser.parse(reply).get(root), simdjson::SUCCESS) << reply;
  EXPECT_EQ(root["edits"].get(list), simdjson::SUCCESS) << reply;
  EXPECT_EQ(root.size(), 1u) << reply;
  for (const simdjson::dom::element item : list) {
    std::string_view agent;
    std::string_view prompt;
    simdjson::dom::object edit;
    EXPECT_EQ(item.get(edit), simdjson::SUCCESS) << reply;
    EXPECT_EQ(edit.size(), 2u) << reply;
    EXPECT_EQ(edit["agent"].get(agent), simdjson::SUCCESS) << reply;
    EXPECT_EQ(edit["system_prompt"].get(prompt), simdjson::SUCCESS) << reply;
    EXPECT_TRUE(edits.emplace(agent, prompt).second) << reply;
  }
  return edits;
}

TEST(PromptEditorTest, ReadsAgentsTheirPromptsAndWhatFailed) {
  const EditorBrief brief = ReadEditorBrief(kMessage);
  ASSERT_EQ(brief.agents.size(), 2u);
  EXPECT_EQ(brief.agents[0].name, "bug-hunter");
  EXPECT_EQ(brief.agents[0].system_prompt,
            "You hunt for mistakes.\nMind an empty list. Give the whole function.");
  EXPECT_EQ(brief.agents[1].system_prompt, "Merge what is right.");
  IssueSet failed;
  failed.set(IndexOf(Issue::kKeys)).set(IndexOf(Issue::kMutation));
  EXPECT_EQ(brief.failed, failed);
}

TEST(PromptEditorTest, ReadsOtherLayoutsToo) {
  const EditorBrief brief = ReadEditorBrief(
      "The function divides by zero.\n### Agent: a\nBe good.\n---\nscores follow\n**agent:** `b`\n"
      "handles_invalid_dates failed\n");
  ASSERT_EQ(brief.agents.size(), 2u);
  EXPECT_EQ(brief.agents[0].name, "a");
  EXPECT_EQ(brief.agents[0].system_prompt, "Be good.");
  EXPECT_EQ(brief.agents[1].name, "b");
  EXPECT_EQ(brief.agents[1].system_prompt, "");
  EXPECT_TRUE(brief.failed[IndexOf(Issue::kDivision)]);
  EXPECT_TRUE(brief.failed[IndexOf(Issue::kDates)]);
}

// Situation: many editors of the same prompts. Outcome: all keep to the schema and to the agents there are; most name a
// failed issue, some something else, some nothing of use, some lose what was there.
TEST(PromptEditorTest, MostEditsHelpAndSomeDoNot) {
  const EditorBrief before = ReadEditorBrief(kMessage);
  int edits = 0, helps = 0, misses = 0, useless = 0, worse = 0, empty = 0;
  for (int64_t seed = 1; seed <= 400; ++seed) {
    const auto edited = EditsIn(Reply(Request(seed)));
    EXPECT_LE(edited.size(), 2u);
    empty += edited.empty() ? 1 : 0;
    for (const auto& [agent, prompt] : edited) {
      ASSERT_TRUE(agent == "bug-hunter" || agent == "main") << agent;
      const std::string& old = before.agents[agent == "main" ? 1 : 0].system_prompt;
      const IssueSet named = IssuesNamedIn(prompt) & ~IssuesNamedIn(old);
      ++edits;
      if ((named & before.failed).any()) {
        ++helps;
      } else if (named.any()) {
        ++misses;
      } else if (prompt.find(old) == 0) {
        ++useless;
      } else {
        ++worse;
      }
    }
  }
  EXPECT_GT(helps, edits * 60 / 100);
  EXPECT_LT(helps, edits * 80 / 100);
  EXPECT_GT(misses, edits * 5 / 100);
  EXPECT_GT(useless, edits * 5 / 100);
  EXPECT_GT(worse, edits * 3 / 100);
  EXPECT_GT(empty, 5);
  EXPECT_LT(empty, 50);
}

TEST(PromptEditorTest, IsAFunctionOfTheRequestAndBearsAnyMessage) {
  EXPECT_EQ(Reply(Request(1)), Reply(Request(1)));
  std::set<std::string> replies;
  for (int64_t seed = 1; seed <= 20; ++seed) replies.insert(Reply(Request(seed)));
  EXPECT_GT(replies.size(), 10u);
  for (const char* message : {"", "agent:", "agent: a", "agent: a\nagent: \"b\\\n{}", "nothing"}) {
    for (int64_t seed = 1; seed <= 20; ++seed) EditsIn(Reply(Request(seed, message)));
  }
}

TEST(PromptEditorTest, AnswersOnlyWhoAsksForEdits) {
  ChatRequest request = Request(1);
  request.response_schema_name = "something_else";
  EXPECT_NE(Reply(request).find("[sim model="), std::string::npos);
  Personality off;
  ASSERT_TRUE(ApplyPersonality("coder=off", &off).ok());
  EXPECT_NE(Reply(Request(1), off).find("[sim model="), std::string::npos);
  EXPECT_EQ(Reply(Request(1)).find("[sim model="), std::string::npos);
}

}  // namespace
}  // namespace moa::simulator::coder
