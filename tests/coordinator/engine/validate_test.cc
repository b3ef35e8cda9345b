#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/plan.h"
#include "tests/coordinator/engine/job_driver.h"

namespace moa {

void PrintTo(const Violation& violation, std::ostream* os) {
  *os << violation.field << ": " << violation.description;
}

namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

auto Mistake(const std::string& field, const std::string& description) {
  return AllOf(Field(&Violation::field, field),
               Field(&Violation::description, HasSubstr(description)));
}

std::vector<Violation> Check(const JobSpec& spec, const JobLimits& limits = {}) {
  return Validate(spec, ModelTable::Shipped(), limits);
}

// A sound job with one thing changed.
std::vector<Violation> CheckWith(const std::function<void(JobSpec&)>& change,
                                 const JobLimits& limits = {}) {
  JobSpec spec = MakeJob(2, 2);
  change(spec);
  return Check(spec, limits);
}

Message Say(Role role, const char* content) { return {.role = role, .content = Text(content)}; }

Message Call(const std::vector<std::string>& ids) {
  Message message{.role = Role::kAssistant};
  for (const std::string& id : ids) {
    message.tool_calls.push_back({.id = id, .name = "look_up", .arguments = Text("{}")});
  }
  return message;
}

Message Reply(const std::string& id) {
  return {.role = Role::kTool, .content = Text("found"), .tool_call_id = id};
}

TEST(ValidateTest, FallbackModelsAreKnownAndDistinctAndFew) {
  const auto with = [](std::vector<std::string> models) {
    return CheckWith([&](JobSpec& spec) {
      spec.moa.layers[0].agents[1].fallback_models = models;
      spec.moa.aggregator.fallback_models = models;
    });
  };
  EXPECT_THAT(with({"qwen-3.8-27b"}), IsEmpty());
  const std::string agent = "moa.layers[0].agents[1].fallback_models";
  const std::string aggregator = "moa.aggregator.fallback_models";
  EXPECT_THAT(with({"qwen-3.8-27c"}),
              ElementsAre(Mistake(agent + "[0]", "did you mean qwen-3.8-27b?"),
                          Mistake(aggregator + "[0]", "did you mean qwen-3.8-27b?")));
  EXPECT_THAT(with({"qwen-3.8-27b", "gpt-oss-120b"}),
              ElementsAre(Mistake(agent + "[1]", "repeats \"gpt-oss-120b\""),
                          Mistake(aggregator + "[1]", "repeats")));
  EXPECT_THAT(with({""}), ElementsAre(Mistake(agent + "[0]", "is missing"),
                                      Mistake(aggregator + "[0]", "is missing")));
  EXPECT_THAT(with(std::vector<std::string>(9, "qwen-3.8-27b")),
              ElementsAre(Mistake(agent, "has 9 models; at most 8"),
                          Mistake(aggregator, "has 9 models; at most 8")));
  // Every model of the chain must be able to give what is asked.
  EXPECT_THAT(CheckWith([](JobSpec& spec) {
                spec.moa.aggregator.model = "qwen-3.8-27b";
                spec.moa.aggregator.fallback_models = {"gpt-oss-120b"};
                spec.moa.aggregator.max_completion_tokens = 50'000;
              }),
              ElementsAre(Mistake("moa.aggregator.max_completion_tokens",
                                  "is 50000; gpt-oss-120b gives at most 40960")));
}

TEST(ValidateTest, AQuorumIsOneOfTheAnswersOfARound) {
  const auto with = [](uint32_t min, absl::Duration grace) {
    return CheckWith([&](JobSpec& spec) {
      spec.moa.layers[1].agents[0].samples = 3;
      spec.moa.layers[1].quorum = Quorum{.min = min, .grace = grace};
    });
  };
  EXPECT_THAT(with(1, absl::ZeroDuration()), IsEmpty());
  EXPECT_THAT(with(4, absl::Seconds(1)), IsEmpty());
  EXPECT_THAT(with(5, absl::ZeroDuration()),
              ElementsAre(Mistake("moa.layers[1].quorum.min", "is 5; must be from 1 to 4")));
  EXPECT_THAT(with(0, -absl::Seconds(1)),
              ElementsAre(Mistake("moa.layers[1].quorum.min", "is 0"),
                          Mistake("moa.layers[1].quorum.grace", "is -1s")));
  EXPECT_THAT(with(1, absl::InfiniteDuration()),
              ElementsAre(Mistake("moa.layers[1].quorum.grace", "must be from 0 to")));
}

TEST(ValidateTest, ABudgetThatHoldsNoCallOfTheAggregatorIsRefused) {
  const auto with = [](Budget budget) {
    return CheckWith([&](JobSpec& spec) { spec.budget = budget; });
  };
  EXPECT_THAT(with({.max_total_tokens = 2049, .max_upstream_calls = 1, .max_cost_usd = 0.01}),
              IsEmpty());
  EXPECT_THAT(with({.max_total_tokens = 2048}),
              ElementsAre(Mistake("budget.max_total_tokens", "its max_completion_tokens of 2048")));
  EXPECT_THAT(with({.max_total_tokens = 0, .max_upstream_calls = 0, .max_cost_usd = 0}),
              ElementsAre(Mistake("budget.max_total_tokens", "is 0"),
                          Mistake("budget.max_upstream_calls", "is 0"),
                          Mistake("budget.max_cost_usd", "is 0; must be above 0")));
  EXPECT_THAT(with({.max_cost_usd = 0.0015}),
              ElementsAre(Mistake("budget.max_cost_usd", "may cost 0.001536")));
  EXPECT_THAT(with({.max_cost_usd = std::nan("")}), SizeIs(1));
  ModelTable unpriced = ModelTable::Shipped();
  unpriced.Announce("free");
  JobSpec spec = MakeJob(1, 1);
  spec.moa.layers[0].agents[0].fallback_models = {"free"};
  spec.budget.max_cost_usd = 1;
  EXPECT_THAT(Validate(spec, unpriced, {}),
              ElementsAre(Mistake("budget.max_cost_usd", "free has no price")));
}

TEST(ValidateTest, SoundJobsHaveNoMistakes) {
  EXPECT_THAT(Check(MakeJob(0, 0)), IsEmpty());
  EXPECT_THAT(Check(MakeJob(2, 3, 2)), IsEmpty());
  EXPECT_THAT(Check(Normalize(MakeJob(2, 3, 2))), IsEmpty());
  EXPECT_THAT(CheckWith([](JobSpec& spec) {
                spec.messages = {Say(Role::kSystem, ""),
                                 Say(Role::kUser, "a {} \xff"),
                                 Call({"x", "y"}),
                                 Reply("y"),
                                 Reply("x"),
                                 Say(Role::kAssistant, "b"),
                                 Say(Role::kUser, "c")};
                spec.messages[1].content = Text(std::string(5 << 20, 'x'));
                spec.tools.push_back({.name = "look_up", .parameters = Text(" {} ")});
                spec.tool_choice = {.mode = ToolChoice::Mode::kFunction, .function = "look_up"};
                spec.deadline = absl::Milliseconds(1);
                spec.moa.layers[0].agents[0].temperature = 2;
                spec.moa.layers[0].agents[0].top_p = 0;
                spec.moa.layers[0].agents[0].reasoning_effort = "low";
                spec.moa.layers[0].agents[0].stop = {Text("1"), Text("2"), Text("3"), Text("4")};
                spec.moa.layers[0].agents[0].max_completion_tokens = 40960;
              }),
              IsEmpty());
}

TEST(ValidateTest, EveryMistakeIsReportedAtOnceInTheOrderOfTheFields) {
  JobSpec spec;
  spec.tenant = Tenant("a b");
  spec.messages = {Say(Role::kUser, " ")};
  Layer layer;
  layer.agents = {MakeAgent("x", "gpt-oss-120"), MakeAgent("x")};
  layer.agents[1].temperature = 3;
  spec.moa.layers = {layer};
  spec.moa.aggregator.samples = 2;
  spec.tool_choice.mode = ToolChoice::Mode::kAuto;
  spec.deadline = absl::Hours(25);
  EXPECT_THAT(
      Check(spec),
      ElementsAre(Mistake("tenant", "is \"a b\"; must be at most 64 of A-Z a-z 0-9 . _ -"),
                  Mistake("messages[0].content", "is empty"),
                  Mistake("moa.layers[0].agents[0].model",
                          "\"gpt-oss-120\" is no known model; did you mean gpt-oss-120b?"),
                  Mistake("moa.layers[0].agents[1].name", "repeats \"x\"; names must be unique"),
                  Mistake("moa.layers[0].agents[1].temperature", "is 3; must be from 0 to 2"),
                  Mistake("moa.aggregator.samples", "is 2; the aggregator answers once"),
                  Mistake("moa.aggregator.model", "is missing"),
                  Mistake("tool_choice", "is given without tools"),
                  Mistake("deadline", "is 25h; must be from 1ms to 24h (deadline_max)")));
}

TEST(ValidateTest, AnUnknownModelWithoutANearOneListsTheKnown) {
  EXPECT_THAT(CheckWith([](JobSpec& spec) { spec.moa.aggregator.model = "claude\n"; }),
              ElementsAre(Mistake("moa.aggregator.model",
                                  "\"claude\\n\" is no known model; known are gpt-oss-120b, "
                                  "qwen-3.8-27b")));
}

TEST(ValidateTest, AnnouncedModelsAreKnown) {
  ModelTable models = ModelTable::Shipped();
  JobSpec spec = MakeJob(1, 1);
  spec.moa.aggregator.model = "my-endpoint";
  EXPECT_THAT(Validate(spec, models, {}), SizeIs(1));
  models.Announce("my-endpoint");
  EXPECT_THAT(Validate(spec, models, {}), IsEmpty());
}

// Situation: gpt-oss always reasons, qwen can be told not to, of an endpoint that was only announced
// nothing is known. Outcome: only the first refuses, with what it takes.
TEST(ValidateTest, ReasoningEffortsAreThoseThatTheModelTakes) {
  ModelTable models = ModelTable::Shipped();
  models.Announce("my-endpoint");
  const auto check = [&](const char* model) {
    JobSpec spec = MakeJob(1, 1);
    spec.moa.layers[0].agents[0].model = model;
    spec.moa.layers[0].agents[0].reasoning_effort = "none";
    return Validate(spec, models, {});
  };
  EXPECT_THAT(check("gpt-oss-120b"),
              ElementsAre(Mistake("moa.layers[0].agents[0].reasoning_effort",
                                  "is none; gpt-oss-120b takes low, medium, high")));
  EXPECT_THAT(check("qwen-3.8-27b"), IsEmpty());
  EXPECT_THAT(check("my-endpoint"), IsEmpty());
}

TEST(ValidateTest, LimitsAreNamedWithTheirValue) {
  EXPECT_THAT(
      Check(MakeJob(1, 10'000)),
      ElementsAre(Mistake("moa.layers[0].agents",
                          "has 10000 agents; at most 256 are allowed (agents_per_layer_max)")));
  EXPECT_THAT(Check(MakeJob(33, 1)), ElementsAre(Mistake("moa.layers", "(layers_max)")));
  EXPECT_THAT(Check(MakeJob(1, 1, 65)),
              ElementsAre(Mistake("moa.layers[0].cycles", "at most 64 are allowed (cycles_max)")));
  EXPECT_THAT(Check(MakeJob(1, 256, 17)), ElementsAre(Mistake("moa", "makes 4353 tasks")));
  EXPECT_THAT(
      CheckWith([](JobSpec& spec) { spec.moa.layers[0].agents[0].samples = 4'000'000'000; }),
      ElementsAre(Mistake("moa.layers[0].agents[0].samples", "(samples_max)")));
  EXPECT_THAT(CheckWith([](JobSpec& spec) { spec.messages.resize(4097, spec.messages[0]); }),
              ElementsAre(Mistake("messages", "(messages_max)")));
  EXPECT_THAT(
      CheckWith([](JobSpec& spec) { spec.messages[0].content = Text(std::string(17 << 20, 'x')); }),
      ElementsAre(Mistake("", "(text_bytes_max)")));
  EXPECT_THAT(CheckWith([](JobSpec& spec) { spec.tools.resize(129); }),
              ElementsAre(Mistake("tools", "(tools_max)")));
}

TEST(ValidateTest, TheConversationFollowsTheApisRules) {
  const auto messages = [](std::vector<Message> list) {
    return CheckWith([&](JobSpec& spec) { spec.messages = list; });
  };
  const Message user = Say(Role::kUser, "q");
  EXPECT_THAT(messages({}), ElementsAre(Mistake("messages", "is empty; give a prompt")));
  EXPECT_THAT(
      messages({user, Say(Role::kAssistant, "a")}),
      ElementsAre(Mistake("messages[1].role", "is assistant; a conversation must end with")));
  EXPECT_THAT(messages({user, Say(Role::kAssistant, ""), user}),
              ElementsAre(Mistake("messages[1].content", "has content or tool calls")));
  EXPECT_THAT(messages({user, Reply("x")}),
              ElementsAre(Mistake("messages[1].tool_call_id", "answers \"x\", which is no")));
  EXPECT_THAT(messages({user, Call({"x"}), user}),
              ElementsAre(Mistake("messages[1].tool_calls[0]", "has no answer")));
  EXPECT_THAT(messages({user, Call({"x", "y"}), Reply("y")}),
              ElementsAre(Mistake("messages[1].tool_calls[0]", "tool_call_id \"x\"")));
  EXPECT_THAT(messages({user, Call({"x"}), user, Reply("x")}),
              ElementsAre(Mistake("messages[1].tool_calls[0]", "has no answer"),
                          Mistake("messages[3].tool_call_id", "answers \"x\"")));
  EXPECT_THAT(messages({user, Call({"x"}), Reply("x"), Call({"x"}), user}),
              ElementsAre(Mistake("messages[3].tool_calls[0].id", "must be unique")));
  EXPECT_THAT(messages({user, Call({"x"}), Reply("x"), Reply("x")}),
              ElementsAre(Mistake("messages[3].tool_call_id", "one tool message for each")));
  EXPECT_THAT(messages({user, Call({""}), user}),
              ElementsAre(Mistake("messages[1].tool_calls[0].id", "is missing")));
  Message odd = user;
  odd.tool_calls = Call({"x"}).tool_calls;
  odd.tool_call_id = "x";
  odd.reasoning = Text("r");
  EXPECT_THAT(messages({odd}), ElementsAre(Mistake("messages[0].tool_call_id", "role is user"),
                                           Mistake("messages[0].tool_calls", "role is user"),
                                           Mistake("messages[0].reasoning", "role is user")));
}

TEST(ValidateTest, ToolsAndTheChoiceAmongThemAreChecked) {
  EXPECT_THAT(CheckWith([](JobSpec& spec) {
                spec.tools = {{.name = "a b"}, {.name = "x"}, {.name = "x"}};
                spec.tools[1].parameters = Text("[]");
                spec.tool_choice = {.mode = ToolChoice::Mode::kFunction, .function = "y"};
              }),
              ElementsAre(Mistake("tools[0].name", "is \"a b\""),
                          Mistake("tools[1].parameters", "JSON Schema"),
                          Mistake("tools[2].name", "repeats \"x\""),
                          Mistake("tool_choice.function", "is \"y\", which is none")));
  EXPECT_THAT(CheckWith([](JobSpec& spec) {
                spec.tools = {{.name = "x"}};
                spec.tool_choice = {.mode = ToolChoice::Mode::kAuto, .function = "x"};
              }),
              ElementsAre(Mistake("tool_choice.function", "mode must be FUNCTION")));
}

TEST(ValidateTest, AgentsParametersAreInRange) {
  EXPECT_THAT(
      CheckWith([](JobSpec& spec) {
        Agent& agent = spec.moa.layers[1].agents[1];
        agent.name = " x";
        agent.temperature = std::nan("");
        agent.top_p = 1.5;
        agent.frequency_penalty = -2.5;
        agent.presence_penalty = INFINITY;
        agent.seed = ~uint64_t{0};
        agent.stop = {Text(""), Text("2"), Text("3"), Text("4"), Text("5")};
        agent.reasoning_effort = "hard";
        agent.max_completion_tokens = 50'000;
        spec.moa.layers[0].agents[0].max_completion_tokens = 0;
        spec.moa.layers[0].agents[1].name = "";
      }),
      ElementsAre(Mistake("moa.layers[0].agents[0].max_completion_tokens", "is 0"),
                  Mistake("moa.layers[0].agents[1].name", "is missing"),
                  Mistake("moa.layers[1].agents[1].name", "is \" x\""),
                  Mistake("moa.layers[1].agents[1].max_completion_tokens",
                          "is 50000; gpt-oss-120b gives at most 40960"),
                  Mistake("moa.layers[1].agents[1].temperature", "is nan; must be from 0 to 2"),
                  Mistake("moa.layers[1].agents[1].top_p", "is 1.5"),
                  Mistake("moa.layers[1].agents[1].frequency_penalty", "is -2.5"),
                  Mistake("moa.layers[1].agents[1].presence_penalty", "is inf"),
                  Mistake("moa.layers[1].agents[1].seed", "2^63 - 1"),
                  Mistake("moa.layers[1].agents[1].stop", "has 5 texts"),
                  Mistake("moa.layers[1].agents[1].stop[0]", "is empty"),
                  Mistake("moa.layers[1].agents[1].reasoning_effort",
                          "must be none, low, medium or high")));
}

TEST(ValidateTest, AnEmptyLayerIsAMistake) {
  EXPECT_THAT(CheckWith([](JobSpec& spec) { spec.moa.layers[1].agents.clear(); }),
              ElementsAre(Mistake("moa.layers[1].agents", "a layer needs an agent")));
}

TEST(ValidateTest, LabelsAreBounded) {
  EXPECT_THAT(CheckWith([](JobSpec& spec) { spec.name = std::string(201, 'x'); }),
              ElementsAre(Mistake("name", "has 201 bytes")));
  EXPECT_THAT(CheckWith([](JobSpec& spec) { spec.name = "\xff"; }),
              ElementsAre(Mistake("name", "UTF-8")));
}

// Hostile texts in an error stay short, valid and on one line.
TEST(ValidateTest, QuotedExcerptsAreSafe) {
  const auto violations = CheckWith(
      [](JobSpec& spec) { spec.moa.aggregator.model = std::string(1 << 20, '\xff') + "\x1b[2J"; });
  ASSERT_THAT(violations, SizeIs(1));
  EXPECT_TRUE(IsValidUtf8(violations[0].description));
  EXPECT_LT(violations[0].description.size(), 500u);
}

TEST(ValidateTest, ManyUnknownModelsAreReportedWithBoundedWork) {
  ModelTable models = ModelTable::Shipped();
  for (int i = 0; i < 2000; ++i) models.Announce(absl::StrCat("model-number-", i));
  EXPECT_EQ(models.all().size(), 1000u);
  JobSpec spec = MakeJob(16, 256);
  for (Layer& layer : spec.moa.layers) {
    for (size_t i = 0; i < layer.agents.size(); ++i) layer.agents[i].model = absl::StrCat("no", i);
  }
  EXPECT_THAT(Validate(spec, models, {}), SizeIs(16 * 256 + 1));
}

}  // namespace
}  // namespace moa
