#include "coordinator/engine/agreement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace moa {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

TEST(AgreementTest, TextsAreTheSameWithoutCasePunctuationAndSpaces) {
  EXPECT_EQ(MatchKey("  Paris, France!\n", Match::kText), MatchKey("paris france", Match::kText));
  EXPECT_NE(MatchKey("Paris", Match::kText), MatchKey("Lyon", Match::kText));
  EXPECT_EQ(MatchKey("?!", Match::kText), "");
}

TEST(AgreementTest, TheLastLineIsWhatIsSaidInTheEnd) {
  EXPECT_EQ(MatchKey("I think…\nAnswer: **42**\n\n", Match::kLastLine), "answer 42");
  EXPECT_EQ(MatchKey("one line", Match::kLastLine), "one line");
  EXPECT_EQ(MatchKey("", Match::kLastLine), "");
}

TEST(AgreementTest, NumbersAreComparedByTheirValue) {
  EXPECT_EQ(MatchKey("so it is $1,000.50.", Match::kNumber), MatchKey("1000.5", Match::kNumber));
  EXPECT_EQ(MatchKey("= -7", Match::kNumber), MatchKey("-7.0 m", Match::kNumber));
  EXPECT_NE(MatchKey("-7", Match::kNumber), MatchKey("7", Match::kNumber));
  EXPECT_EQ(MatchKey("pages 3-7", Match::kNumber), MatchKey("7", Match::kNumber));
  EXPECT_EQ(MatchKey("none", Match::kNumber), "");
}

TEST(AgreementTest, GroupsComeLargestFirstAndOfEqualOnesTheEarlier) {
  EXPECT_THAT(GroupByAgreement({"b", "a", "A!", "c", "", "c"}, Match::kText),
              ElementsAre(ElementsAre(1, 2), ElementsAre(3, 5), ElementsAre(0)));
  EXPECT_THAT(GroupByAgreement({}, Match::kText), IsEmpty());
}

TEST(AgreementTest, TheLastConfidenceCounts) {
  EXPECT_THAT(StatedConfidence("Confidence: 0.3 at first\n**Confidence:** 0.85"), Optional(0.85));
  EXPECT_THAT(StatedConfidence("my CONFIDENCE = 80 %"), Optional(0.8));
  EXPECT_THAT(StatedConfidence("confidence 1."), Optional(1.0));
  EXPECT_THAT(StatedConfidence("confidence: 0.4; I have confidence in it"), Optional(0.4));
  EXPECT_EQ(StatedConfidence("confidence: high"), std::nullopt);
  EXPECT_EQ(StatedConfidence("confidence: 7"), std::nullopt);
  EXPECT_EQ(StatedConfidence(""), std::nullopt);
}

TEST(AgreementTest, OfNearDuplicatesTheFirstIsKept) {
  const std::string text = "one two three four five six seven eight nine ten";
  EXPECT_THAT(WithoutSimilar({text, text + " eleven", "something else was said here indeed"}, 0.8),
              ElementsAre(0, 2));
  EXPECT_THAT(WithoutSimilar({text, text + " eleven"}, 1), ElementsAre(0, 1));
  // A short text is no duplicate of a long one that holds it.
  EXPECT_THAT(WithoutSimilar({"one two three four five", text}, 0.8), ElementsAre(0, 1));
}

}  // namespace
}  // namespace moa
