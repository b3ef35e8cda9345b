#include "client/tuner/study_options.h"

#include <gmock/gmock.h>

#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "client/tuner/study.h"
#include "common/base/status_matchers.h"
#include "tests/client/tuner/synthetic.h"

namespace moa {
namespace {

using testing::StartsWith;

TEST(StudyOptionsTest, WrongOptionsAreNamed) {
  const StudyOptions good = OptionsFor(Additive(), 1, 20, 2);
  EXPECT_OK(CheckOptions(good));
  const std::vector<std::pair<std::string, std::function<void(StudyOptions&)>>> cases = {
      {"trials:", [](StudyOptions& o) { o.trials = 0; }},
      {"trials:", [](StudyOptions& o) { o.trials = kTrialsMax + 1; }},
      {"parallel:", [](StudyOptions& o) { o.parallel = 0; }},
      {"parallel:", [](StudyOptions& o) { o.parallel = kParallelMax + 1; }},
      {"rungs:", [](StudyOptions& o) { o.rungs = {}; }},
      {"rungs:",
       [](StudyOptions& o) {
         o.rungs = {2, 4};
       }},
      {"rungs:",
       [](StudyOptions& o) {
         o.rungs = {1, 4, 4};
       }},
      {"promote_share:", [](StudyOptions& o) { o.promote_share = 0; }},
      {"promote_share:", [](StudyOptions& o) { o.promote_share = 1.1; }},
      {"promote_share:",
       [](StudyOptions& o) { o.promote_share = std::numeric_limits<double>::quiet_NaN(); }},
      {"confirm_share", [](StudyOptions& o) { o.confirm_share = -0.1; }},
      {"confirm_share", [](StudyOptions& o) { o.confirm_share = o.ablate_share = 0.5; }},
      {"cost_usd_max:", [](StudyOptions& o) { o.cost_usd_max = -1; }},
      {"cost_usd_max:",
       [](StudyOptions& o) { o.cost_usd_max = std::numeric_limits<double>::infinity(); }},
      {"temperature_max:", [](StudyOptions& o) { o.space.temperature_max = 2.1; }},
      {"temperature_max:", [](StudyOptions& o) { o.space.temperature_max = 0; }}};
  for (const auto& [name, change] : cases) {
    StudyOptions options = good;
    change(options);
    EXPECT_THAT(CheckOptions(options),
                StatusIs(absl::StatusCode::kInvalidArgument, StartsWith(name)));
    EXPECT_THAT(Study::Create(options), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

// Jobs are named by it: two studies that would ask different things must not find each other's.
TEST(StudyOptionsTest, TheIdFollowsFromTheOptions) {
  const StudyOptions options = OptionsFor(Additive(), 1, 20, 2);
  ASSERT_OK_AND_ASSIGN(const Study study, Study::Create(options));
  ASSERT_OK_AND_ASSIGN(const Study again, Study::Create(options));
  EXPECT_EQ(study.id(), again.id());
  EXPECT_EQ(study.id().size(), 12u);
  StudyOptions other = options;
  other.seed = 2;
  ASSERT_OK_AND_ASSIGN(const Study another, Study::Create(other));
  EXPECT_NE(study.id(), another.id());
}

}  // namespace
}  // namespace moa
