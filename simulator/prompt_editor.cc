#include "simulator/prompt_editor.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "simulator/digest.h"

namespace moa::simulator::coder {
namespace {

constexpr absl::string_view kSchemaName = "prompt_edits";
constexpr absl::string_view kAgent = "agent:";
constexpr absl::string_view kMarks = " \t\r*`";  // around a name

// What an editor makes of a prompt, in percent.
constexpr int64_t kNames = 70;    // names one to three of the failed issues
constexpr int64_t kMisses = 12;   // names an issue that did not fail
constexpr int64_t kUseless = 10;  // asks for what every prompt asks for
// The rest makes it worse.

constexpr const char* kUselessAdvice[] = {
    "Think step by step and double-check your work.",
    "Write clean, well documented code.",
    "Be careful, this is important.",
};
constexpr const char* kWorsePrompts[] = {
    "Be creative and try an unusual approach.",
    "Answer quickly; details do not matter.",
    "You are a helpful assistant.",
};

// Without the marks of Markdown before it, in lower case.
std::string Plain(absl::string_view line) {
  const size_t begin = line.find_first_not_of(" \t#*->`");
  return begin == absl::string_view::npos ? "" : absl::AsciiStrToLower(line.substr(begin));
}

bool NamesACheck(absl::string_view line) {
  return std::any_of(kIssues.begin(), kIssues.end(),
                     [&](Issue issue) { return absl::StrContains(line, CheckOf(issue)); });
}

// The name behind "agent:"; "" when the line is none of an agent.
std::string AgentIn(absl::string_view line) {
  const std::string plain = Plain(line);
  if (!absl::StartsWith(plain, kAgent)) return "";
  absl::string_view name = line.substr(line.find(':') + 1);
  const size_t begin = name.find_first_not_of(kMarks);
  if (begin == absl::string_view::npos) return "";
  return std::string(name.substr(begin, name.find_last_not_of(kMarks) + 1 - begin));
}

bool EndsPrompt(absl::string_view line) {
  return absl::StartsWith(Plain(line), "failed") || absl::StartsWith(line, "---") ||
         NamesACheck(line);
}

std::vector<Issue> In(const IssueSet& set) {
  std::vector<Issue> issues;
  for (const Issue issue : kIssues) {
    if (set[IndexOf(issue)]) issues.push_back(issue);
  }
  return issues;
}

// One to `most` of `issues`, in an order of their own.
std::vector<Issue> SomeOf(std::vector<Issue> issues, int64_t most, Random& random) {
  std::vector<Issue> some;
  int64_t left = random.Integer(1, most);
  while (!issues.empty() && left-- > 0) {
    const auto at = random.Integer(0, static_cast<int64_t>(issues.size()) - 1);
    some.push_back(issues[static_cast<size_t>(at)]);
    issues.erase(issues.begin() + at);
  }
  return some;
}

template <typename Array>
const char* AnyOf(const Array& array, Random& random) {
  return array[static_cast<size_t>(random.Integer(0, static_cast<int64_t>(std::size(array)) - 1))];
}

// `prompt` with advice at its end; once in a while its last sentence makes room.
std::string WithAdvice(absl::string_view prompt, const std::vector<Issue>& issues, Random& random) {
  absl::string_view kept = absl::StripAsciiWhitespace(prompt);
  if (random.Integer(0, 9) == 0) {
    const size_t last = absl::StripSuffix(kept, ".").rfind(". ");
    if (last != absl::string_view::npos) kept = kept.substr(0, last + 1);
  }
  std::string out(kept);
  for (const Issue issue : issues) absl::StrAppend(&out, out.empty() ? "" : " ", AdviceOn(issue));
  return out;
}

std::string EditOf(const PromptedAgent& agent, const IssueSet& failed, Random& random) {
  const int64_t at = random.Integer(0, 99);
  if (at < kNames && failed.any()) {
    return WithAdvice(agent.system_prompt, SomeOf(In(failed), 3, random), random);
  }
  if (at < kNames + kMisses) {
    return WithAdvice(agent.system_prompt, SomeOf(In(~failed), 2, random), random);
  }
  if (at < kNames + kMisses + kUseless) {
    return absl::StrCat(agent.system_prompt, agent.system_prompt.empty() ? "" : " ",
                        AnyOf(kUselessAdvice, random));
  }
  return AnyOf(kWorsePrompts, random);
}

}  // namespace

bool AsksForPromptEdits(const ChatRequest& request) {
  return request.response_format == ResponseFormat::kJsonSchema &&
         request.response_schema_name == kSchemaName;
}

EditorBrief ReadEditorBrief(absl::string_view message) {
  EditorBrief brief;
  std::string outside;
  bool within = false;
  for (const absl::string_view line : absl::StrSplit(message, '\n')) {
    if (std::string name = AgentIn(line); !name.empty()) {
      brief.agents.push_back({std::move(name), ""});
      within = true;
      continue;
    }
    if (within && EndsPrompt(line)) within = false;
    absl::StrAppend(within ? &brief.agents.back().system_prompt : &outside, line, "\n");
  }
  for (PromptedAgent& agent : brief.agents) absl::StripAsciiWhitespace(&agent.system_prompt);
  brief.failed = IssuesNamedIn(outside);
  return brief;
}

std::string PromptEdits(const ChatRequest& request, uint64_t seed, uint64_t sample) {
  Random random(Hash64("edit", seed ^ sample));
  EditorBrief brief;
  for (const ChatMessage& message : request.messages) {
    if (message.role == "user") brief = ReadEditorBrief(message.content);
  }
  std::string out = "{\"edits\":[";
  int64_t left = random.Integer(0, 19) == 0 ? 0 : random.Integer(1, 2);
  while (!brief.agents.empty() && left-- > 0) {
    const auto at = random.Integer(0, static_cast<int64_t>(brief.agents.size()) - 1);
    const PromptedAgent agent = brief.agents[static_cast<size_t>(at)];
    brief.agents.erase(brief.agents.begin() + at);
    if (out.back() == '}') out += ',';
    out += "{\"agent\":";
    AppendJsonString(out, agent.name);
    out += ",\"system_prompt\":";
    AppendJsonString(out, EditOf(agent, brief.failed, random));
    out += '}';
  }
  return out + "]}";
}

}  // namespace moa::simulator::coder
