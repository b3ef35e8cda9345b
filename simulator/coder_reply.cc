#include "simulator/coder_reply.h"

#include <iterator>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "simulator/coder_brief.h"
#include "simulator/coder_odds.h"
#include "simulator/reply.h"
#include "simulator/role_reply.h"

namespace moa::simulator::coder {
namespace {

constexpr const char* kOpenings[] = {
    "Here is the function.",
    "This implementation does what was asked.",
    "Below is a complete version.",
    "One function, ready to run.",
};
constexpr const char* kLeadIns[] = {
    "It filters once, scores every active user and ranks them:",
    "The whole function:",
    "Nothing beyond the standard library is needed:",
    "I kept it short:",
};
constexpr const char* kDoubts[] = {
    "Wait, that misses a case. Here is the corrected version:",
    "On second thought one detail is wrong there. Corrected:",
};
constexpr const char* kExample =
    R"(users = [{"last_login": "2024-01-15", "posts": 10, "comments": 5, "likes": 20, "days_active": 10}]
print(calculate_user_metrics(users, "2024-01-01", "2024-01-31"))
)";

template <typename Array>
const char* OneOf(const Array& array, Random& random) {
  return array[static_cast<size_t>(random.Integer(0, static_cast<int64_t>(std::size(array)) - 1))];
}

std::string Block(absl::string_view code, absl::string_view language) {
  return absl::StrCat("```", language, "\n", code, "```\n");
}

// A draft that lacks one thing more than the final version. It has the final one's name: a draft under the right name would
// be what a reader takes.
std::string DraftOf(Program program) {
  if (program.disaster != Disaster::kRenamed) program.disaster = Disaster::kNone;
  program.division = Division::kUnguarded;
  return PythonOf(program);
}

constexpr size_t kNamedMax = 4;

// A sentence on what the program takes care of: first what the prompt named, then something else.
std::string Remarks(const Program& program, const IssueSet& named, Random& random) {
  const IssueSet handled = HandledBy(program);
  std::vector<Issue> said;
  const size_t offset = static_cast<size_t>(random.Integer(0, kIssues.size() - 1));
  for (const bool asked : {true, false}) {
    size_t left = asked ? kNamedMax : static_cast<size_t>(random.Integer(0, 2));
    for (size_t i = 0; i < kIssues.size() && left > 0; ++i) {
      const Issue issue = kIssues.at((i + offset) % kIssues.size());
      if (!handled[IndexOf(issue)] || named[IndexOf(issue)] != asked) continue;
      said.push_back(issue);
      --left;
    }
  }
  if (said.empty()) return "It follows the definition of engagement to the letter.";
  return absl::StrCat(
      "Note that ",
      absl::StrJoin(said, "; ",
                    [](std::string* out, Issue issue) { absl::StrAppend(out, PraiseOf(issue)); }),
      ".");
}

Program ProgramOn(const Brief& brief, const ChatRequest& request, const Model& model, uint64_t seed,
                  uint64_t sample) {
  const Manner manner = {.temperature = request.temperature.value_or(1),
                         .effort = request.text_completion ? "none" : EffortOf(request, model)};
  const Seeds seeds = {.habit = Hash64(model.id, seed ^ brief.question),
                       .sample = Hash64("coder", seed ^ sample)};
  return DrawProgram(OddsOf(SkillOf(model.id), manner, brief), seeds);
}

}  // namespace

Program ProgramFor(const ChatRequest& request, const Model& model, uint64_t seed, uint64_t sample) {
  return ProgramOn(ReadBrief(request), request, model, seed, sample);
}

std::string ReplyFor(const ChatRequest& request, const Model& model, absl::string_view tag,
                     uint64_t seed, uint64_t sample) {
  const Brief brief = ReadBrief(request);
  const Program program = ProgramOn(brief, request, model, seed, sample);
  Random random(Hash64("prose", seed ^ sample));
  const char* language = random.Integer(0, 9) == 0 ? "" : "python";
  std::string out = absl::StrCat(IsRevision(request) ? "Revised. " : "", OneOf(kOpenings, random),
                                 " This is ", model.id, ". ", tag, "\n\n");
  const int64_t shape = random.Integer(0, 99);
  if (shape < 6) {
    absl::StrAppend(&out, "<think>\nA first draft:\n", Block(DraftOf(program), language),
                    "It has to hold at the edges, too.\n</think>\n\n");
  } else if (shape < 12) {
    absl::StrAppend(&out, Block(DraftOf(program), language), "\n", OneOf(kDoubts, random), "\n\n");
  } else if (shape < 70) {
    absl::StrAppend(&out, OneOf(kLeadIns, random), "\n\n");
  }
  absl::StrAppend(&out, Block(PythonOf(program), language));
  if (shape >= 82) absl::StrAppend(&out, "\nFor example:\n\n", Block(kExample, "python"));
  if (shape % 3 != 0) absl::StrAppend(&out, "\n", Remarks(program, brief.named, random), "\n");
  return out;
}

int64_t ThinkingTokens(absl::string_view effort, Random& random) {
  if (effort == "low") return random.Integer(30, 90);
  if (effort == "medium") return random.Integer(100, 260);
  if (effort == "high") return random.Integer(300, 700);
  return 0;
}

}  // namespace moa::simulator::coder
