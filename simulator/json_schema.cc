#include "simulator/json_schema.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "simulator/field_rules.h"

namespace moa::simulator {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr int kSchemaDepthMax = 10;
// Schemas that refer to themselves in many places could otherwise ask for 50^10 values.
constexpr size_t kValueBytesMax = 256 * 1024;
constexpr const char* kUnsupported[] = {
    "$anchor", "definitions",       "oneOf",   "allOf",  "not",      "nullable", "if", "then",
    "else",    "patternProperties", "pattern", "format", "minItems", "maxItems"};

// Walks a strict schema; collects unsupported keywords in `fields`, the first other mistake in
// `mistake`.
struct StrictWalk {
  std::set<std::string> fields;
  std::string mistake;

  void Visit(const element& schema, int depth) {
    object fields_object;
    if (schema.get(fields_object) != simdjson::SUCCESS) return;
    if (depth > kSchemaDepthMax)
      return Note("JSON schema is nested too deeply (at most 10 levels)");
    for (const auto& field : fields_object) {
      const absl::string_view key = View(field.key);
      if (std::find(std::begin(kUnsupported), std::end(kUnsupported), key) !=
          std::end(kUnsupported)) {
        fields.emplace(key);
      }
      if (key == "$ref") {
        std::string_view target;
        const bool local = field.value.get(target) == simdjson::SUCCESS &&
                           absl::StartsWith(View(target), "#/$defs/");
        if (!local) fields.emplace(key);
      }
      if (key == "properties" || key == "$defs") VisitEach(field.value, depth);
      if (key == "items" || key == "anyOf" || key == "prefixItems") VisitAny(field.value, depth);
    }
    const bool is_object = StringField(fields_object, "type") == "object";
    element additional;
    bool allowed = true;
    const bool closed =
        fields_object["additionalProperties"].get(additional) == simdjson::SUCCESS &&
        additional.get(allowed) == simdjson::SUCCESS && !allowed;
    if (is_object && !closed) {
      Note("'additionalProperties' must be false for every object of a strict JSON schema");
    }
    if (StringField(fields_object, "type") == "array" &&
        fields_object["items"].error() != simdjson::SUCCESS &&
        fields_object["prefixItems"].error() != simdjson::SUCCESS) {
      fields.insert("items");
    }
  }

  void VisitEach(const element& value, int depth) {
    object members;
    if (value.get(members) != simdjson::SUCCESS) return;
    for (const auto& member : members) Visit(member.value, depth + 1);
  }

  void VisitAny(const element& value, int depth) {
    array items;
    if (value.get(items) != simdjson::SUCCESS) return Visit(value, depth + 1);
    for (const element& item : items) Visit(item, depth + 1);
  }

  void Note(absl::string_view text) {
    if (mistake.empty()) mistake = std::string(text);
  }
};

// Writes a value for a schema; one use an answer.
class ValueWriter {
 public:
  ValueWriter(const element& root, absl::string_view text, Random& random)
      : root_(root), text_(text), random_(random) {}

  void Write(const element& schema, int depth) {
    object fields;
    if (depth > kSchemaDepthMax || out.size() > kValueBytesMax ||
        schema.get(fields) != simdjson::SUCCESS) {
      out += "null";
      return;
    }
    if (WriteFixed(fields, depth)) return;
    switch (TypeOf(fields)) {
      case 'o':
        return WriteObject(fields, depth);
      case 'a':
        return WriteArray(fields, depth);
      case 's':
        return WriteString();
      case 'i':
        return WriteNumber(fields);
      case 'b':
        out += random_.Integer(0, 1) == 0 ? "false" : "true";
        return;
      default:
        out += "null";
        return;
    }
  }

  std::string out;
  bool text_used = false;

 private:
  // const, enum, $ref, anyOf: what settles the value whatever its type.
  bool WriteFixed(const object& fields, int depth) {
    element value;
    if (fields["const"].get(value) == simdjson::SUCCESS) {
      out += simdjson::minify(value);
      return true;
    }
    array choices;
    if (fields["enum"].get(choices) == simdjson::SUCCESS && choices.size() > 0) {
      const auto pick = random_.Integer(0, static_cast<int64_t>(choices.size()) - 1);
      out += simdjson::minify(choices.at(static_cast<size_t>(pick)));
      return true;
    }
    std::string_view target;
    if (fields["$ref"].get(target) == simdjson::SUCCESS) {
      std::string pointer(target);
      if (!pointer.empty() && pointer.front() == '#') pointer.erase(0, 1);
      if (root_.at_pointer(pointer).get(value) == simdjson::SUCCESS) {
        Write(value, depth + 1);
      } else {
        out += "null";
      }
      return true;
    }
    for (const char* name : {"anyOf", "oneOf", "allOf"}) {
      if (fields[name].get(choices) == simdjson::SUCCESS && choices.size() > 0) {
        Write(choices.at(0), depth + 1);
        return true;
      }
    }
    return false;
  }

  // 'o'bject, 'a'rray, 's'tring, 'i'nteger or number, 'b'oolean, 'n'ull.
  static char TypeOf(const object& fields) {
    std::string_view type;
    array types;
    if (fields["type"].get(types) == simdjson::SUCCESS && types.size() > 0) {
      if (types.at(0).get(type) != simdjson::SUCCESS) return 'n';
    } else if (fields["type"].get(type) != simdjson::SUCCESS) {
      return 'o';
    }
    if (type == "number") return 'i';
    return type.empty() ? 'n' : type.front();
  }

  void WriteObject(const object& fields, int depth) {
    out += '{';
    object properties;
    if (fields["properties"].get(properties) == simdjson::SUCCESS) {
      bool first = true;
      for (const auto& property : properties) {
        if (!first) out += ',';
        first = false;
        AppendJsonString(out, View(property.key));
        out += ':';
        Write(property.value, depth + 1);
      }
    }
    out += '}';
  }

  void WriteArray(const object& fields, int depth) {
    out += '[';
    array prefix;
    element items;
    if (fields["prefixItems"].get(prefix) == simdjson::SUCCESS) {
      bool first = true;
      for (const element& item : prefix) {
        if (!first) out += ',';
        first = false;
        Write(item, depth + 1);
      }
    } else if (fields["items"].get(items) == simdjson::SUCCESS && items.is_object()) {
      Write(items, depth + 1);
    }
    out += ']';
  }

  void WriteString() {
    AppendJsonString(out, text_used ? absl::string_view("text") : text_);
    text_used = true;
  }

  void WriteNumber(const object& fields) {
    double low = 0;
    double high = 10;
    const bool has_low = fields["minimum"].get(low) == simdjson::SUCCESS;
    const bool has_high = fields["maximum"].get(high) == simdjson::SUCCESS;
    if (!has_high) high = low + 10;
    if (!has_low) low = std::min(0.0, high);
    absl::StrAppend(
        &out, random_.Integer(static_cast<int64_t>(low),
                              std::max(static_cast<int64_t>(low), static_cast<int64_t>(high))));
  }

  const element root_;
  const absl::string_view text_;
  Random& random_;
};

}  // namespace

std::string StrictSchemaMistake(const element& schema) {
  object root;
  if (schema.get(root) != simdjson::SUCCESS || StringField(root, "type") != "object" ||
      root["properties"].error() != simdjson::SUCCESS) {
    return "The root of a strict JSON schema must be an object with properties";
  }
  StrictWalk walk;
  walk.Visit(schema, 1);
  if (!walk.fields.empty()) {
    return absl::StrCat("Unsupported JSON schema fields: {'", absl::StrJoin(walk.fields, "', '"),
                        "'}");
  }
  return walk.mistake;
}

std::string JsonForSchema(absl::string_view schema, absl::string_view text, Random& random,
                          bool* text_used) {
  simdjson::dom::parser parser;
  element root;
  const bool parsed =
      !schema.empty() && parser.parse(schema.data(), schema.size()).get(root) == simdjson::SUCCESS;
  if (!parsed) return "{}";
  ValueWriter writer(root, text, random);
  writer.Write(root, 0);
  *text_used = writer.text_used;
  return std::move(writer.out);
}

}  // namespace moa::simulator
