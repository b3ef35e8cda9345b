#include "client/json/job_json.h"

#include <optional>

#include "absl/time/time.h"
#include "client/json/moa_json.h"
#include "common/document/document.h"
#include "common/document/json_text.h"

namespace moa {
namespace {

bool IsPrompt(const v1::JobSpec& job) {
  if (job.messages_size() != 1) return false;
  v1::Message rest = job.messages(0);
  if (rest.role() != v1::ROLE_USER) return false;
  rest.clear_role();
  rest.clear_content();
  return rest.ByteSizeLong() == 0;
}

void WriteConversation(const v1::JobSpec& job, ObjectWriter& out) {
  if (job.messages().empty()) return;
  if (IsPrompt(job)) return out.Text("prompt", job.messages(0).content());
  out.BeginArray("messages");
  for (const v1::Message& message : job.messages()) WriteMessage(message, out);
  out.EndArray();
}

void WriteTool(const v1::Tool& tool, ObjectWriter& out) {
  out.BeginObject();
  out.Text("name", tool.name());
  if (!tool.description().empty()) out.Text("description", tool.description());
  if (!tool.parameters().empty()) {
    // A mapping where it is one: as a person would write it.
    Problems problems;
    const std::optional<Document> schema = ReadJson(tool.parameters(), "parameters", problems);
    if (schema && schema->root.kind == NodeKind::kMapping) {
      out.Raw("parameters", ToJson(schema->root));
    } else {
      out.Text("parameters", tool.parameters());
    }
  }
  if (tool.has_strict()) out.Flag("strict", tool.strict());
  out.EndObject();
}

void WriteToolChoice(const v1::ToolChoice& choice, ObjectWriter& out) {
  switch (choice.mode()) {
    case v1::ToolChoice::NONE:
      return out.Text("tool_choice", "none");
    case v1::ToolChoice::REQUIRED:
      return out.Text("tool_choice", "required");
    case v1::ToolChoice::FUNCTION:
      out.BeginObject("tool_choice");
      out.Text("function", choice.function());
      return out.EndObject();
    default:
      return out.Text("tool_choice", "auto");
  }
}

void WriteBudget(const v1::Budget& budget, ObjectWriter& out) {
  out.BeginObject("budget");
  if (budget.has_max_total_tokens()) out.Count("max_total_tokens", budget.max_total_tokens());
  if (budget.has_max_cost_usd()) out.Number("max_cost_usd", budget.max_cost_usd());
  if (budget.has_max_upstream_calls()) out.Count("max_upstream_calls", budget.max_upstream_calls());
  out.EndObject();
}

}  // namespace

std::string RoleName(v1::Role role) {
  switch (role) {
    case v1::ROLE_SYSTEM:
      return "system";
    case v1::ROLE_DEVELOPER:
      return "developer";
    case v1::ROLE_ASSISTANT:
      return "assistant";
    case v1::ROLE_TOOL:
      return "tool";
    default:
      return "user";
  }
}

void WriteMessage(const v1::Message& message, ObjectWriter& out) {
  out.BeginObject();
  out.Text("role", RoleName(message.role()));
  if (!message.name().empty()) out.Text("name", message.name());
  if (!message.reasoning().empty()) out.Text("reasoning", message.reasoning());
  out.Text("content", message.content());
  WriteToolCalls(message.tool_calls(), out);
  if (!message.tool_call_id().empty()) out.Text("tool_call_id", message.tool_call_id());
  out.EndObject();
}

std::string JobSpecJson(const v1::JobSpec& job) {
  ObjectWriter out;
  out.BeginObject();
  if (!job.name().empty()) out.Text("name", job.name());
  if (!job.tenant().empty()) out.Text("tenant", job.tenant());
  WriteConversation(job, out);
  if (!job.follows().empty()) out.Text("follows", job.follows());
  if (!job.grades().empty()) out.Text("grades", job.grades());
  if (!job.preset().empty()) out.Text("preset", job.preset());
  if (job.has_moa()) {
    WriteMoa("moa", job.moa(), out, job.preset().empty() ? MoaPart::kWhole : MoaPart::kChanges);
  }
  if (!job.tools().empty()) {
    out.BeginArray("tools");
    for (const v1::Tool& tool : job.tools()) WriteTool(tool, out);
    out.EndArray();
  }
  if (job.has_tool_choice()) WriteToolChoice(job.tool_choice(), out);
  if (job.has_parallel_tool_calls()) out.Flag("parallel_tool_calls", job.parallel_tool_calls());
  if (job.has_deadline()) out.Text("deadline", DurationText(job.deadline()));
  if (job.has_budget()) WriteBudget(job.budget(), out);
  if (job.has_seed()) out.Count("seed", job.seed());
  out.EndObject();
  return out.Take();
}

}  // namespace moa
