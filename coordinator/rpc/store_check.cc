#include "coordinator/rpc/store_check.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "coordinator/convert/codec.h"
#include "coordinator/engine/job_machine.h"

namespace moa {
namespace {

constexpr size_t kPage = 200;

// What is wrong with the job; OK when nothing is. `row` was read before it.
absl::Status CheckJob(const JobRow& row, const StoredJob& stored, const JobLimits& limits) {
  MOA_ASSIGN_OR_RETURN(JobSpec spec, DecodeSpec(stored.spec.view()));
  const std::shared_ptr<const Plan> plan = Compile(std::move(spec), limits);
  JobMachine machine(row.id, plan, {});
  uint64_t expected = 1;
  for (const StoredEvent& event : stored.events) {
    if (event.sequence != expected++) {
      return absl::DataLossError(absl::StrCat("event ", expected - 1, " is missing"));
    }
    MOA_ASSIGN_OR_RETURN(const Record record, DecodeRecord(*plan, event.payload.view()));
    MOA_RETURN_IF_ERROR(machine.Replay(record));
  }
  if (stored.events.empty()) return absl::DataLossError("it has no events");
  if (IsTerminal(stored.row.state) != machine.ended()) {
    return absl::DataLossError(machine.ended() ? "its events end it and its state does not"
                                               : "its state is an end, which its events lack");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckJobs(JobStore& store, const JobLimits& limits,
                       const std::function<void(const JobId&, const std::string&)>& on_problem,
                       const std::function<bool(uint64_t jobs)>& on_progress) {
  JobQuery query{.limit = kPage};
  uint64_t jobs = 0;
  while (true) {
    MOA_ASSIGN_OR_RETURN(const std::vector<JobRow> rows, store.List(query));
    for (const JobRow& row : rows) {
      const absl::StatusOr<StoredJob> stored = store.Read(row.id);
      // Pruned since it was listed.
      if (absl::IsNotFound(stored.status())) continue;
      if (!stored.ok() && !absl::IsDataLoss(stored.status())) return stored.status();
      const absl::Status sound = stored.ok() ? CheckJob(row, *stored, limits) : stored.status();
      if (!sound.ok()) on_problem(row.id, std::string(sound.message()));
      ++jobs;
    }
    if (!on_progress(jobs)) return absl::CancelledError("the check was given up");
    if (rows.size() < kPage) return absl::OkStatus();
    query.before = std::make_pair(rows.back().created, rows.back().id);
  }
}

}  // namespace moa
