#include "coordinator/engine/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/engine/json_value.h"
#include "coordinator/engine/validation.h"

namespace moa {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

Critique Each(Critique::Verdict verdict = Critique::Verdict::kAccept) {
  return {.scope = Critique::Scope::kEach, .verdict = verdict};
}
Critique All(bool may_end = false) { return {.scope = Critique::Scope::kAll, .may_end = may_end}; }

std::optional<Verdict> One(absl::string_view reply, const Critique& critique = Each()) {
  const auto read = ReadCriticReply(reply, critique, 1);
  return read ? read->verdicts[0] : std::nullopt;
}

TEST(VerdictTest, AVerdictOnOneAnswer) {
  EXPECT_THAT(One(R"({"accept": true, "score": 8.5, "feedback": "good"})"),
              Optional(Verdict{.accept = true, .score = 8.5, .feedback = "good"}));
  EXPECT_THAT(One(R"({"accept": "No", "score": "3/10", "feedback": "bad"})"),
              Optional(Verdict{.accept = false, .score = 3, .feedback = "bad"}));
  EXPECT_THAT(One(R"({"accept": false, "score": 99})"),
              Optional(Verdict{.accept = false, .score = 10}));
}

TEST(VerdictTest, OneOfAcceptanceAndScoreSaysEnough) {
  EXPECT_THAT(One(R"({"score": 7})"), Optional(Verdict{.accept = true, .score = 7}));
  EXPECT_THAT(One(R"({"score": 6.5})"), Optional(Verdict{.accept = false, .score = 6.5}));
  EXPECT_THAT(One(R"({"accept": false})"), Optional(Verdict{.accept = false, .score = 0}));
}

TEST(VerdictTest, WhatSaysNothingIsNoVerdict) {
  for (const char* reply : {"", "Looks good to me!", "{}", R"({"feedback": "x"})", "[1]",
                            R"({"accept": "perhaps"})", R"({"score": "high"})"}) {
    EXPECT_EQ(One(reply), std::nullopt) << reply;
  }
  EXPECT_EQ(One(R"({"accept": true})", Each(Critique::Verdict::kScore)), std::nullopt);
  EXPECT_THAT(One(R"({"score": 4})", Each(Critique::Verdict::kScore)),
              Optional(Verdict{.accept = true, .score = 4}));
}

TEST(VerdictTest, VerdictsOnSeveralAnswersGoByTheirNumbers) {
  const auto read = ReadCriticReply(
      R"({"verdicts": [{"answer": 3, "accept": true, "score": 9, "feedback": "c"},
                       {"answer": 1, "accept": false, "score": 2, "feedback": "a"},
                       {"answer": 7, "accept": true, "score": 9, "feedback": "nobody's"}], "done": true})",
      All(true), 3);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->verdicts[0]->feedback, "a");
  EXPECT_EQ(read->verdicts[1], std::nullopt);
  EXPECT_EQ(read->verdicts[2]->feedback, "c");
  EXPECT_TRUE(read->done);
  EXPECT_FALSE(ReadCriticReply(R"({"verdicts": [{"score": 9}], "done": true})", All(), 3)->done);
  EXPECT_EQ(ReadCriticReply(R"({"verdicts": []})", All(), 3), std::nullopt);
}

TEST(VerdictTest, ARoutersPicksAreThoseThatThereAre) {
  const std::vector<std::string> names = {"math", "law", "code"};
  EXPECT_THAT(ReadRouterReply(R"({"agents": ["code", "math"]})", names, 2),
              Optional(ElementsAre(0, 2)));
  EXPECT_THAT(ReadRouterReply(R"({"agents": ["code", "code", "law", "math"]})", names, 2),
              Optional(ElementsAre(1, 2)));
  EXPECT_THAT(ReadRouterReply(R"({"agents": ["chess"]})", names, 2), Optional(IsEmpty()));
  EXPECT_EQ(ReadRouterReply("math, I think", names, 2), std::nullopt);
}

TEST(VerdictTest, TheFormsAskedForAreWithinTheProvidersLimits) {
  for (const auto scope : {Critique::Scope::kEach, Critique::Scope::kAll}) {
    for (const auto verdict : {Critique::Verdict::kAccept, Critique::Verdict::kScore}) {
      for (const bool may_end : {false, true}) {
        const ResponseFormat format =
            CriticFormat({.scope = scope, .verdict = verdict, .may_end = may_end});
        EXPECT_EQ(SchemaMistake(format.schema.view(), true), "") << format.schema;
      }
    }
  }
  EXPECT_EQ(SchemaMistake(RouterFormat({"a b", "c"}).schema.view(), true), "");
}

TEST(SchemaCheckTest, StrictSchemasKeepTheProvidersLimits) {
  const auto mistake = [](absl::string_view schema) { return SchemaMistake(schema, true); };
  EXPECT_EQ(
      mistake(R"({"type":"object","properties":{"a":{"type":"array","items":{"type":"string"}}},
                        "required":["a"],"additionalProperties":false})"),
      "");
  EXPECT_EQ(mistake(""), "is missing; give a JSON Schema");
  EXPECT_EQ(mistake("[1]"), "is no JSON object");
  EXPECT_THAT(mistake(R"({"type":"array","items":{}})"), testing::HasSubstr("type object"));
  EXPECT_THAT(mistake(R"({"type":"object","properties":{"a":{"type":"string","pattern":"x"}},
                          "additionalProperties":false})"),
              testing::HasSubstr("$.a: pattern is not supported"));
  EXPECT_THAT(mistake(R"({"type":"object","properties":{"a":{"type":"string"}}})"),
              testing::HasSubstr("additionalProperties: false"));
  EXPECT_THAT(mistake(R"({"type":"object","properties":{"a":{"type":"array"}},
                          "additionalProperties":false})"),
              testing::HasSubstr("$.a: an array needs items"));
  std::string deep = R"({"type":"string"})";
  for (int i = 0; i < 11; ++i) {
    deep = R"({"type":"object","properties":{"a":)" + deep + R"(},"additionalProperties":false})";
  }
  EXPECT_THAT(mistake(deep), testing::HasSubstr("nested too deeply"));
  EXPECT_EQ(SchemaMistake(deep, false), "") << "without strict the provider does not mind";
}

}  // namespace
}  // namespace moa
