#include "client/tuner/reflection.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/display_text.h"
#include "common/base/text.h"
#include "common/document/field.h"

namespace moa {
namespace {

constexpr uint32_t kReplyTokens = 8000;
constexpr size_t kTaskBytesMax = 8'000;
constexpr size_t kDetailsMax = 3;  // different ones of a check
constexpr size_t kDetailBytesMax = 300;

constexpr absl::string_view kSystem =
    "You improve the system prompts of agents that answer a task together: the agents of a layer "
    "answer in parallel, the "
    "last one merges what they wrote into the answer, which is graded by checks. You are shown the "
    "task, each agent's "
    "system prompt, and the checks that were failed, with what was seen. Find out what in the "
    "answers made them fail, "
    "and write prompts that prevent it: name the rule that an answer has to follow and the cases "
    "it has to handle, "
    "rather than the check. Keep what works, keep each agent's role, and keep prompts short. A "
    "prompt that contains "
    "{helper_response} must still contain it.\n"
    "Reply with one JSON object and nothing else: "
    R"({"edits": [{"agent": NAME, "system_prompt": TEXT}]}, with only the agents whose prompt you change.)";

// Of all runs of a configuration.
struct CheckSummary {
  double mean = 0;
  double max = 0;
  size_t runs = 0;
  std::vector<std::string> details{};  // of runs that did not get all points

  bool failed() const { return mean < max; }
};

// By id; the order is the ids', whatever runs came first.
std::map<std::string, CheckSummary> Summarise(const Candidate& candidate) {
  std::map<std::string, CheckSummary> checks;
  for (const TrialResult& run : candidate.runs) {
    for (const CheckScore& check : run.checks) {
      CheckSummary& summary = checks[check.id];
      summary.max = std::max(summary.max, check.max);
      summary.mean += (check.score - summary.mean) / static_cast<double>(++summary.runs);
      if (check.score >= check.max || check.detail.empty()) continue;
      const std::string detail(Utf8Prefix(OneLine(check.detail), kDetailBytesMax));
      auto& details = summary.details;
      if (details.size() < kDetailsMax &&
          std::find(details.begin(), details.end(), detail) == details.end()) {
        details.push_back(detail);
      }
    }
  }
  return checks;
}

}  // namespace

std::string PromptEditsSchema() {
  return R"({"type":"object","properties":{"edits":{"type":"array","items":{"type":"object",)"
         R"("properties":{"agent":{"type":"string"},"system_prompt":{"type":"string"}},)"
         R"("required":["agent","system_prompt"],"additionalProperties":false}}},)"
         R"("required":["edits"],"additionalProperties":false})";
}

std::optional<size_t> ChooseParent(const Candidates& candidates, Random& random) {
  std::optional<size_t> best;
  double highest = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].runs.empty()) continue;
    const auto checks = Summarise(candidates[i]);
    const bool fails = std::any_of(checks.begin(), checks.end(),
                                   [](const auto& check) { return check.second.failed(); });
    if (!fails) continue;
    const Belief belief = candidates.BeliefIn(i);
    const double drawn = belief.mean + belief.deviation * random.Normal();
    if (best && drawn <= highest) continue;
    best = i;
    highest = drawn;
  }
  return best;
}

ReflectionRequest AskForEdits(const Space& space, const Candidate& parent, absl::string_view task) {
  ReflectionRequest request;
  request.parent = parent.key;
  request.system = std::string(kSystem);
  std::string& text = request.user;
  if (!task.empty()) {
    absl::StrAppend(&text, "task:\n", absl::string_view(Utf8Prefix(task, kTaskBytesMax)), "\n\n");
  }
  for (const Space::Slot& slot : space.slots()) {
    if (!slot.prompt || (slot.on && ChoiceAt(parent.point, *slot.on) == 0)) continue;
    absl::StrAppend(&text, "agent: ", slot.name, "\n",
                    slot.prompts[ChoiceAt(parent.point, *slot.prompt)], "\n\n");
  }
  for (const auto& [id, check] : Summarise(parent)) {
    if (!check.failed()) continue;
    absl::StrAppend(&text, "check: ", id, " (", check.mean, " of ", check.max, "):");
    for (size_t i = 0; i < check.details.size(); ++i) {
      absl::StrAppend(&text, i == 0 ? " " : "; ", check.details[i]);
    }
    text += '\n';
  }
  return request;
}

absl::StatusOr<std::vector<PromptEdit>> ReadEdits(absl::string_view reply) {
  const size_t begin = reply.find('{');
  const size_t end = reply.rfind('}');
  if (begin == absl::string_view::npos || end == absl::string_view::npos || end < begin) {
    return absl::InvalidArgumentError("the reply holds no JSON object");
  }
  Problems problems;
  const std::optional<Document> document =
      ReadJson(reply.substr(begin, end - begin + 1), "reply", problems);
  if (!document) return problems.ToStatus();
  Mapping root(Field::Root(*document, problems));
  std::vector<PromptEdit> edits;
  for (const Field& item : root.Required("edits").Items()) {
    Mapping edit(item);
    PromptEdit& read = edits.emplace_back();
    read.agent = edit.Required("agent").String().value_or("");
    read.system_prompt = edit.Required("system_prompt").String().value_or("");
  }
  if (!problems.empty()) return problems.ToStatus();
  if (edits.empty()) return absl::InvalidArgumentError("the reply holds no edit");
  return edits;
}

v1::JobSpec ReflectionJob(const ReflectionRequest& request, const std::string& model) {
  v1::JobSpec job;
  v1::Message* message = job.add_messages();
  message->set_role(v1::ROLE_USER);
  message->set_content(request.user);
  // The token is spoken of; it is not to be replaced.
  job.mutable_moa()->mutable_references()->set_placement(v1::References::TRAILING);
  v1::Agent* writer = job.mutable_moa()->mutable_aggregator();
  writer->set_name("rewriter");
  writer->set_model(model);
  writer->set_system_prompt(request.system);
  writer->set_max_completion_tokens(kReplyTokens);
  v1::ResponseFormat* format = writer->mutable_response_format();
  format->set_type(v1::ResponseFormat::JSON_SCHEMA);
  format->set_name(std::string(kPromptEditsName));
  format->set_strict(true);
  format->set_schema(PromptEditsSchema());
  return job;
}

}  // namespace moa
