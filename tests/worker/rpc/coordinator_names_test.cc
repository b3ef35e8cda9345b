#include "worker/rpc/coordinator_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "worker/rpc/resolve_pace.h"

namespace moa::worker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using News = CoordinatorNames::News;

absl::StatusOr<std::vector<std::string>> Ips(std::vector<std::string> ips) { return ips; }

std::vector<std::string> Shown(const CoordinatorNames& names) {
  std::vector<std::string> shown;
  for (const CoordinatorAddress& one : names.addresses()) shown.push_back(one.ToString());
  return shown;
}

TEST(CoordinatorNamesTest, IpAddressesStandForThemselves) {
  const CoordinatorNames names({{"10.0.0.1", 7070}, {"::1", 7071}});
  EXPECT_THAT(names.hosts(), IsEmpty());
  EXPECT_THAT(Shown(names), ElementsAre("10.0.0.1:7070", "[::1]:7071"));
}

TEST(CoordinatorNamesTest, ANameStandsForAllThatItWasResolvedToLast) {
  CoordinatorNames names({{"moa", 7070}});
  EXPECT_THAT(names.hosts(), ElementsAre("moa"));
  EXPECT_THAT(Shown(names), IsEmpty());
  EXPECT_EQ(names.Resolved("moa", Ips({"10.0.0.2", "10.0.0.1"})), News::kNone);
  EXPECT_THAT(Shown(names), ElementsAre("10.0.0.1:7070 (moa:7070)", "10.0.0.2:7070 (moa:7070)"));
  names.Resolved("moa", Ips({"10.0.0.3", "10.0.0.2"}));
  EXPECT_THAT(Shown(names), ElementsAre("10.0.0.2:7070 (moa:7070)", "10.0.0.3:7070 (moa:7070)"));
}

TEST(CoordinatorNamesTest, NameServersThatTurnTheOrderChangeNothing) {
  CoordinatorNames names({{"moa", 7070}});
  names.Resolved("moa", Ips({"10.0.0.2", "10.0.0.1"}));
  const std::vector<CoordinatorAddress> before = names.addresses();
  names.Resolved("moa", Ips({"10.0.0.1", "10.0.0.2"}));
  EXPECT_EQ(names.addresses(), before);
}

TEST(CoordinatorNamesTest, AHostWithBothFamiliesCountsOnce) {
  CoordinatorNames names({{"both", 1}, {"six", 2}});
  names.Resolved("both", Ips({"::1", "127.0.0.1", "fd00::1"}));
  names.Resolved("six", Ips({"fd00::2", "fd00::1"}));
  EXPECT_THAT(Shown(names),
              ElementsAre("127.0.0.1:1 (both:1)", "[fd00::1]:2 (six:2)", "[fd00::2]:2 (six:2)"));
}

TEST(CoordinatorNamesTest, WhatSeveralEntriesLeadToCountsOnceAndBestAsAnIpAddress) {
  CoordinatorNames names({{"a", 1}, {"b", 1}, {"b", 2}, {"10.0.0.1", 1}, {"10.0.0.1", 1}});
  EXPECT_THAT(names.hosts(), ElementsAre("a", "b")) << "each is resolved once";
  EXPECT_THAT(Shown(names), ElementsAre("10.0.0.1:1"));
  names.Resolved("a", Ips({"10.0.0.1", "10.0.0.2", "10.0.0.2"}));
  names.Resolved("b", Ips({"10.0.0.2"}));
  EXPECT_THAT(Shown(names), ElementsAre("10.0.0.1:1", "10.0.0.2:1 (a:1)", "10.0.0.2:2 (b:2)"));
}

TEST(CoordinatorNamesTest, ANameThatCannotBeResolvedKeepsWhatItHad) {
  CoordinatorNames names({{"moa", 7070}});
  names.Resolved("moa", Ips({"10.0.0.1"}));
  EXPECT_EQ(names.Resolved("moa", absl::UnavailableError("no server")), News::kLost);
  EXPECT_EQ(names.Resolved("moa", absl::NotFoundError("no name")), News::kNone) << "known already";
  EXPECT_EQ(names.Resolved("moa", std::vector<std::string>()), News::kNone);
  EXPECT_THAT(Shown(names), ElementsAre("10.0.0.1:7070 (moa:7070)"));
  EXPECT_EQ(names.Resolved("moa", Ips({"10.0.0.2"})), News::kBack);
  EXPECT_EQ(names.Resolved("moa", Ips({"10.0.0.2"})), News::kNone);
  EXPECT_THAT(Shown(names), ElementsAre("10.0.0.2:7070 (moa:7070)"));
  EXPECT_EQ(names.Resolved("moa", std::vector<std::string>()), News::kLost);
}

TEST(CoordinatorNamesTest, AnAnswerToAnotherQuestionIsDropped) {
  CoordinatorNames names({{"moa", 7070}, {"10.0.0.1", 7070}});
  EXPECT_EQ(names.Resolved("other", absl::NotFoundError("")), News::kNone);
  names.Resolved("10.0.0.1", Ips({"10.0.0.9"}));
  EXPECT_THAT(Shown(names), ElementsAre("10.0.0.1:7070"));
}

TEST(CoordinatorNamesTest, OfTooManyAddressesTheLastAreLeftOut) {
  CoordinatorNames names({{"moa", 7070}, {"10.0.0.1", 7070}});
  std::vector<std::string> ips;
  for (int i = 100; i < 200; ++i) ips.push_back(absl::StrCat("10.1.0.", i));
  names.Resolved("moa", ips);
  EXPECT_EQ(names.addresses().size(), CoordinatorNames::kAddressesMax);
  EXPECT_EQ(names.addresses().back().address.host, "10.1.0.162");
}

TEST(ResolvePaceTest, BeginsAtOnceAndGoesOnAtItsInterval) {
  const absl::Time start = absl::FromUnixSeconds(1'800'000'000);
  ResolvePace pace(absl::Seconds(5));
  EXPECT_LE(pace.next(), start);
  pace.Begin(start);
  EXPECT_EQ(pace.next(), start + absl::Seconds(5));
}

TEST(ResolvePaceTest, AHurryBringsTheNextRoundForwardButNotCloserThanAFifth) {
  const absl::Time start = absl::FromUnixSeconds(1'800'000'000);
  ResolvePace pace(absl::Seconds(5));
  pace.Hurry();
  EXPECT_LE(pace.next(), start);
  pace.Begin(start);
  for (int i = 0; i < 100; ++i) pace.Hurry();
  EXPECT_EQ(pace.next(), start + absl::Seconds(1));
  pace.Begin(start + absl::Seconds(1));
  EXPECT_EQ(pace.next(), start + absl::Seconds(6)) << "all of them were in the same hurry";
}

}  // namespace
}  // namespace moa::worker
