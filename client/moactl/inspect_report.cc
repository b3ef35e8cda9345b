#include "client/moactl/inspect_report.h"

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "client/json/job_json.h"
#include "client/moactl/names.h"
#include "common/base/display_text.h"

namespace moa {
namespace {

std::string StageTitle(const v1::PlannedStage& stage) {
  const bool last = stage.kind() == v1::STAGE_KIND_AGGREGATE;
  std::string title = last ? "aggregate"
                           : absl::StrCat("layer ", stage.layer(), ", round ", stage.round(), ": ",
                                          KindName(stage.kind()));
  if (stage.times() > 1) absl::StrAppend(&title, ", ", stage.times(), " times");
  return title;
}

void AddGraph(const v1::InspectJobResponse& plan, std::vector<StyledLine>& out) {
  for (int i = 0; i < plan.stages_size(); ++i) {
    const v1::PlannedStage& stage = plan.stages(i);
    if (i > 0) out.push_back({{"  │"}});
    out.push_back(
        {{i + 1 < plan.stages_size() ? "  ├─ " : "  └─ "}, {StageTitle(stage), Style::kBold}});
    const char* bar = i + 1 < plan.stages_size() ? "  │    " : "       ";
    for (const v1::PlannedAgent& agent : stage.agents()) {
      out.push_back({{bar},
                     {absl::StrCat(OneLine(agent.agent()),
                                   agent.calls() > 1 ? absl::StrCat(" × ", agent.calls()) : "")},
                     {absl::StrCat("  ", OneLine(agent.model()), ", up to ",
                                   WithThousands(agent.prompt_tokens()), " + ",
                                   WithThousands(agent.max_completion_tokens()), " tokens"),
                      Style::kDim}});
    }
    if (!stage.then().empty()) {
      out.push_back({{bar}, {absl::StrCat("→ ", OneLine(stage.then())), Style::kYellow}});
    }
  }
}

void AddText(absl::string_view text, std::vector<StyledLine>& out) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    out.push_back({{absl::StrCat("    ", OneLine(line))}});
  }
}

// "assistant:", "tool (call c1):"
std::string MessageTitle(const v1::Message& message) {
  std::string title = RoleName(message.role());
  if (!message.name().empty()) absl::StrAppend(&title, " (", OneLine(message.name()), ")");
  if (!message.tool_call_id().empty()) {
    absl::StrAppend(&title, " (call ", OneLine(message.tool_call_id()), ")");
  }
  return absl::StrCat(title, ":");
}

void AddMessage(const v1::Message& message, std::vector<StyledLine>& out) {
  out.push_back({{absl::StrCat("  ", MessageTitle(message)), Style::kGreen}});
  if (!message.reasoning().empty()) AddText(message.reasoning(), out);
  if (!message.content().empty()) AddText(message.content(), out);
  for (const v1::ToolCall& call : message.tool_calls()) {
    AddText(absl::StrCat("calls ", call.name(), "(", call.arguments(), ")"), out);
  }
}

// ", as JSON (verdict)"; nothing where any text will do.
std::string FormatFact(const v1::ResponseFormat& format) {
  if (format.type() == v1::ResponseFormat::TEXT) return "";
  if (format.name().empty()) return ", as JSON";
  return absl::StrCat(", as JSON (", OneLine(format.name()), ")");
}

// All that an agent gets, to compare it.
std::string PromptOf(const v1::PlannedAgent& agent) {
  std::string prompt = absl::StrCat(agent.agent(), "\n", agent.model(), "\n");
  for (const v1::Message& message : agent.messages()) {
    absl::StrAppend(&prompt, message.SerializeAsString(), "\n");
  }
  return prompt;
}

void AddPrompts(const v1::InspectJobResponse& plan, std::vector<StyledLine>& out) {
  std::map<std::string, std::string> shown;  // the title of the stage that has it
  for (const v1::PlannedStage& stage : plan.stages()) {
    for (const v1::PlannedAgent& agent : stage.agents()) {
      const auto [earlier, is_new] = shown.try_emplace(PromptOf(agent), StageTitle(stage));
      out.push_back({});
      out.push_back({{absl::StrCat(StageTitle(stage), " · ", OneLine(agent.agent()), " (",
                                   OneLine(agent.model()), ")"),
                      Style::kBold}});
      std::string facts =
          absl::StrCat("  prompt up to ", WithThousands(agent.prompt_tokens()),
                       " tokens, reply up to ", WithThousands(agent.max_completion_tokens()));
      if (agent.context_tokens() > 0) {
        absl::StrAppend(&facts, ", of a context of ", WithThousands(agent.context_tokens()));
      }
      absl::StrAppend(&facts, FormatFact(agent.response_format()));
      out.push_back({{facts, Style::kDim}});
      if (!agent.fit().empty())
        out.push_back({{absl::StrCat("  ", OneLine(agent.fit())), Style::kYellow}});
      if (!is_new) {
        out.push_back({{absl::StrCat("  the same as in ", earlier->second), Style::kDim}});
        continue;
      }
      for (const v1::Message& message : agent.messages()) AddMessage(message, out);
    }
  }
}

}  // namespace

std::vector<StyledLine> InspectReport(const v1::InspectJobResponse& plan) {
  std::vector<StyledLine> out;
  out.push_back({{"plan", Style::kBold}});
  AddGraph(plan, out);
  out.push_back({{absl::StrCat(
      "at most ", plan.calls_max(), " calls, ", WithThousands(plan.prompt_tokens_max()),
      " prompt and ", WithThousands(plan.completion_tokens_max()), " completion tokens",
      plan.cost_usd_max() > 0 ? absl::StrFormat(", $%.4f", plan.cost_usd_max()) : "",
      "; retries and hedges aside; nothing was sent")}});
  AddPrompts(plan, out);
  return out;
}

}  // namespace moa
