#include "client/moactl/inspect_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "client/json/inspect_json.h"
#include "client/json/moa_json.h"
#include "common/jobfile/job_file.h"
#include "common/jobfile/presets.h"

namespace moa {
namespace {

using testing::HasSubstr;

v1::InspectJobResponse Plan() {
  v1::InspectJobResponse plan;
  v1::PlannedStage* first = plan.add_stages();
  first->set_kind(v1::STAGE_KIND_PROPOSE);
  first->set_layer(1);
  first->set_round(1);
  first->set_times(2);
  first->set_then("all accepted answers are handed on");
  v1::PlannedAgent* agent = first->add_agents();
  agent->set_agent("planner");
  agent->set_model("gpt-oss-120b");
  agent->set_calls(8);
  agent->set_prompt_tokens(1200);
  agent->set_max_completion_tokens(800);
  v1::Message* message = agent->add_messages();
  message->set_role(v1::ROLE_USER);
  message->set_content("one\ntwo \033[31m");
  v1::PlannedStage* last = plan.add_stages();
  last->set_kind(v1::STAGE_KIND_AGGREGATE);
  last->set_times(1);
  plan.set_calls_max(17);
  plan.set_cost_usd_max(0.5);
  return plan;
}

std::string Lines(const std::vector<StyledLine>& lines) {
  std::string text;
  for (const StyledLine& line : lines) text += Render(line, 200, false) + "\n";
  return text;
}

TEST(InspectReportTest, APromptThatWasShownIsNamed) {
  v1::InspectJobResponse plan = Plan();
  v1::PlannedStage* again = plan.mutable_stages(1);
  *again = plan.stages(0);
  again->set_round(2);
  EXPECT_THAT(Lines(InspectReport(plan)),
              HasSubstr("  the same as in layer 1, round 1: propose, 2 times\n"));
  again->mutable_agents(0)->mutable_messages(0)->set_content("three");
  EXPECT_THAT(Lines(InspectReport(plan)), HasSubstr("    three\n"));
}

TEST(InspectReportTest, ShowsTheGraphTheCostAndThePrompts) {
  const std::string text = Lines(InspectReport(Plan()));
  EXPECT_THAT(text, HasSubstr("├─ layer 1, round 1: propose, 2 times"));
  EXPECT_THAT(text, HasSubstr("planner × 8  gpt-oss-120b, up to 1,200 + 800 tokens"));
  EXPECT_THAT(text, HasSubstr("→ all accepted answers are handed on"));
  EXPECT_THAT(text, HasSubstr("at most 17 calls"));
  EXPECT_THAT(text, HasSubstr("  user:\n    one\n    two [31m")) << "no escape reaches a terminal";
}

TEST(InspectReportTest, IsOneObjectForScripts) {
  const std::string json = InspectJson(Plan());
  EXPECT_THAT(json, HasSubstr(R"("calls_max":17)"));
  EXPECT_THAT(json, HasSubstr(R"("messages":[{"role":"user","content":"one\ntwo \u001B[31m"}])"));
}

TEST(InspectReportTest, ShowsToolCallsAndTheFormOfTheReply) {
  v1::InspectJobResponse plan = Plan();
  v1::PlannedAgent* agent = plan.mutable_stages(0)->mutable_agents(0);
  agent->set_context_tokens(131072);
  agent->set_fit("the longest reference would be cut to 1,000 tokens");
  v1::Message* message = agent->add_messages();
  message->set_role(v1::ROLE_ASSISTANT);
  message->add_tool_calls()->set_name("weather");
  message->mutable_tool_calls(0)->set_id("c1");
  message->mutable_tool_calls(0)->set_arguments("{}");
  message = agent->add_messages();
  message->set_role(v1::ROLE_TOOL);
  message->set_tool_call_id("c1");
  message->set_content("sunny");
  for (const auto& [type, name, shown] :
       std::vector<std::tuple<v1::ResponseFormat::Type, std::string, std::string>>{
           {v1::ResponseFormat::TEXT, "", "131,072\n"},
           {v1::ResponseFormat::JSON_OBJECT, "", "131,072, as JSON\n"},
           {v1::ResponseFormat::JSON_SCHEMA, "verdict", "131,072, as JSON (verdict)\n"}}) {
    agent->mutable_response_format()->set_type(type);
    agent->mutable_response_format()->set_name(name);
    EXPECT_THAT(Lines(InspectReport(plan)), HasSubstr(shown));
  }
  const std::string text = Lines(InspectReport(plan));
  EXPECT_THAT(text, HasSubstr("  the longest reference would be cut"));
  EXPECT_THAT(text,
              HasSubstr("  assistant:\n    calls weather({})\n  tool (call c1):\n    sunny\n"));
  EXPECT_THAT(InspectJson(plan),
              HasSubstr(R"("tool_calls":[{"id":"c1","name":"weather","arguments":"{}"}])"));
}

// Nothing of a long prompt is cut, however long its lines.
TEST(InspectReportTest, ShowsLongTextsWhole) {
  v1::InspectJobResponse plan = Plan();
  const std::string text(100'000, 'x');
  plan.mutable_stages(0)->mutable_agents(0)->mutable_messages(0)->set_content(text + "\n\n" + text);
  std::string shown;
  for (const StyledLine& line : InspectReport(plan)) {
    for (const Span& span : line) shown += span.text;
    shown += "\n";
  }
  EXPECT_THAT(shown, HasSubstr("    " + text + "\n    \n    " + text + "\n"));
}

v1::Moa ReadBack(const std::string& text, const std::string& file) {
  Problems problems;
  const auto job = ReadJobFile(text, file, problems);
  EXPECT_TRUE(job.has_value()) << problems.ToString() << "\n" << text;
  return job ? job->spec.moa() : v1::Moa();
}

void ExpectReadBackInBothForms(v1::Moa moa, const std::string& name) {
  const v1::Moa from_json = ReadBack(R"({"prompt": "q", "moa": )" + MoaJson(moa) + "}", "job.json");
  const v1::Moa from_yaml = ReadBack("prompt: q\n" + MoaYaml(moa), "job.yaml");
  for (v1::Layer& layer : *moa.mutable_layers()) {
    if (layer.cycles() == 0) layer.set_cycles(1);  // said in words
  }
  EXPECT_EQ(from_json.DebugString(), moa.DebugString()) << name;
  EXPECT_EQ(from_yaml.DebugString(), moa.DebugString()) << name << "\n" << MoaYaml(moa);
}

// What `presets` prints can be put into a job file.
TEST(MoaJsonTest, EveryShippedPresetIsReadBackAsItWas) {
  for (const v1::Preset& preset : ShippedPresets()) {
    ExpectReadBackInBothForms(preset.moa(), preset.name());
  }
}

// The file that has every field of the grammar.
TEST(MoaJsonTest, EveryFieldIsReadBackAsItWas) {
  std::ifstream in(MOA_SOURCE_DIR "/tests/common/jobfile/data/good_full.yaml");
  std::stringstream text;
  text << in.rdbuf();
  v1::Moa moa = ReadBack(text.str(), "good_full.yaml");
  ASSERT_EQ(moa.layers_size(), 3);
  ExpectReadBackInBothForms(moa, "good_full.yaml");
  moa.clear_aggregator();
  moa.set_best_answer(true);
  ExpectReadBackInBothForms(moa, "best answer");
}

// Words that are not the first of their list, and numbers at their ends.
TEST(MoaJsonTest, EveryWordAndLimitIsReadBackAsItWas) {
  v1::Moa moa;
  moa.mutable_references()->set_placement(v1::References::TRAILING);
  for (const v1::Match match : {v1::MATCH_TEXT, v1::MATCH_LAST_LINE, v1::MATCH_NUMBER}) {
    v1::Layer* layer = moa.add_layers();
    layer->mutable_vote()->set_match(match);
    layer->mutable_early_exit()->set_match(match);
    layer->mutable_early_exit()->set_min_agree(4'294'967'295);
    layer->mutable_quorum()->set_min(1);
    layer->mutable_quorum()->mutable_grace()->set_seconds(3661);
    layer->mutable_quorum()->mutable_grace()->set_nanos(500'000'001);
    for (const auto type : {v1::ResponseFormat::TEXT, v1::ResponseFormat::JSON_OBJECT}) {
      v1::Agent* agent = layer->add_agents();
      agent->set_name("on");
      agent->set_model("1.5");
      agent->set_seed(18'446'744'073'709'551'615u);
      agent->set_temperature(0.1 + 0.2);
      agent->add_stop("\n\n");
      agent->mutable_response_format()->set_type(type);
    }
  }
  v1::Critique* critique = moa.mutable_layers(0)->mutable_critique();
  critique->add_critics()->set_name("c");
  critique->set_feedback(v1::Critique::NONE);
  critique->add_escalate();
  moa.mutable_aggregator()->set_model("m");
  ExpectReadBackInBothForms(moa, "words");
}

}  // namespace
}  // namespace moa
