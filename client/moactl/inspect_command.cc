#include "client/json/inspect_json.h"
#include "client/moactl/commands.h"
#include "client/moactl/inspect_report.h"
#include "client/moactl/job_draft.h"

namespace moa {

int RunInspect(const CommandContext& context) {
  const absl::StatusOr<Draft> draft = MakeDraft(context.invocation.submit, true);
  if (!draft.ok()) {
    context.console.Problems(draft.status().message());
    return kExitUsage;
  }
  WarnOfFile(context, *draft);
  const auto plan = context.client.Inspect(draft->spec);
  if (!plan.ok()) return FailDraft(context, *draft, plan.status());
  WarnOfJob(context, *draft, plan->warnings());
  if (draft->has_placeholder) {
    context.console.Err({{{"no prompt is given: ‹your prompt› stands for it", Style::kYellow}}});
  }
  if (context.invocation.json) {
    context.console.Json(InspectJson(*plan));
  } else {
    context.console.Out(InspectReport(*plan));
  }
  return kExitOk;
}

}  // namespace moa
