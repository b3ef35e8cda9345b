#include "client/moactl/job_run.h"

#include "absl/strings/str_cat.h"
#include "client/moactl/commands.h"
#include "client/moactl/names.h"
#include "common/base/status_macros.h"

namespace moa {

absl::StatusOr<v1::Job> RunToEnd(Client& client, const v1::JobSpec& spec,
                                 const JobRunOptions& options) {
  MOA_ASSIGN_OR_RETURN(const v1::SubmitJobResponse submitted,
                       client.Submit(spec, options.idempotency_key));
  WatchOptions watch;
  watch.progress = false;
  watch.cancel_on_disconnect = options.cancel_on_exit;
  watch.reconnect_for = kReconnectFor;
  watch.stop = options.stop;
  MOA_RETURN_IF_ERROR(
      client.Watch(submitted.job_id(), watch, [](const v1::WatchUpdate&) { return true; }));
  return client.Get(submitted.job_id());
}

absl::Status SuccessOf(const v1::Job& job) {
  if (job.state() == v1::JOB_STATE_SUCCEEDED) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("job ", job.job_id(), " is ", StateName(job.state()), ": ",
                                         job.error().message()));
}

}  // namespace moa
