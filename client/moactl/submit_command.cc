#include <string>

#include "client/json/json_output.h"
#include "client/moactl/commands.h"
#include "client/moactl/job_draft.h"
#include "common/flags/values.h"

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
  // As a program's own environment says who called it.
  const CallerTrace trace{.traceparent = FromEnvironment("TRACEPARENT").value_or(""),
                          .tracestate = FromEnvironment("TRACESTATE").value_or("")};
  const auto response = context.client.Submit(draft->spec, arguments.idempotency_key, trace);
  if (!response.ok()) return FailDraft(context, *draft, response.status());
  WarnOfJob(context, *draft, response->warnings());
  if (!arguments.wait && !arguments.watch) {
    context.console.Json(SubmittedJson(*response));
    return kExitOk;
  }
  return Follow(context, response->job_id(), arguments.watch, arguments.cancel_on_exit);
}

}  // namespace moa
