#include <string>

#include "client/moactl/commands.h"
#include "client/moactl/job_draft.h"
#include "client/moactl/json_output.h"

namespace moa {

int RunSubmit(const CommandContext& context) {
  const SubmitArguments& arguments = context.invocation.submit;
  if (arguments.cancel_on_exit && !arguments.wait && !arguments.watch) {
    context.console.Problems(
        "--cancel-on-exit goes with --wait or --watch: without them this program ends at once");
    return kExitUsage;
  }
  const absl::StatusOr<Draft> draft = MakeDraft(arguments);
  if (!draft.ok()) {
    context.console.Problems(draft.status().message());
    return kExitUsage;
  }
  WarnOfFile(context, *draft);
  const auto response = context.client.Submit(draft->spec, arguments.idempotency_key);
  if (!response.ok()) return FailDraft(context, *draft, response.status());
  WarnOfJob(context, *draft, response->warnings());
  if (!arguments.wait && !arguments.watch) {
    context.console.Json(SubmittedJson(*response));
    return kExitOk;
  }
  return Follow(context, response->job_id(), arguments.watch, arguments.cancel_on_exit);
}

}  // namespace moa
