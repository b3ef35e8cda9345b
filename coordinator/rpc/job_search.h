#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/runtime/coordinator.h"
#include "moa/v1/moa.pb.h"

namespace moa {

// A page of the jobs whose name or id holds a text: reads the store's jobs page by page, newest first, until it has
// found enough or has looked at as many as one request may cost.
//
// Owners: its own callbacks, until `done` was called, on the reader's thread.
class JobSearch : public std::enable_shared_from_this<JobSearch> {
 public:
  // Jobs that one request looks at; the next page goes on behind them.
  static constexpr size_t kLookedAtMax = 10'000;

  using List =
      std::function<void(JobQuery, absl::AnyInvocable<void(absl::StatusOr<std::vector<JobRow>>)>)>;
  using Done = absl::AnyInvocable<void(absl::Status)>;

  // Finds up to `query.limit` jobs and writes them to `response`, which is borrowed until `done`.
  static void Start(List list, JobQuery query, absl::string_view text,
                    v1::ListJobsResponse* response, Done done);

 private:
  JobSearch(List list, JobQuery query, absl::string_view text, v1::ListJobsResponse* response,
            Done done);

  void Read();
  void Take(const std::vector<JobRow>& rows);
  bool Matches(const JobRow& row) const;

  const List list_;
  JobQuery query_;
  const size_t wanted_;
  const std::string text_;  // in lower case
  v1::ListJobsResponse* const response_;
  Done done_;
  size_t looked_at_ = 0;
};

}  // namespace moa
