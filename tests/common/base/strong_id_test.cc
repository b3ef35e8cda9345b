#include "common/base/strong_id.h"

#include <gtest/gtest.h>

#include <sstream>
#include <type_traits>

#include "absl/container/flat_hash_set.h"

namespace moa {
namespace {

static_assert(!std::is_convertible_v<JobId, WorkerId>);
static_assert(!std::is_constructible_v<JobId, WorkerId>);
static_assert(!std::is_convertible_v<std::string, JobId>, "an id is named where it is made");

TEST(StrongIdTest, ComparesAndOrdersByValue) {
  EXPECT_EQ(JobId("a"), JobId(std::string("a")));
  EXPECT_EQ(JobId("a"), JobId(absl::string_view("a")));
  EXPECT_NE(JobId("a"), JobId("b"));
  EXPECT_LT(JobId("a"), JobId("b"));
  EXPECT_TRUE(JobId().empty());
}

TEST(StrongIdTest, HashesAndPrintsItsValue) {
  const absl::flat_hash_set<JobId> ids = {JobId("a"), JobId("b"), JobId("a")};
  EXPECT_EQ(ids.size(), 2u);
  EXPECT_TRUE(ids.contains(JobId("b")));
  std::ostringstream out;
  out << JobId("job-1");
  EXPECT_EQ(out.str(), "job-1");
}

}  // namespace
}  // namespace moa
