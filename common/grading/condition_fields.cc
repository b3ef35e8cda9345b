#include "common/grading/condition_fields.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/document/json_text.h"

namespace moa {
namespace {

using Kind = Comparator::Kind;

constexpr double kToleranceDefault = 1e-9;
constexpr std::array<absl::string_view, 8> kTypes = {"dict",  "list",   "str",  "int",
                                                     "float", "number", "bool", "none"};

void ReportOddWords(const Field& place, const Node& node) {
  for (const Node& child : node.children) ReportOddWords(place, child);
  if (node.kind != NodeKind::kScalar || node.quoted) return;
  double number = 0;
  if (node.text == "True" || node.text == "False" || node.text == "None") {
    place.Report(
        absl::StrCat(node.text, " is text here: write true, false or null, or put it in quotes"));
  } else if (!IsJsonNumber(node.text) && absl::SimpleAtod(node.text, &number)) {
    place.Report(absl::StrCat(
        node.text, " is no number of JSON's: write it as 0.5, 1 or 1e-3, or put it in quotes"));
  }
}

// The value's node, which may be null (that is None), or nullptr where the key is not there.
const Node* Raw(Mapping& mapping, absl::string_view key) {
  static_cast<void>(mapping[key]);  // known
  return mapping.present() ? mapping.field().node().Find(key) : nullptr;
}

void AddExpected(Mapping& m, absl::string_view key, Kind kind, Condition& condition) {
  const Node* node = Raw(m, key);
  if (node == nullptr) return;
  const Field field = m[key];
  condition.comparators.push_back(
      {kind, ReadValue(field.present() ? field : m.field(), *node), 0, ""});
}

void AddFlag(Mapping& m, absl::string_view key, Kind kind, Condition& condition) {
  const Field field = m[key];
  const std::optional<bool> flag = field.Bool();
  if (!flag) return;
  if (*flag) {
    condition.comparators.push_back({kind, {}, 0, ""});
  } else {
    field.Report(kind == Kind::kReturns ? "can only be true; for the contrary write raises: true"
                                        : "can only be true");
  }
}

void AddLength(Mapping& m, absl::string_view key, Kind kind, Condition& condition) {
  if (auto v = m[key].Unsigned(0, 1'000'000'000)) {
    condition.comparators.push_back({kind, {}, static_cast<double>(*v), ""});
  }
}

void AddBound(Mapping& m, absl::string_view key, Kind kind, Condition& condition) {
  if (auto v = m[key].Number()) condition.comparators.push_back({kind, {}, *v, ""});
}

void AddType(Mapping& m, Condition& condition) {
  const Field field = m["type"];
  std::optional<std::string> type = field.String();
  // An unquoted `type: null` is absent to a field, and cannot be meant otherwise.
  if (!type) return;
  if (std::find(kTypes.begin(), kTypes.end(), absl::string_view(*type)) == kTypes.end()) {
    field.Report(absl::StrCat("must be dict, list, str, int, float, number, bool or none, not \"",
                              *type, "\""));
    return;
  }
  condition.comparators.push_back({Kind::kType, {}, 0, *std::move(type)});
}

bool HasNumber(const Value& value) {
  return value.IsNumeric() || std::any_of(value.items.begin(), value.items.end(), HasNumber) ||
         std::any_of(value.entries.begin(), value.entries.end(),
                     [](const auto& entry) { return HasNumber(entry.value); });
}

void AddClose(Mapping& m, Condition& condition) {
  const Field field = m["close"];
  const Field tolerance_field = m["tolerance"];
  const std::optional<double> tolerance = tolerance_field.Number();
  if (tolerance && *tolerance < 0) tolerance_field.Report("must not be negative");
  if (!field.present()) {
    if (tolerance) tolerance_field.Report("belongs to close, which is missing");
    return;
  }
  Value expected = ReadValue(field, field.node());
  if (!HasNumber(expected)) field.Report("must be a number, or hold one");
  condition.comparators.push_back(
      {Kind::kClose, std::move(expected), tolerance.value_or(kToleranceDefault), ""});
}

// `raises: true`, a name, or a list of names.
void ReadRaises(Mapping& m, Condition& condition) {
  const Field field = m["raises"];
  if (!field.present()) return;
  condition.raises.emplace();
  if (field.node().kind == NodeKind::kScalar && !field.node().quoted) {
    if (field.node().text == "true") return;
    if (field.node().text == "false") {
      field.Report("can only be true or names of exceptions; for the contrary write returns: true");
      return;
    }
  }
  for (const Field& item : field.ItemsOrScalar()) {
    std::optional<std::string> name = item.String();
    if (!name) continue;
    if (name->empty()) item.Report("must name an exception");
    condition.raises->push_back(*std::move(name));
  }
  if (field.node().kind == NodeKind::kSequence && field.node().children.empty()) {
    field.Report("must name an exception");
  }
}

void ReadSubject(Mapping& m, Condition& condition) {
  if (auto v = m["argument"].Unsigned(1, 255)) condition.argument = static_cast<size_t>(*v - 1);
  const Field path = m["path"];
  if (auto text = path.String()) {
    if (std::optional<ValuePath> parsed = ParsePath(*text)) {
      condition.path = *std::move(parsed);
    } else {
      path.Report(
          absl::StrCat("is no path as users[0].name, with at most ", kPathStepsMax, " steps"));
    }
  }
  if (const Node* node = Raw(m, "default")) {
    const Field field = m["default"];
    condition.fallback = ReadValue(field.present() ? field : m.field(), *node);
    if (!path.present()) field.Report("belongs to path, which is missing");
  }
}

// What does not go together, or says nothing.
void CheckCondition(const Mapping& m, const Condition& condition) {
  const bool has_subject =
      condition.argument || !condition.path.empty() || condition.fallback.has_value();
  const bool compares_value = std::any_of(
      condition.comparators.begin(), condition.comparators.end(), [](const Comparator& each) {
        return each.kind != Kind::kReturns && each.kind != Kind::kUnchanged;
      });
  if (condition.raises) {
    if (has_subject || !condition.comparators.empty()) {
      m.field().Report("raises stands alone: a call that raised has no value to compare");
    }
  } else if (has_subject && !compares_value) {
    m.field().Report("has a path, a default or an argument, but nothing that is compared there");
  }
}

}  // namespace

Value ReadValue(const Field& place, const Node& node) {
  ReportOddWords(place, node);
  return ValueOf(node);
}

Condition ReadCondition(Mapping& mapping) {
  Condition condition;
  ReadSubject(mapping, condition);
  ReadRaises(mapping, condition);
  AddFlag(mapping, "returns", Kind::kReturns, condition);
  AddFlag(mapping, "unchanged", Kind::kUnchanged, condition);
  AddType(mapping, condition);
  AddLength(mapping, "length", Kind::kLength, condition);
  AddLength(mapping, "length_min", Kind::kLengthMin, condition);
  AddLength(mapping, "length_max", Kind::kLengthMax, condition);
  AddFlag(mapping, "distinct", Kind::kDistinct, condition);
  AddExpected(mapping, "equals", Kind::kEquals, condition);
  AddClose(mapping, condition);
  AddExpected(mapping, "unordered", Kind::kUnordered, condition);
  if (const Field list = mapping["unordered"];
      list.present() && list.node().kind != NodeKind::kSequence) {
    list.Report("must be a list");
  }
  AddExpected(mapping, "contains", Kind::kContains, condition);
  AddBound(mapping, "at_least", Kind::kAtLeast, condition);
  AddBound(mapping, "at_most", Kind::kAtMost, condition);
  CheckCondition(mapping, condition);
  return condition;
}

std::vector<Condition> ReadConditions(const Field& when) {
  std::vector<Condition> conditions;
  if (!when.present()) return conditions;
  std::vector<Field> places = {when};
  if (when.node().kind == NodeKind::kSequence) places = when.Items();
  if (places.empty()) when.Report("must hold a condition");
  for (const Field& place : places) {
    Mapping mapping(place);
    conditions.push_back(ReadCondition(mapping));
    mapping.ReportUnknown();
    if (mapping.present() && mapping.field().node().children.empty()) {
      place.Report("must hold a condition");
    }
  }
  return conditions;
}

}  // namespace moa
