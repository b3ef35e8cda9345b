#include "coordinator/engine/attribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/coordinator/engine/job_driver.h"

namespace moa {
namespace {

using testing::DoubleEq;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<double> Shares(const char* answer, const std::vector<const char*>& outputs) {
  std::vector<Text> texts;
  for (const char* output : outputs) texts.emplace_back(output);
  return SharesOfAnswer(Text(answer), texts);
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
  for (size_t i = 0; i < kAttributionWordsMax + 100; ++i) absl::StrAppend(&text, i, " ");
  EXPECT_THAT(SharesOfAnswer(Text(text), {Text(text)}), ElementsAre(1));
}

TEST(AttributionTest, AJobsAcceptedAgentsGetSharesAndNobodyElse) {
  JobDriver job(MakeJob(1, 3));
  EXPECT_THAT(SharesOfAnswer(job.machine()), IsEmpty());
  job.DispatchAll();
  job.Succeed(0, "the answer is forty two");
  job.Fail(1, ErrorCode::kInvalidRequest);
  job.Succeed(2, "no idea");
  job.DispatchAll();
  job.Succeed(3, "The answer is forty two.");
  EXPECT_THAT(SharesOfAnswer(job.machine()), ElementsAre(std::make_optional(1.0), std::nullopt,
                                                         std::make_optional(0.0), std::nullopt));
}

}  // namespace
}  // namespace moa
