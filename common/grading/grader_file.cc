#include "common/grading/grader_file.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/document/field.h"
#include "common/document/json_text.h"
#include "common/grading/condition_fields.h"

namespace moa {
namespace {

constexpr size_t kNameMaxBytes = 64;

bool IsWordByte(char byte) {
  return absl::ascii_isalnum(static_cast<unsigned char>(byte)) || byte == '_';
}

// The name of a grader or a check.
std::string ReadName(const Field& field) {
  std::string name = field.String().value_or("");
  if (!field.present()) return name;
  const bool plain = std::all_of(name.begin(), name.end(), [](char byte) {
    return IsWordByte(byte) || byte == '.' || byte == '-';
  });
  if (name.empty() || name.size() > kNameMaxBytes || !plain) {
    field.Report(absl::StrCat("must be 1 to ", kNameMaxBytes, " of A-Z a-z 0-9 . _ -"));
  }
  return name;
}

std::string ReadFunction(const Field& field) {
  std::string name = field.String().value_or("");
  if (!field.present()) return name;
  const bool digit_first =
      !name.empty() && absl::ascii_isdigit(static_cast<unsigned char>(name[0]));
  if (name.empty() || digit_first || !std::all_of(name.begin(), name.end(), IsWordByte)) {
    field.Report("must be the name of a Python function: A-Z a-z 0-9 _, no digit first");
  }
  return name;
}

int ReadPoints(const Field& field) {
  return static_cast<int>(field.Unsigned(0, kGraderPointsMax).value_or(0));
}

// A list of arguments.
EvaluationCall ReadCall(const Field& args) {
  if (!args.present()) return {"[]"};
  if (args.node().kind != NodeKind::kSequence) {
    args.Report("must be a list: the arguments of one call");
    return {"[]"};
  }
  for (size_t i = 0; i < args.node().children.size(); ++i) {
    static_cast<void>(ReadValue(args, args.node().children[i]));
  }
  return {ToJson(args.node())};
}

Rule ReadRule(const Field& place, size_t calls) {
  Rule rule;
  Mapping m(place);
  rule.points = ReadPoints(m.Required("points"));
  rule.conditions = ReadConditions(m.Required("when"));
  if (auto v = m["min_calls"].Unsigned(1, calls)) rule.calls_min = static_cast<size_t>(*v);
  if (auto v = m["detail"].String()) rule.detail = *std::move(v);
  m.ReportUnknown();
  return rule;
}

// `args` or `calls`, and `score`: a list of rules, of which the first that is true counts.
CheckPart ReadRules(Mapping& m) {
  CheckPart part;
  const Field args = m["args"];
  const Field calls = m["calls"];
  if (args.present() && calls.present())
    calls.Report("stands beside args: only one of them can be");
  if (!args.present() && !calls.present()) {
    m.field().Report("needs args (one call), calls (several), or cases");
  }
  if (args.present()) part.calls.push_back(ReadCall(args));
  for (const Field& call : calls.Items()) part.calls.push_back(ReadCall(call));
  if (calls.present() && part.calls.empty()) calls.Report("must hold a call");
  const Field score = m.Required("score");
  const std::vector<Field> rules = score.Items();
  for (const Field& rule : rules) {
    part.rules.push_back(ReadRule(rule, std::max<size_t>(part.calls.size(), 1)));
  }
  if (score.present() && rules.empty()) score.Report("must hold a rule");
  return part;
}

// A call, its points, and what must be true of it.
CheckPart ReadCase(const Field& place) {
  CheckPart part;
  Mapping m(place);
  part.calls.push_back(ReadCall(m.Required("args")));
  Rule rule;
  rule.points = ReadPoints(m.Required("points"));
  const Field when = m["when"];
  const Condition own = ReadCondition(m);
  const bool says = own.raises || !own.comparators.empty();
  if (when.present()) rule.conditions = ReadConditions(when);
  if (says && when.present())
    when.Report("stands beside comparisons of the case: put them into it");
  if (!says && !when.present() && m.present()) {
    place.Report("compares nothing: it needs equals, raises or the like, or when");
  }
  if (says) rule.conditions.push_back(own);
  m.ReportUnknown();
  part.rules.push_back(std::move(rule));
  return part;
}

Check ReadCheck(const Field& place) {
  Check check;
  Mapping m(place);
  check.id = ReadName(m.Required("id"));
  const Field cases = m["cases"];
  if (cases.present()) {
    const std::vector<Field> items = cases.Items();
    for (const Field& item : items) check.parts.push_back(ReadCase(item));
    if (items.empty()) cases.Report("must hold a case");
    for (const char* key : {"args", "calls", "score"}) {
      if (const Field other = m[key]; other.present()) {
        other.Report("stands beside cases: only one of them can be");
      }
    }
  } else if (m.present()) {
    check.parts.push_back(ReadRules(m));
  }
  m.ReportUnknown();
  return check;
}

std::vector<Check> ReadChecks(const Field& list) {
  std::vector<Check> checks;
  std::set<std::string> ids;
  size_t calls = 0;
  const std::vector<Field> items = list.Items();
  for (const Field& item : items) {
    checks.push_back(ReadCheck(item));
    const Check& check = checks.back();
    if (!check.id.empty() && !ids.insert(check.id).second) {
      item.Report(absl::StrCat("another check has the id ", check.id));
    }
    calls += check.CallCount();
  }
  if (calls > kGraderCallsMax) {
    list.Report(
        absl::StrCat("make ", calls, " calls together, at most ", kGraderCallsMax, " are allowed"));
  }
  if (list.present() && items.empty()) list.Report("must hold a check");
  return checks;
}

}  // namespace

std::optional<Grader> ReadGrader(const Field& field) {
  Problems& problems = field.problems();
  const size_t total_before = problems.total();
  Mapping m(field);
  Grader::About about;
  about.name = ReadName(m.Required("name"));
  about.function = ReadFunction(m.Required("function"));
  about.description = m["description"].String().value_or("");
  about.task = m["task"].String().value_or("");
  std::vector<Check> checks = ReadChecks(m.Required("checks"));
  m.ReportUnknown();
  const bool points =
      std::any_of(checks.begin(), checks.end(), [](const Check& check) { return check.Max() > 0; });
  // Only where nothing else is wrong, which may be why.
  if (!points && problems.total() == total_before) {
    m["checks"].Report("give no points: one rule or case needs points above 0");
  }
  if (problems.total() != total_before) return std::nullopt;
  return Grader(std::move(about), std::move(checks));
}

std::optional<Grader> ReadGrader(absl::string_view text, absl::string_view file,
                                 Problems& problems) {
  const std::optional<Document> document = ReadDocument(text, file, problems);
  if (!document) return std::nullopt;
  std::optional<Grader> grader = ReadGrader(Field::Root(*document, problems));
  problems.SortByLine();
  return grader;
}

}  // namespace moa
