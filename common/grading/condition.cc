#include "common/grading/condition.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace moa {
namespace {

// "json.JSONDecodeError: …" has the name JSONDecodeError, also with its module.
bool HasName(absl::string_view error, absl::string_view name) {
  const absl::string_view type = error.substr(0, error.find(':'));
  return type == name || absl::EndsWith(type, absl::StrCat(".", name));
}

bool HasType(const Value& value, absl::string_view type) {
  switch (value.kind) {
    case Value::Kind::kNothing:
    case Value::Kind::kOpaque:
      return false;
    case Value::Kind::kNull:
      return type == "none";
    case Value::Kind::kBool:
      return type == "bool";
    case Value::Kind::kNumber:
      return type == "number" || type == (value.is_float ? "float" : "int");
    case Value::Kind::kText:
      return type == "str";
    case Value::Kind::kList:
      return type == "list";
    case Value::Kind::kDict:
      return type == "dict";
  }
  return false;
}

// Python's len(); nullopt for what has none.
std::optional<size_t> Length(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kText:  // in code points: the bytes that continue none
      return static_cast<size_t>(std::count_if(value.text.begin(), value.text.end(), [](char byte) {
        return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
      }));
    case Value::Kind::kList:
      return value.items.size();
    case Value::Kind::kDict:
      return value.entries.size();
    case Value::Kind::kNothing:
    case Value::Kind::kOpaque:
    case Value::Kind::kNull:
    case Value::Kind::kBool:
    case Value::Kind::kNumber:
      return std::nullopt;
  }
  return std::nullopt;
}

// Python's `in`.
bool Contains(const Value& value, const Value& wanted) {
  if (value.kind == Value::Kind::kList) {
    return std::any_of(value.items.begin(), value.items.end(),
                       [&](const Value& item) { return Equals(item, wanted); });
  }
  if (wanted.kind != Value::Kind::kText) return false;
  if (value.kind == Value::Kind::kText) return absl::StrContains(value.text, wanted.text);
  return value.kind == Value::Kind::kDict && value.Find(wanted.text) != nullptr;
}

bool Compares(const Comparator& comparator, const Value& value, const CallResult& call) {
  const std::optional<size_t> length = Length(value);
  switch (comparator.kind) {
    case Comparator::Kind::kReturns:
      return true;
    case Comparator::Kind::kUnchanged:
      return Identical(call.arguments, call.arguments_before);
    case Comparator::Kind::kType:
      return HasType(value, comparator.type);
    case Comparator::Kind::kLength:
      return length && static_cast<double>(*length) == comparator.number;
    case Comparator::Kind::kLengthMin:
      return length && static_cast<double>(*length) >= comparator.number;
    case Comparator::Kind::kLengthMax:
      return length && static_cast<double>(*length) <= comparator.number;
    case Comparator::Kind::kDistinct:
      return value.kind == Value::Kind::kList && AllDistinct(value.items);
    case Comparator::Kind::kEquals:
      return Equals(value, comparator.expected);
    case Comparator::Kind::kClose:
      return IsClose(value, comparator.expected, comparator.number);
    case Comparator::Kind::kUnordered:
      return SameItems(value, comparator.expected);
    case Comparator::Kind::kContains:
      return Contains(value, comparator.expected);
    case Comparator::Kind::kAtLeast:
      return value.IsNumeric() && value.number >= comparator.number;
    case Comparator::Kind::kAtMost:
      return value.IsNumeric() && value.number <= comparator.number;
  }
  return false;
}

}  // namespace

Verdict Judge(const Condition& condition, const CallResult& call) {
  if (condition.raises) {
    const bool named =
        condition.raises->empty() ||
        std::any_of(condition.raises->begin(), condition.raises->end(),
                    [&](const std::string& name) { return HasName(call.error, name); });
    return call.raised && named ? Verdict::kHolds : Verdict::kFails;
  }
  if (call.raised) return Verdict::kFails;
  const Value* whole = &call.value;
  if (condition.argument) {
    // A sandbox that lost the arguments, or a grader's call that has fewer.
    if (*condition.argument >= call.arguments.items.size()) return Verdict::kUnreadable;
    whole = &call.arguments.items[*condition.argument];
  }
  std::optional<Value> value = ReadPath(*whole, condition.path);
  if (!value) return Verdict::kUnreadable;
  if (value->kind == Value::Kind::kNothing && condition.fallback) value = condition.fallback;
  const bool holds =
      std::all_of(condition.comparators.begin(), condition.comparators.end(),
                  [&](const Comparator& each) { return Compares(each, *value, call); });
  return holds ? Verdict::kHolds : Verdict::kFails;
}

}  // namespace moa
