#include "simulator/field_rules.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace moa::simulator {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

bool IsStringArray(const element& value) {
  simdjson::dom::array items;
  if (value.get(items) != simdjson::SUCCESS) return false;
  return std::all_of(items.begin(), items.end(),
                     [](const element& item) { return item.is_string(); });
}

// Empty when `value` has the type; otherwise the service's words for what it should be.
const char* TypeMistake(const element& value, FieldType type) {
  switch (type) {
    case FieldType::kAny:
      return "";
    case FieldType::kBool:
      return value.is_bool() ? "" : "Input should be a valid boolean";
    case FieldType::kInteger: {
      if (value.is_int64() || value.is_uint64()) return "";
      double number = 0;
      const bool whole = value.get(number) == simdjson::SUCCESS && std::trunc(number) == number;
      return whole ? "" : "Input should be a valid integer";
    }
    case FieldType::kNumber:
      return value.is_number() ? "" : "Input should be a valid number";
    case FieldType::kString:
      return value.is_string() ? "" : "Input should be a valid string";
    case FieldType::kStringOrStrings:
      return value.is_string() || IsStringArray(value) ? ""
                                                       : "Input should be a valid string or list";
    case FieldType::kArray:
      return value.is_array() ? "" : "Input should be a valid list";
    case FieldType::kObject:
      return value.is_object() ? "" : "Input should be a valid object";
    case FieldType::kStringOrObject:
      return value.is_string() || value.is_object() ? ""
                                                    : "Input should be a valid string or object";
    case FieldType::kStringOrArray:
      return value.is_string() || value.is_array() ? "" : "Input should be a valid string";
  }
  return "";
}

void CheckValue(const element& value, const FieldRule& rule, absl::string_view path,
                Mistakes& mistakes) {
  const auto add = [&](absl::string_view what) {
    mistakes.Add(absl::StrCat(path, ".", rule.name, ": ", what));
  };
  if (value.is_null()) {
    if (!rule.nullable) add(TypeMistake(value, rule.type));
    return;
  }
  if (const absl::string_view mistake = TypeMistake(value, rule.type); !mistake.empty()) {
    return add(mistake);
  }
  double number = 0;
  if (value.get(number) == simdjson::SUCCESS) {
    if (number < rule.min) add(absl::StrCat("Input should be greater than or equal to ", rule.min));
    if (number > rule.max) add(absl::StrCat("Input should be less than or equal to ", rule.max));
  }
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) {
    if (text.size() > rule.size_max) {
      add(absl::StrCat("String should have at most ", rule.size_max, " characters"));
    }
    if (rule.choices != nullptr) {
      const std::vector<absl::string_view> choices = absl::StrSplit(rule.choices, '|');
      if (std::find(choices.begin(), choices.end(), View(text)) == choices.end()) {
        add(absl::StrCat("Input should be '", absl::StrJoin(choices, "', '"), "'"));
      }
    }
  }
  simdjson::dom::array items;
  if (value.get(items) == simdjson::SUCCESS && items.size() > rule.size_max) {
    add(absl::StrCat("List should have at most ", rule.size_max, " items"));
  }
}

}  // namespace

void CheckFields(const simdjson::dom::object& object, absl::Span<const FieldRule> rules,
                 absl::string_view path, absl::string_view unsupported_path, Mistakes& mistakes) {
  for (const auto& field : object) {
    const absl::string_view name = View(field.key);
    const auto rule = std::find_if(rules.begin(), rules.end(),
                                   [&](const FieldRule& r) { return name == r.name; });
    if (rule != rules.end()) {
      CheckValue(field.value, *rule, path, mistakes);
      continue;
    }
    const std::string full = absl::StrCat(unsupported_path, ".", name);
    mistakes.Add(absl::StrCat(full, ": property '", full, "' is unsupported"));
  }
}

absl::string_view StringField(const simdjson::dom::object& object, const char* name) {
  std::string_view text;
  return object[name].get(text) == simdjson::SUCCESS ? View(text) : absl::string_view();
}

bool BoolField(const simdjson::dom::object& object, const char* name) {
  bool value = false;
  return object[name].get(value) == simdjson::SUCCESS && value;
}

}  // namespace moa::simulator
