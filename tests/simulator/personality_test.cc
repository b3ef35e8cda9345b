#include "simulator/personality.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <map>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "simulator/reply.h"
#include "simulator/role_reply.h"

namespace moa::simulator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kVerdictSchema =
    R"({"type":"object","properties":{"accept":{"type":"boolean"},"score":{"type":"number"},
        "feedback":{"type":"string"}},"required":["accept","score","feedback"],"additionalProperties":false})";
constexpr const char* kVerdictsSchema =
    R"({"type":"object","properties":{"verdicts":{"type":"array","items":{"type":"object","properties":
        {"answer":{"type":"integer"},"accept":{"type":"boolean"},"score":{"type":"number"},
        "feedback":{"type":"string"}},"additionalProperties":false}},"done":{"type":"boolean"}},
        "additionalProperties":false})";
constexpr const char* kRouteSchema =
    R"({"type":"object","properties":{"agents":{"type":"array","items":{"type":"string",
        "enum":["a","b","c"]}}},"additionalProperties":false})";

ChatRequest Request(const std::string& user, const char* schema = nullptr,
                    const std::string& system = "") {
  ChatRequest request;
  if (!system.empty()) request.messages.push_back({"system", system, "", 0});
  request.messages.push_back({"user", user, "", 0});
  if (schema != nullptr) {
    request.response_format = ResponseFormat::kJsonSchema;
    request.response_schema = schema;
  }
  return request;
}

ReplyChoice Reply(const ChatRequest& request, const Personality& personality = {}) {
  const Model& model = *FindModel("gpt-oss-120b");
  return ReplyGenerator(1, {}, personality)
      .Generate(request, model, RenderPrompt(request, model.id))
      .front();
}

Personality With(absl::string_view spec) {
  Personality personality;
  const absl::Status status = ApplyPersonality(spec, &personality);
  EXPECT_TRUE(status.ok()) << status;
  return personality;
}

// How many of `count` answers a critic of this personality accepts.
int Accepted(const Personality& personality, int count, const std::string& first_line = "Fine.") {
  int accepted = 0;
  for (int i = 0; i < count; ++i) {
    const ReplyChoice reply = Reply(Request(absl::StrCat("Judge.\n\n[Answer]\n", first_line,
                                                         "\nanswer ", i, "\n\n[End of the answer]"),
                                            kVerdictSchema),
                                    personality);
    simdjson::dom::parser parser;
    bool accept = false;
    double score = 0;
    const auto object = parser.parse(reply.content);
    EXPECT_EQ(object["accept"].get(accept), simdjson::SUCCESS) << reply.content;
    EXPECT_EQ(object["score"].get(score), simdjson::SUCCESS) << reply.content;
    EXPECT_EQ(accept, score >= 7);
    accepted += accept ? 1 : 0;
  }
  return accepted;
}

TEST(PersonalityTest, CriticsAcceptTheShareThatTheyAreToldTo) {
  EXPECT_EQ(Accepted(With("critic=none"), 50), 0);
  EXPECT_EQ(Accepted(With("critic=all"), 50), 50);
  EXPECT_NEAR(Accepted(With("critic=accept:0.3"), 400), 120, 40);
  EXPECT_NEAR(Accepted(With("critic=accept:2of8"), 400), 100, 40);
  EXPECT_NEAR(Accepted({}, 400), 200, 50);
}

TEST(PersonalityTest, FirstRoundsCanBeRejectedAndRevisedAnswersJudged) {
  const Personality personality = With("critic=none-then:0.5");
  EXPECT_EQ(Accepted(personality, 100), 0);
  EXPECT_NEAR(Accepted(personality, 400, "Revised. Fine."), 200, 50);
  EXPECT_THAT(Reply(Request("[Feedback]\n- c: no\n\nTry again.")).content,
              testing::StartsWith("Revised. "));
}

TEST(PersonalityTest, AJudgeOfSeveralAnswersSaysSomethingOfEach) {
  const ReplyChoice reply = Reply(Request("Judge.\n\n[Answer 1]\none\n\n[Answer 2]\ntwo\n\n[Answer "
                                          "3]\nthree\n\n[End of the answers]",
                                          kVerdictsSchema),
                                  With("critic=accept:1of3"));
  simdjson::dom::parser parser;
  simdjson::dom::array list;
  ASSERT_EQ(parser.parse(reply.content)["verdicts"].get(list), simdjson::SUCCESS) << reply.content;
  ASSERT_EQ(list.size(), 3u);
  int accepted = 0;
  for (const simdjson::dom::element verdict : list) {
    bool accept = false;
    ASSERT_EQ(verdict["accept"].get(accept), simdjson::SUCCESS);
    accepted += accept ? 1 : 0;
  }
  EXPECT_EQ(accepted, 1);
  EXPECT_THAT(reply.content, HasSubstr("\"done\":"));
  EXPECT_THAT(reply.content, HasSubstr("[sim model="));
}

TEST(PersonalityTest, CriticsCanDisagree) {
  const std::string question = "Judge.\n\n[Answer]\nanswer\n\n[End of the answer]";
  std::set<std::string> opinions;
  for (const char* who : {"strict", "kind", "odd", "late", "new", "old"}) {
    const ReplyChoice reply =
        Reply(Request(question, kVerdictSchema, who), With("critic=disagree:0.5"));
    opinions.insert(reply.content.substr(0, reply.content.find(',')));
  }
  EXPECT_EQ(opinions.size(), 2u);
}

TEST(PersonalityTest, VerdictsCanHaveEveryShape) {
  const ChatRequest request =
      Request("Judge.\n\n[Answer]\nanswer\n\n[End of the answer]", kVerdictSchema);
  EXPECT_THAT(Reply(request, With("critic=babble")).content, Not(HasSubstr("score")));
  EXPECT_THAT(Reply(request, With("critic=fenced")).content, HasSubstr("```json\n{\"accept\""));
  EXPECT_THAT(Reply(request, With("critic=think")).content, testing::StartsWith("<think>"));
  const ReplyChoice cut = Reply(request, With("critic=truncated"));
  EXPECT_STREQ(cut.finish_reason, "length");
  EXPECT_THAT(cut.content, HasSubstr("\"score\":"));
  EXPECT_THAT(cut.content, Not(testing::EndsWith("}")));
  EXPECT_TRUE(HangsInRole(request, With("critic=hang")));
  EXPECT_FALSE(HangsInRole(Request("hi"), With("critic=hang")));
}

TEST(PersonalityTest, RoutersPickAsManyAsTheyAreToldOfThoseThereAre) {
  const std::string ask = "Pick at most 2 of them.";
  const std::string content = Reply(Request(ask, kRouteSchema)).content;
  EXPECT_TRUE(content == R"({"agents":["a","b"]})" || content == R"({"agents":["b","a"]})" ||
              content == R"({"agents":["a","c"]})" || content == R"({"agents":["c","a"]})" ||
              content == R"({"agents":["b","c"]})" || content == R"({"agents":["c","b"]})")
      << content;
  EXPECT_EQ(Reply(Request(ask, kRouteSchema), With("router=nobody")).content, R"({"agents":[]})");
  EXPECT_THAT(Reply(Request(ask, kRouteSchema), With("router=unknown")).content,
              HasSubstr("somebody else"));
  EXPECT_THAT(Reply(Request(ask, kRouteSchema), With("router=babble")).content,
              Not(HasSubstr("{")));
}

TEST(PersonalityTest, VotersAgreeAndPlannersAreSureAsOftenAsTheyAreToldTo) {
  std::map<std::string, int> answers;
  int sure = 0;
  for (int64_t seed = 0; seed < 200; ++seed) {
    ChatRequest voter = Request("What is it?", nullptr, "End with one line \"Answer: …\".");
    voter.seed = seed;
    const std::string content = Reply(voter, With("voter=agree:0.6")).content;
    ++answers[content.substr(content.rfind('\n') + 1)];
    ChatRequest planner = Request("How?", nullptr, "End with a line \"Confidence: 0.00\".");
    planner.seed = seed;
    const std::string plan = Reply(planner, With("planner=confidence:0.8")).content;
    ASSERT_THAT(plan, HasSubstr("\nConfidence: 0."));
    sure += plan.substr(plan.rfind("0.")) >= "0.7" ? 1 : 0;
  }
  int most = 0;
  for (const auto& [answer, count] : answers) {
    EXPECT_THAT(answer, testing::StartsWith("Answer: "));
    most = std::max(most, count);
  }
  EXPECT_NEAR(most, 120, 25);
  EXPECT_NEAR(sure, 160, 25);
}

TEST(PersonalityTest, RepliesCanGrowWithTheirLimit) {
  for (const int64_t limit : {1000, 8000}) {
    ChatRequest request = Request("hi");
    request.max_completion_tokens = limit;
    request.reasoning_effort = "high";
    const ReplyChoice reply = Reply(request, With("length=share:0.2-0.5"));
    EXPECT_GE(reply.completion_tokens, limit / 5 - 100);
    EXPECT_LE(reply.completion_tokens, limit / 2 + 100);
    EXPECT_GT(reply.reasoning_tokens, reply.completion_tokens / 2);
  }
}

TEST(PersonalityTest, ASystemMessageCanSayWhatItsModelIsLike) {
  const std::string question = "Judge.\n\n[Answer]\nanswer\n\n[End of the answer]";
  EXPECT_THAT(Reply(Request(question, kVerdictSchema, "Be kind. [personality critic=all]"),
                    With("critic=none"))
                  .content,
              HasSubstr("\"accept\":true"));
}

TEST(PersonalityTest, WrongSpecsAreToldWhatWouldBeRight) {
  for (const char* spec : {"", "critic", "critic=nice", "critic=accept:2", "critic=accept:9of8",
                           "router=all", "voter=agree:x", "planner=confidence:-1",
                           "length=share:0.5-0.2", "length=long", "coder=maybe"}) {
    Personality personality;
    const absl::Status status = ApplyPersonality(spec, &personality);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << spec;
    EXPECT_TRUE(absl::StrContains(status.message(), absl::StrCat("'", spec, "'"))) << status;
  }
}

}  // namespace
}  // namespace moa::simulator
