#include "coordinator/rpc/job_search.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"

namespace moa {
namespace {

// So many jobs, newest first, of which each hundredth is called "odd"; read as the store would read them.
class JobSearchTest : public testing::Test {
 protected:
  v1::ListJobsResponse Search(const std::string& text, size_t wanted,
                              std::optional<std::pair<absl::Time, JobId>> before = {}) {
    v1::ListJobsResponse response;
    absl::Status ended = absl::UnknownError("not called");
    const JobSearch::List list = [this](const JobQuery& query, auto done) {
      ++reads_;
      std::vector<JobRow> rows;
      int number =
          query.before ? static_cast<int>(absl::ToUnixSeconds(query.before->first)) : jobs_;
      while (--number >= 0 && rows.size() < query.limit) {
        JobRow& row = rows.emplace_back();
        row.id = JobId(absl::StrCat("id-", number));
        row.name = number % 100 == 0 ? "odd" : "even";
        row.created = absl::FromUnixSeconds(number);
      }
      done(std::move(rows));
    };
    JobSearch::Start(list, {.limit = wanted, .before = std::move(before)}, text, &response,
                     [&](const absl::Status& status) { ended = status; });
    EXPECT_OK(ended);
    return response;
  }

  int jobs_ = 25'000;
  int reads_ = 0;
};

TEST_F(JobSearchTest, StopsWhenItHasFoundEnough) {
  const v1::ListJobsResponse page = Search("ODD", 5);
  EXPECT_EQ(page.jobs_size(), 5);
  EXPECT_EQ(page.jobs(0).job_id(), "id-24900");
  EXPECT_EQ(page.next_page_token(), "24500000000.id-24500");
  EXPECT_EQ(reads_, 1);
}

TEST_F(JobSearchTest, StopsWhenItHasLookedAtEnough) {
  const v1::ListJobsResponse page = Search("nothing is called so", 5);
  EXPECT_EQ(page.jobs_size(), 0);
  EXPECT_EQ(page.next_page_token(), "15000000000.id-15000");
  EXPECT_EQ(reads_, 11);
}

TEST_F(JobSearchTest, TheLastPageHasNoToken) {
  const v1::ListJobsResponse page =
      Search("id-2999", 5, std::pair(absl::FromUnixSeconds(3000), JobId("id-3000")));
  ASSERT_EQ(page.jobs_size(), 1);
  EXPECT_EQ(page.jobs(0).job_id(), "id-2999");
  EXPECT_EQ(page.next_page_token(), "");
}

TEST_F(JobSearchTest, APageThatIsFullWithTheLastJobIsTheLast) {
  jobs_ = 1;
  const v1::ListJobsResponse page = Search("odd", 1);
  EXPECT_EQ(page.jobs_size(), 1);
  EXPECT_EQ(page.next_page_token(), "");
}

}  // namespace
}  // namespace moa
