#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/json_value.h"
#include "coordinator/engine/validation.h"

namespace moa {
namespace {

// The provider's limits on strict schemas (CEREBRAS_API section 2, of 2026-10-01).
constexpr size_t kCharactersMax = 5000;  // of names, enum values and constants
constexpr int kDepthMax = 10;
constexpr size_t kPropertiesMax = 500;
constexpr size_t kEnumValuesMax = 500;
constexpr size_t kEnumBigValues = 250;
constexpr size_t kEnumBigCharactersMax = 7500;

constexpr const char* kUnsupported[] = {
    "$anchor",           "definitions", "oneOf",    "allOf",   "not",
    "nullable",          "if",          "then",     "else",    "format",
    "patternProperties", "pattern",     "minItems", "maxItems"};

class StrictCheck {
 public:
  // The first mistake; "" when there is none.
  std::string Check(const JsonValue& root) {
    if (TypeOf(root) != "object") return "must have type object at its root";
    const JsonValue* properties = root.Find("properties");
    if (properties == nullptr || properties->members.empty()) {
      return "must have properties at its root";
    }
    Visit(root, "$", 1);
    if (!mistake_.empty()) return mistake_;
    if (properties_ > kPropertiesMax) {
      return absl::StrCat("has ", properties_, " properties; strict schemas hold at most ",
                          kPropertiesMax);
    }
    if (enum_values_ > kEnumValuesMax) {
      return absl::StrCat("has ", enum_values_, " enum values; strict schemas hold at most ",
                          kEnumValuesMax);
    }
    if (characters_ > kCharactersMax) {
      return absl::StrCat("has ", characters_,
                          " characters in names and values; strict schemas hold at most ",
                          kCharactersMax);
    }
    return "";
  }

 private:
  static std::string TypeOf(const JsonValue& schema) {
    const JsonValue* type = schema.Find("type");
    return type == nullptr ? "" : type->string;
  }

  void Fail(const std::string& path, absl::string_view what) {
    if (mistake_.empty()) mistake_ = absl::StrCat("at ", path, ": ", what);
  }

  void Visit(const JsonValue& schema, const std::string& path, int depth) {
    if (!mistake_.empty()) return;
    if (schema.kind == JsonValue::Kind::kBool) return;
    if (schema.kind != JsonValue::Kind::kObject) return Fail(path, "is no schema");
    if (depth > kDepthMax)
      return Fail(path, "is nested too deeply; strict schemas go 10 levels deep");
    for (const auto& [key, value] : schema.members) {
      for (const char* word : kUnsupported) {
        if (key == word)
          return Fail(path, absl::StrCat(word, " is not supported in strict schemas"));
      }
    }
    const JsonValue* ref = schema.Find("$ref");
    if (ref != nullptr && (ref->string.empty() || ref->string[0] != '#' || ref->string == "#")) {
      return Fail(path,
                  "$ref must point into $defs; recursion and other documents are not supported");
    }
    VisitEnum(schema, path);
    if (TypeOf(schema) == "object" || schema.Find("properties") != nullptr)
      VisitObject(schema, path, depth);
    if (TypeOf(schema) == "array") VisitArray(schema, path, depth);
    for (const char* list : {"anyOf", "prefixItems"}) {
      const JsonValue* items = schema.Find(list);
      if (items == nullptr) continue;
      for (size_t i = 0; i < items->items.size(); ++i) {
        Visit(items->items[i], absl::StrCat(path, ".", list, "[", i, "]"), depth + 1);
      }
    }
    if (const JsonValue* defs = schema.Find("$defs")) {
      for (const auto& [name, value] : defs->members) {
        characters_ += name.size();
        Visit(value, absl::StrCat(path, ".$defs.", name), depth);
      }
    }
  }

  void VisitEnum(const JsonValue& schema, const std::string& path) {
    const JsonValue* values = schema.Find("enum");
    if (values == nullptr) return;
    size_t characters = 0;
    for (const JsonValue& value : values->items) characters += value.string.size();
    enum_values_ += values->items.size();
    characters_ += characters;
    if (values->items.size() > kEnumBigValues && characters > kEnumBigCharactersMax) {
      Fail(path, "its enum of more than 250 values has more than 7500 characters");
    }
  }

  void VisitObject(const JsonValue& schema, const std::string& path, int depth) {
    const JsonValue* more = schema.Find("additionalProperties");
    if (more == nullptr || more->kind != JsonValue::Kind::kBool || more->boolean) {
      return Fail(path, "an object needs additionalProperties: false in strict schemas");
    }
    const JsonValue* properties = schema.Find("properties");
    if (properties == nullptr) return;
    properties_ += properties->members.size();
    for (const auto& [name, value] : properties->members) {
      characters_ += name.size();
      Visit(value, absl::StrCat(path, ".", name), depth + 1);
    }
  }

  void VisitArray(const JsonValue& schema, const std::string& path, int depth) {
    const JsonValue* items = schema.Find("items");
    const bool closed =
        items != nullptr && items->kind == JsonValue::Kind::kBool && !items->boolean;
    if (closed ? schema.Find("prefixItems") == nullptr : items == nullptr) {
      return Fail(path,
                  "an array needs items, or prefixItems with items: false, in strict schemas");
    }
    if (!closed) Visit(*items, path + "[]", depth + 1);
  }

  std::string mistake_;
  size_t characters_ = 0;
  size_t properties_ = 0;
  size_t enum_values_ = 0;
};

}  // namespace

std::string SchemaMistake(absl::string_view schema, bool strict) {
  if (schema.empty()) return "is missing; give a JSON Schema";
  const std::optional<JsonValue> root = ParseJson(schema);
  if (!root || root->kind != JsonValue::Kind::kObject) return "is no JSON object";
  return strict ? StrictCheck().Check(*root) : "";
}

}  // namespace moa
