#include "tests/scenarios/script.h"

#include <cctype>
#include <cstdint>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"

namespace moa {
namespace {

// Words of a line; a double-quoted part keeps its spaces and loses its quotes and C escapes.
absl::StatusOr<std::vector<std::string>> SplitWords(absl::string_view line) {
  std::vector<std::string> words;
  size_t i = 0;
  while (i < line.size()) {
    if (line[i] == ' ') {
      ++i;
      continue;
    }
    std::string word;
    while (i < line.size() && line[i] != ' ') {
      if (line[i] != '"') {
        word += line[i++];
        continue;
      }
      const size_t begin = ++i;
      while (i < line.size() && line[i] != '"') i += line[i] == '\\' ? 2 : 1;
      std::string text;
      std::string error;
      if (i >= line.size() || !absl::CUnescape(line.substr(begin, i - begin), &text, &error)) {
        return absl::InvalidArgumentError(absl::StrCat("bad text ", error));
      }
      word += text;
      ++i;
    }
    words.push_back(std::move(word));
  }
  return words;
}

// The value of `key` among `words` ("key=value"), or `fallback`.
std::string Option(const std::vector<std::string>& words, absl::string_view key,
                   std::string fallback = "") {
  for (const std::string& word : words) {
    if (absl::StartsWith(word, absl::StrCat(key, "="))) return word.substr(key.size() + 1);
  }
  return fallback;
}

uint32_t Number(const std::string& word) {
  uint32_t number = 0;
  return absl::SimpleAtoi(word, &number) ? number : 0;
}

absl::Duration Time(const std::string& word) {
  absl::Duration duration;
  return absl::ParseDuration(word, &duration) ? duration : absl::ZeroDuration();
}

absl::StatusOr<ErrorCode> Code(absl::string_view name) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::kNotNeeded); ++i) {
    if (ErrorCodeName(static_cast<ErrorCode>(i)) == name) return static_cast<ErrorCode>(i);
  }
  return absl::InvalidArgumentError(absl::StrCat("no error code ", name));
}

absl::StatusOr<Role> RoleOf(absl::string_view name) {
  if (name == "system") return Role::kSystem;
  if (name == "user") return Role::kUser;
  if (name == "assistant") return Role::kAssistant;
  return absl::InvalidArgumentError(absl::StrCat("no role ", name));
}

Agent AgentOf(const std::vector<std::string>& words, std::string name) {
  Agent agent = MakeAgent(std::move(name), Option(words, "model", "gpt-oss-120b"));
  agent.samples = Number(Option(words, "samples", "1"));
  agent.system_prompt = Text(Option(words, "system"));
  if (const std::string seed = Option(words, "seed"); !seed.empty()) agent.seed = Number(seed);
  if (const std::string max = Option(words, "max"); !max.empty()) {
    agent.max_completion_tokens = Number(max);
  }
  if (const std::string next = Option(words, "fallback"); !next.empty()) {
    agent.fallback_models.push_back(next);
  }
  return agent;
}

std::string Quote(absl::string_view text) {
  return absl::StrCat("\"", IsValidUtf8(text) ? absl::Utf8SafeCEscape(text) : absl::CEscape(text),
                      "\"");
}

std::string Spelled(const AttemptRef& ref) {
  return absl::StrCat(ref.task, " attempt=", ref.attempt, " epoch=", ref.epoch);
}

std::string Spelled(const Error& error) {
  return absl::StrCat(ErrorCodeName(error.code), " ", Quote(error.message));
}

std::string Spelled(const Record& record) {
  if (const auto* accepted = std::get_if<JobAccepted>(&record.what)) {
    return absl::StrCat("accepted seed=", accepted->seed);
  }
  if (const auto* started = std::get_if<LayerStarted>(&record.what)) {
    std::string text = absl::StrCat("stage ", started->stage, " started");
    for (const std::string& note : started->notes) absl::StrAppend(&text, " (", note, ")");
    return text;
  }
  if (const auto* degraded = std::get_if<JobDegraded>(&record.what)) {
    return absl::StrCat("degraded ", Quote(degraded->reason));
  }
  if (const auto* ended = std::get_if<JobEnded>(&record.what)) {
    std::string text = absl::StrCat(
        "ended ", JobStateName(ended->state), " latency=", absl::FormatDuration(ended->latency),
        " critical_path=", absl::FormatDuration(ended->critical_path),
        " calls=", ended->usage.upstream_calls, " tokens=", ended->usage.tokens.total_tokens);
    if (ended->state != JobState::kSucceeded) absl::StrAppend(&text, " ", Spelled(ended->error));
    return text;
  }
  const TaskResult& result = std::get<TaskFinished>(record.what).result;
  std::string text = absl::StrCat(
      "task ", result.task, " ", TaskStateName(result.state), " attempts=", result.attempts,
      " queue=", absl::FormatDuration(result.queue), " run=", absl::FormatDuration(result.run));
  if (result.wasted.total_tokens > 0) {
    absl::StrAppend(&text, " wasted=", result.wasted.total_tokens);
  }
  if (result.hedged) absl::StrAppend(&text, " hedged");
  if (result.state != TaskState::kSucceeded) {
    absl::StrAppend(&text, " ", Spelled(result.error));
  } else {
    absl::StrAppend(&text, " ", Quote(result.completion.content.view()));
    for (const ToolCall& call : result.completion.tool_calls) {
      absl::StrAppend(&text, " calls ", call.name);
    }
  }
  return text;
}

}  // namespace

absl::StatusOr<std::string> Script::Play(absl::string_view scenario, const Presets& presets) {
  Script script(presets);
  size_t number = 0;
  if (absl::EndsWith(scenario, "\n")) scenario.remove_suffix(1);
  for (const absl::string_view line : absl::StrSplit(scenario, '\n')) {
    ++number;
    if (absl::StartsWith(line, ">")) continue;
    absl::StrAppend(&script.out_, line, "\n");
    if (line.empty() || line[0] == '#') continue;
    auto words = SplitWords(line);
    const absl::Status status = words.ok() ? script.Run(*words) : words.status();
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", status.message()));
    }
  }
  return std::move(script.out_);
}

absl::Status Script::Run(const Words& words) {
  const absl::Status status = job_ == nullptr ? Describe(words) : Happen(words);
  if (!status.ok()) return status;
  if (job_ != nullptr) Show();
  return absl::OkStatus();
}

absl::Status Script::Describe(const Words& words) {
  const std::string& verb = words[0];
  const std::string name = words.size() > 1 ? words[1] : "";
  if (verb == "prompt") {
    spec_.messages.push_back({.role = Role::kUser, .content = Text(name)});
  } else if (verb == "message" && words.size() == 3) {
    MOA_ASSIGN_OR_RETURN(const Role role, RoleOf(name));
    spec_.messages.push_back({.role = role, .content = Text(words[2])});
  } else if (verb == "deadline") {
    spec_.deadline = Time(name);
  } else if (verb == "seed") {
    spec_.seed = Number(name);
  } else if (verb == "layer") {
    Layer& layer = spec_.moa.layers.emplace_back();
    layer.cycles = Number(Option(words, "cycles", "1"));
    if (const std::string min = Option(words, "quorum"); !min.empty()) {
      layer.quorum = Quorum{.min = Number(min), .grace = Time(Option(words, "grace", "0"))};
    }
  } else if (verb == "budget") {
    const uint32_t tokens = Number(Option(words, "tokens"));
    const uint32_t calls = Number(Option(words, "calls"));
    if (tokens > 0) spec_.budget.max_total_tokens = tokens;
    if (calls > 0) spec_.budget.max_upstream_calls = calls;
  } else if (verb == "agent" && !spec_.moa.layers.empty()) {
    spec_.moa.layers.back().agents.push_back(AgentOf(words, name));
  } else if (verb == "aggregator") {
    spec_.moa.aggregator = AgentOf(words, "");
  } else if (verb == "tool") {
    spec_.tools.push_back({.name = name});
  } else if (verb == "preset") {
    const auto preset = presets_.find(name);
    if (preset == presets_.end()) return absl::InvalidArgumentError("no preset " + name);
    spec_.moa = preset->second;
  } else if (verb == "start") {
    if (spec_.moa.aggregator.model.empty() && !spec_.moa.best_answer)
      spec_.moa.aggregator = AgentOf({}, "");
    std::string mistakes;
    for (const Violation& mistake : Validate(spec_, ModelTable::Shipped(), {})) {
      absl::StrAppend(&mistakes, " ", mistake.field, " ", mistake.description, ";");
    }
    if (!mistakes.empty()) return absl::InvalidArgumentError(mistakes);
    job_ = std::make_unique<JobDriver>(spec_, spec_.seed.value_or(1));
  } else {
    return absl::InvalidArgumentError(absl::StrCat("no statement before start: ", verb));
  }
  return absl::OkStatus();
}

absl::Status Script::Happen(const Words& words) {
  const std::string& verb = words[0];
  const std::string first = words.size() > 1 ? words[1] : "";
  const uint32_t task = Number(first);
  const bool names_task = !first.empty() && isdigit(static_cast<unsigned char>(first[0])) != 0 &&
                          task < job_->machine().plan().tasks.size();
  if (verb == "dispatch" && first == "all") {
    job_->DispatchAll();
  } else if (verb == "answer" && first == "all" && words.size() > 2) {
    job_->FinishStage(words[2]);
  } else if (verb == "wait") {
    job_->Wait(Time(first));
  } else if (verb == "cancel") {
    job_->Cancel(first);
  } else if (verb == "restart") {
    job_->Restart();
  } else if (verb == "state") {
    ShowState();
  } else if (!names_task) {
    return absl::InvalidArgumentError(absl::StrCat("no statement or no task: ", verb, " ", first));
  } else if (verb == "dispatch" && !Option(words, "attempt").empty()) {
    job_->Apply(AttemptDispatched{.ref = RefOf(words), .worker = "w2"});
  } else if (verb == "hedge") {
    job_->Hedge(task);
  } else if (verb == "closed" && words.size() > 2) {
    job_->Apply(ModelClosed{.ref = job_->ref(task), .until = job_->now() + Time(words[2])});
  } else if (verb == "dispatch") {
    for (size_t i = 1; i < words.size(); ++i) job_->Dispatch(Number(words[i]));
  } else if (verb == "succeed" && words.size() > 2) {
    return Succeed(words);
  } else if (verb == "answer" && words.size() > 2) {
    job_->Dispatch(task);
    return Succeed(words);
  } else if (verb == "judge" && words.size() > 4) {
    job_->Dispatch(task);
    const bool accept = words[2] == "accept";
    return Succeed({verb, first,
                    absl::StrCat(R"({"accept":)", accept ? "true" : "false", R"(,"score":)",
                                 words[3], R"(,"feedback":")", words[4], R"("})")});
  } else if (verb == "fail" && words.size() > 2) {
    return Fail(words);
  } else if (verb == "adopt") {
    job_->Apply(AttemptAdopted{.ref = {.job = job_->machine().id(),
                                       .task = task,
                                       .attempt = Number(Option(words, "attempt")),
                                       .epoch = Number(Option(words, "epoch"))},
                               .worker = "w2"});
  } else if (verb == "stale") {
    AttemptRef ref = job_->ref(task);
    ref.attempt += 100;
    job_->Apply(AttemptSucceeded{.ref = ref});
  } else if (verb == "input") {
    ShowInput(task);
  } else {
    return absl::InvalidArgumentError(absl::StrCat("no statement: ", verb));
  }
  return absl::OkStatus();
}

AttemptRef Script::RefOf(const Words& words) const {
  AttemptRef ref = job_->ref(Number(words[1]));
  const std::string attempt = Option(words, "attempt");
  if (attempt.empty()) return ref;
  return {.job = job_->machine().id(),
          .task = Number(words[1]),
          .attempt = Number(attempt),
          .epoch = job_->epoch()};
}

absl::Status Script::Succeed(const Words& words) {
  Completion completion;
  completion.content = Text(words[2]);
  completion.finish_reason = Option(words, "finish", "stop");
  completion.usage.total_tokens = 15;
  if (const std::string call = Option(words, "call"); !call.empty()) {
    completion.tool_calls.push_back({.id = "c1", .name = call, .arguments = Text("{}")});
  }
  job_->Apply(AttemptSucceeded{
      .ref = RefOf(words), .completion = completion, .run = Time(Option(words, "run", "100ms"))});
  return absl::OkStatus();
}

absl::Status Script::Fail(const Words& words) {
  MOA_ASSIGN_OR_RETURN(const ErrorCode code, Code(words[2]));
  AttemptFailed event{.ref = RefOf(words), .error = {.code = code, .message = "as scripted"}};
  for (const std::string& word : words) event.retryable |= word == "retryable";
  if (const std::string after = Option(words, "after"); !after.empty()) {
    event.retry_after = Time(after);
  }
  event.usage.total_tokens = Number(Option(words, "tokens"));
  job_->Apply(event);
  return absl::OkStatus();
}

// The commands in their order, each record once (a start also shows the history).
void Script::Show() {
  const std::vector<Record>& records = job_->records();
  if (shown_ == 0) {
    Say(absl::StrCat("1 ", Spelled(records[0])));
    shown_ = 1;
  }
  const bool news = shown_ < records.size() || !job_->last_commands().empty();
  if (!news) return;
  for (const Command& command : job_->last_commands()) {
    if (const auto* enqueue = std::get_if<EnqueueAttempt>(&command)) {
      Say(absl::StrCat("enqueue ", Spelled(enqueue->ref), " ", enqueue->model,
                       " stages_left=", enqueue->stages_left, enqueue->retry ? " retry" : "",
                       enqueue->hedge ? " hedge" : ""));
    } else if (const auto* dequeue = std::get_if<DequeueAttempt>(&command)) {
      Say(absl::StrCat("dequeue ", Spelled(dequeue->ref)));
    } else if (const auto* cancel = std::get_if<CancelAttempt>(&command)) {
      Say(absl::StrCat("cancel ", Spelled(cancel->ref)));
    } else {
      const Record& record = std::get<AppendRecord>(command).record;
      Say(absl::StrCat(record.sequence, " ", Spelled(record)));
    }
  }
  shown_ = records.size();
  job_->ForgetLastCommands();
}

void Script::ShowInput(uint32_t task) {
  const CallInput input = job_->machine().Input(task);
  Say(absl::StrCat("model ", input.model, input.with_tools ? " with tools" : "",
                   input.seed.has_value() ? absl::StrCat(" seed=", *input.seed) : ""));
  const std::string prompt = Spell(input);
  for (const absl::string_view line : absl::StrSplit(absl::StripSuffix(prompt, "\n"), '\n')) {
    Say(IsValidUtf8(line) ? absl::Utf8SafeCEscape(line) : absl::CEscape(line));
  }
}

void Script::ShowState() {
  const JobMachine& machine = job_->machine();
  std::string line =
      absl::StrCat(JobStateName(machine.state()), machine.degraded() ? " degraded" : "",
                   " stale=", machine.stale_events(), ":");
  for (size_t i = 0; i < machine.plan().tasks.size(); ++i) {
    absl::StrAppend(&line, " ", TaskStateName(machine.task(static_cast<uint32_t>(i)).state));
  }
  Say(std::move(line));
}

void Script::Say(std::string line) { absl::StrAppend(&out_, "> ", line, "\n"); }

}  // namespace moa
