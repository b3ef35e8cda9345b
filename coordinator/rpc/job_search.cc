#include "coordinator/rpc/job_search.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "coordinator/rpc/job_requests.h"

namespace moa {
namespace {

constexpr size_t kReadAtOnce = 1000;

}  // namespace

void JobSearch::Start(List list, JobQuery query, absl::string_view text,
                      v1::ListJobsResponse* response, Done done) {
  const std::shared_ptr<JobSearch> search(
      new JobSearch(std::move(list), std::move(query), text, response, std::move(done)));
  search->Read();
}

JobSearch::JobSearch(List list, JobQuery query, absl::string_view text,
                     v1::ListJobsResponse* response, Done done)
    : list_(std::move(list)),
      query_(std::move(query)),
      wanted_(query_.limit),
      text_(absl::AsciiStrToLower(text)),
      response_(response),
      done_(std::move(done)) {
  query_.limit = kReadAtOnce;
}

void JobSearch::Read() {
  list_(query_, [self = shared_from_this()](const absl::StatusOr<std::vector<JobRow>>& rows) {
    if (!rows.ok()) return self->done_(rows.status());
    self->Take(*rows);
  });
}

void JobSearch::Take(const std::vector<JobRow>& rows) {
  for (const JobRow& row : rows) {
    if (static_cast<size_t>(response_->jobs_size()) == wanted_ || looked_at_ == kLookedAtMax) {
      response_->set_next_page_token(PageToken(query_.before->first, query_.before->second));
      return done_(absl::OkStatus());
    }
    ++looked_at_;
    query_.before = {row.created, row.id};
    if (Matches(row)) WriteSummary(row, response_->add_jobs());
  }
  if (rows.size() < kReadAtOnce) return done_(absl::OkStatus());
  Read();
}

bool JobSearch::Matches(const JobRow& row) const {
  return absl::StrContains(absl::AsciiStrToLower(row.name), text_) ||
         absl::StrContains(absl::AsciiStrToLower(row.id.value()), text_);
}

}  // namespace moa
