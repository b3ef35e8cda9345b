#include "coordinator/engine/attribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/word_grams.h"
#include "tests/coordinator/engine/job_driver.h"

namespace moa {
namespace {

using testing::DoubleEq;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<double> Shares(const char* answer, const std::vector<const char*>& outputs) {
  std::vector<Text> texts;
  for (const char* output : outputs) texts.emplace_back(output);
  std::vector<double> shares;
  for (const Attribution& one : Attribute(Text(answer), texts))
    shares.push_back(one.share_of_answer);
  return shares;
}

std::vector<double> Novelties(const char* answer, const std::vector<const char*>& outputs) {
  std::vector<Text> texts;
  for (const char* output : outputs) texts.emplace_back(output);
  std::vector<double> novelties;
  for (const Attribution& one : Attribute(Text(answer), texts)) novelties.push_back(one.novelty);
  return novelties;
}

TEST(AttributionTest, CountsTheFiveWordRunsThatAreFoundInAnyOutput) {
  // The answer has 1-5, 2-6, 3-7, 4-8; the first output holds two of them, the second two, one in
  // common.
  EXPECT_THAT(Shares("1 2 3 4 5 6 7 8", {"1 2 3 4 5 6", "x 2 3 4 5 6 7"}),
              ElementsAre(DoubleEq(2.0 / 3), DoubleEq(2.0 / 3)));
}

TEST(AttributionTest, WhatNoOutputHoldsDoesNotCount) {
  EXPECT_THAT(Shares("a b c d e new words all along here", {"a b c d e", "z"}),
              ElementsAre(DoubleEq(1), DoubleEq(0)));
  EXPECT_THAT(Shares("something else entirely was written", {"a b c d e f", ""}), Each(0));
}

TEST(AttributionTest, PunctuationLayoutAndCaseDoNotHideASentence) {
  EXPECT_THAT(Shares("**The** cat; sat\non THE mat.", {"the cat sat on the mat"}),
              ElementsAre(DoubleEq(1)));
  EXPECT_THAT(Shares("größe zählt hier über alles", {"Größe zählt, hier: über alles!"}),
              ElementsAre(DoubleEq(1)));
}

TEST(AttributionTest, AShortAnswerIsOneGram) {
  EXPECT_THAT(Shares("Paris", {"It is Paris, of course.", "Lyon"}), ElementsAre(1, 0));
  EXPECT_THAT(Shares("in Paris", {"Paris in spring", "he was in Paris"}), ElementsAre(0, 1));
}

TEST(AttributionTest, AnAnswerWithoutWordsHasNoShares) {
  EXPECT_THAT(Shares("…", {"…"}), ElementsAre(1)) << "non-ASCII bytes are word bytes";
  EXPECT_THAT(Shares("?!", {"?!"}), Each(0));
  EXPECT_THAT(Shares("", {"x"}), Each(0));
  EXPECT_THAT(Shares("x", {}), IsEmpty());
}

TEST(AttributionTest, ARepeatedGramCountsOnce) {
  EXPECT_THAT(Shares("a b c d e a b c d e", {"a b c d e a b c d e a b c d e", "e a b c d"}),
              ElementsAre(DoubleEq(1), DoubleEq(0.2)));
}

TEST(AttributionTest, TextsAreLookedAtUpToABound) {
  std::string text;
  for (size_t i = 0; i < kGramTextWordsMax + 100; ++i) absl::StrAppend(&text, i, " ");
  EXPECT_EQ(Attribute(Text(text), {Text(text)})[0].share_of_answer, 1);
}

TEST(AttributionTest, WhatNoOtherOutputHoldsIsNovel) {
  // 1-5 and 2-6 against 2-6 and 3-7: one of two is each one's own.
  EXPECT_THAT(Novelties("1 2 3 4 5 6 7", {"1 2 3 4 5 6", "2 3 4 5 6 7"}),
              ElementsAre(DoubleEq(0.5), DoubleEq(0.5)));
  EXPECT_THAT(Novelties("a b c d e", {"a b c d e", "a b c d e", "v w x y z"}),
              ElementsAre(DoubleEq(0), DoubleEq(0), DoubleEq(1)));
}

TEST(AttributionTest, AJobsAcceptedAgentsGetSharesAndNobodyElse) {
  JobDriver job(MakeJob(1, 3));
  EXPECT_THAT(Attribute(job.machine()), IsEmpty());
  job.DispatchAll();
  job.Succeed(0, "the answer is forty two");
  job.Fail(1, ErrorCode::kInvalidRequest);
  job.Succeed(2, "no idea");
  job.DispatchAll();
  job.Succeed(3, "The answer is forty two.");
  const auto found = Attribute(job.machine());
  ASSERT_THAT(found, SizeIs(4));
  EXPECT_EQ(found[0]->share_of_answer, 1);
  EXPECT_EQ(found[2]->share_of_answer, 0);
  EXPECT_EQ(found[1], std::nullopt);
  EXPECT_EQ(found[3], std::nullopt);
}

}  // namespace
}  // namespace moa
