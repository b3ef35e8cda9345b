#include "tests/sim/prompt_audit.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "coordinator/engine/plan.h"

namespace moa::sim {
namespace {

std::string Message1(const Message& message) {
  return absl::StrCat(static_cast<int>(message.role), ":", message.content.view());
}

// "[Answer 1]\n…\n\n[Answer 2]\n…" of the accepted answers of `stage`, in the order of its tasks.
std::string ExpectedAnswers(const std::vector<AuditedTask>& tasks,
                            const std::vector<Record>& records, uint32_t stage) {
  std::string list;
  int number = 0;
  for (uint32_t task = 0; task < tasks.size(); ++task) {
    if (tasks[task].stage != stage) continue;
    for (const Record& record : records) {
      const auto* finished = std::get_if<TaskFinished>(&record.what);
      if (finished == nullptr || finished->result.task != task ||
          finished->result.state != TaskState::kSucceeded) {
        continue;
      }
      ++number;
      absl::StrAppend(&list, number == 1 ? "" : "\n\n", "[Answer ", number, "]\n",
                      finished->result.completion.content.view());
    }
  }
  return list;
}

// The stage whose answers `stage` gets: the last that was started before it.
std::optional<uint32_t> StageBefore(const std::vector<Record>& records, uint32_t stage) {
  std::optional<uint32_t> before;
  for (const Record& record : records) {
    const auto* started = std::get_if<LayerStarted>(&record.what);
    if (started == nullptr) continue;
    if (started->stage == stage) return before;
    before = started->stage;
  }
  if (stage > 0) before = stage - 1;
  return before;
}

// The message that carries the answers: these once, and around them words that hold none of any.
std::string CheckTrailing(const Message& message, const std::string& answers) {
  const absl::string_view text = message.content.view();
  const size_t at = text.find(answers);
  if (message.role != Role::kUser) return "the answers do not come in a user message";
  if (at == absl::string_view::npos) {
    return absl::StrCat("the answers are not those on record; expected\n", answers, "\nin\n", text);
  }
  const std::string around = absl::StrCat(text.substr(0, at), text.substr(at + answers.size()));
  if (absl::StrContains(around, "<ans:") || absl::StrContains(around, "[Answer")) {
    return absl::StrCat("more than the accepted answers: ", text);
  }
  return "";
}

// The numbers of the answers in `text`: "<ans:7:…>" is number 7's.
std::set<uint64_t> AnswersIn(absl::string_view text) {
  constexpr absl::string_view kMark = "<ans:";
  std::set<uint64_t> numbers;
  for (size_t at = text.find(kMark); at != absl::string_view::npos; at = text.find(kMark, at + 1)) {
    const absl::string_view rest = text.substr(at + kMark.size());
    uint64_t number = 0;
    // Number 0 is what odd texts pretend to be.
    if (absl::SimpleAtoi(rest.substr(0, rest.find(':')), &number) && number > 0) {
      numbers.insert(number);
    }
  }
  return numbers;
}

std::string CheckFlowCall(const std::vector<AuditedTask>& tasks, const std::vector<Record>& records,
                          uint32_t task, const Call& call) {
  // Of the layer that ran last, and without which an aggregator answers alone.
  std::optional<uint32_t> last;
  for (const Record& record : records) {
    const auto* started = std::get_if<LayerStarted>(&record.what);
    if (started == nullptr || started->stage >= tasks[task].stage) continue;
    const bool answers = std::any_of(tasks.begin(), tasks.end(), [&](const AuditedTask& one) {
      return one.stage == started->stage && one.answers;
    });
    if (answers) last = started->stage;
  }
  std::set<uint64_t> durable;
  bool answered = false;
  for (const Record& record : records) {
    const auto* finished = std::get_if<TaskFinished>(&record.what);
    if (finished == nullptr || finished->result.state != TaskState::kSucceeded ||
        tasks[finished->result.task].stage >= tasks[task].stage) {
      continue;
    }
    const std::set<uint64_t> own = AnswersIn(finished->result.completion.content.view());
    durable.insert(own.begin(), own.end());
    answered = answered || (tasks[finished->result.task].stage == last && !own.empty());
  }
  std::set<uint64_t> shown;
  for (const Message& message : call.messages) {
    if (absl::StrContains(message.content.view(), kErrorMark)) return "an error text";
    const std::set<uint64_t> here = AnswersIn(message.content.view());
    shown.insert(here.begin(), here.end());
  }
  for (const uint64_t number : shown) {
    if (!durable.contains(number)) {
      return absl::StrCat("answer ", number, " is not on record in an earlier stage");
    }
  }
  const bool aggregator = task + 1 == tasks.size();
  if (aggregator && shown.empty() && answered) {
    std::string text = "an aggregator without answers:";
    for (const Message& message : call.messages) absl::StrAppend(&text, "\n", Message1(message));
    return text;
  }
  return "";
}

}  // namespace

bool HasFlows(const JobSpec& spec) {
  const MoaSpec& moa = spec.moa;
  return moa.best_answer || moa.references != ReferenceRules() ||
         std::any_of(moa.layers.begin(), moa.layers.end(), [](const Layer& layer) {
           return layer.route || layer.critique || layer.vote || layer.early_exit || layer.enough ||
                  std::any_of(layer.agents.begin(), layer.agents.end(),
                              [](const Agent& agent) { return agent.sees != Sees::kAll; });
         });
}

std::vector<AuditedTask> Unroll(const JobSpec& spec) {
  std::vector<AuditedTask> tasks;
  if (HasFlows(spec)) {
    const std::shared_ptr<const Plan> plan = Compile(spec, JobLimits{});
    for (const PlannedTask& task : plan->tasks) {
      tasks.push_back({.stage = task.stage,
                       .layer = plan->stages[task.stage].layer - 1,
                       .sample = task.sample,
                       .answers = plan->stages[task.stage].kind == StageKind::kPropose});
    }
    return tasks;
  }
  uint32_t stage = 0;
  uint32_t number = 0;
  for (const Layer& layer : spec.moa.layers) {
    for (uint32_t round = 0; round < layer.cycles; ++round, ++stage) {
      for (const Agent& agent : layer.agents) {
        for (uint32_t sample = 0; sample < agent.samples; ++sample) {
          tasks.push_back({stage, number, sample, &agent});
        }
      }
    }
    ++number;
  }
  tasks.push_back({stage, number, 0, &spec.moa.aggregator});
  return tasks;
}

std::string CheckCall(const JobSpec& spec, const std::vector<Record>& records, uint32_t task,
                      const Call& call) {
  const std::vector<AuditedTask> tasks = Unroll(spec);
  if (task >= tasks.size()) return "no such task";
  if (HasFlows(spec)) return CheckFlowCall(tasks, records, task, call);
  const AuditedTask& audited = tasks[task];
  const Agent& agent = *audited.agent;
  if (call.model != agent.model &&
      std::find(agent.fallback_models.begin(), agent.fallback_models.end(), call.model) ==
          agent.fallback_models.end()) {
    return absl::StrCat("model ", call.model);
  }
  const bool aggregator = task + 1 == tasks.size();
  if (call.with_tools != (aggregator && !spec.tools.empty())) return "wrong tools";
  if (agent.seed.has_value() && call.seed != *agent.seed + audited.sample) return "wrong seed";
  const std::optional<uint32_t> before = StageBefore(records, audited.stage);
  const std::string answers = before ? ExpectedAnswers(tasks, records, *before) : "";

  std::vector<std::string> expected;
  const std::string system(agent.system_prompt.view());
  const bool in_place = absl::StrContains(system, "{helper_response}");
  const std::string substituted =
      in_place ? absl::StrReplaceAll(system, {{"{helper_response}", answers}}) : system;
  if (!substituted.empty()) {
    expected.push_back(Message1({.role = Role::kSystem, .content = Text(substituted)}));
  }
  for (const Message& message : spec.messages) expected.push_back(Message1(message));
  const bool trailing = !in_place && !answers.empty();
  if (call.messages.size() != expected.size() + (trailing ? 1 : 0)) {
    return absl::StrCat(call.messages.size(), " messages, expected ",
                        expected.size() + (trailing ? 1 : 0));
  }
  for (size_t i = 0; i < call.messages.size(); ++i) {
    if (absl::StrContains(call.messages[i].content.view(), kErrorMark)) {
      return absl::StrCat("an error text in message ", i + 1);
    }
    if (i == expected.size()) return CheckTrailing(call.messages[i], answers);
    if (Message1(call.messages[i]) != expected[i]) {
      return absl::StrCat("message ", i + 1, " is\n", call.messages[i].content.view(),
                          "\nexpected\n", expected[i]);
    }
  }
  return "";
}

}  // namespace moa::sim
