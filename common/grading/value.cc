#include "common/grading/value.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "common/document/json_text.h"

namespace moa {
namespace {

constexpr absl::string_view kTypeKey = "$type";
// Of one returned value; beyond it nobody meant to return it.
constexpr DocumentLimits kLimits = {.size_max_bytes = 32 << 20,
                                    .depth_max = 64,
                                    .nodes_max = 2'000'000,
                                    .expanded_bytes_max = 64 << 20};

Value OfKind(Value::Kind kind) {
  Value value;
  value.kind = kind;
  return value;
}

Value Opaque(absl::string_view type) {
  Value value = OfKind(Value::Kind::kOpaque);
  value.text = std::string(type);
  return value;
}

Value NumberOf(const std::string& text) {
  Value value = OfKind(Value::Kind::kNumber);
  value.is_float = absl::StrContains(text, '.') || text.find_first_of("eE") != std::string::npos;
  if (!absl::SimpleAtod(text, &value.number)) return Opaque("number");
  if (!value.is_float) {
    value.text = text == "-0" ? "0" : text;
    return value;
  }
  if (!std::isfinite(value.number)) return Opaque("float");
  if (std::trunc(value.number) == value.number) {
    value.text = absl::StrFormat("%.0f", value.number == 0 ? 0.0 : value.number);
  }
  return value;
}

Value ScalarOf(const Node& node) {
  if (node.IsNull()) return OfKind(Value::Kind::kNull);
  if (!node.quoted && (node.text == "true" || node.text == "false")) {
    Value value = OfKind(Value::Kind::kBool);
    value.number = node.text == "true" ? 1 : 0;
    value.text = node.text == "true" ? "1" : "0";
    return value;
  }
  if (!node.quoted && IsJsonNumber(node.text)) return NumberOf(node.text);
  Value value = OfKind(Value::Kind::kText);
  value.text = node.text;
  return value;
}

// The UTF-16 unit of the escape \uXXXX that `json` begins with; 0 where there is none.
uint32_t UnitOfEscape(absl::string_view json) {
  uint32_t unit = 0;
  if (!absl::StartsWith(json, "\\u") || json.size() < 6 ||
      !absl::SimpleHexAtoi(json.substr(2, 4), &unit)) {
    return 0;
  }
  return unit;
}

// What JSON's grammar allows and our reader does not take is put otherwise, so that one odd part does not hide the value
// around it: a lone half of a surrogate pair, which Python's strings may hold and UTF-8 may not, becomes U+FFFD; a whole
// number beyond a double is opaque.
std::string Readable(absl::string_view json) {
  constexpr size_t kDigitsMax = 300;
  std::string out;
  out.reserve(json.size());
  bool in_text = false;
  while (!json.empty()) {
    size_t size = 1;
    absl::string_view instead;
    if (in_text && json[0] == '\\') {
      const uint32_t first = UnitOfEscape(json) & 0xFC00U;
      const bool pair =
          first == 0xD800U &&
          (UnitOfEscape(json.substr(std::min<size_t>(6, json.size()))) & 0xFC00U) == 0xDC00U;
      const bool lone = !pair && (first == 0xD800U || first == 0xDC00U);
      size = pair ? 12 : (lone ? 6 : 2);
      if (lone) instead = "\\ufffd";
    } else if (json[0] == '"') {
      in_text = !in_text;
    } else if (!in_text &&
               (json[0] == '-' || absl::ascii_isdigit(static_cast<unsigned char>(json[0])))) {
      size = std::min(json.find_first_not_of("-+.eE0123456789"), json.size());
      const bool is_whole = json.substr(0, size).find_first_of(".eE") == absl::string_view::npos;
      if (is_whole && size > kDigitsMax) instead = "{\"$type\":\"int\"}";
    }
    const absl::string_view part = instead.empty() ? json.substr(0, size) : instead;
    out.append(part.data(), part.size());
    json.remove_prefix(std::min(size, json.size()));
  }
  return out;
}

int Sign(int difference) { return difference < 0 ? -1 : (difference > 0 ? 1 : 0); }

int CompareDigits(absl::string_view a, absl::string_view b) {
  const bool negative = absl::StartsWith(a, "-");
  if (negative != absl::StartsWith(b, "-")) return negative ? -1 : 1;
  if (negative) return CompareDigits(b.substr(1), a.substr(1));
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return Sign(a.compare(b));
}

int CompareNumbers(const Value& a, const Value& b) {
  if (!a.text.empty() && !b.text.empty()) return CompareDigits(a.text, b.text);
  // One has a fraction and is therefore below 2^53, where whole numbers are exact too.
  return a.number < b.number ? -1 : (a.number > b.number ? 1 : 0);
}

int Rank(const Value& value) {
  return value.kind == Value::Kind::kBool ? static_cast<int>(Value::Kind::kNumber)
                                          : static_cast<int>(value.kind);
}

// A total order in which values that equal each other are neighbours. What equals nothing is alike here.
int Compare(const Value& a, const Value& b) {
  if (Rank(a) != Rank(b)) return Rank(a) < Rank(b) ? -1 : 1;
  switch (a.kind) {
    case Value::Kind::kNothing:
    case Value::Kind::kOpaque:
    case Value::Kind::kNull:
      return 0;
    case Value::Kind::kBool:
    case Value::Kind::kNumber:
      return CompareNumbers(a, b);
    case Value::Kind::kText:
      return Sign(a.text.compare(b.text));
    case Value::Kind::kList:
      if (a.items.size() != b.items.size()) return a.items.size() < b.items.size() ? -1 : 1;
      for (size_t i = 0; i < a.items.size(); ++i) {
        if (const int order = Compare(a.items[i], b.items[i]); order != 0) return order;
      }
      return 0;
    case Value::Kind::kDict:
      if (a.entries.size() != b.entries.size()) return a.entries.size() < b.entries.size() ? -1 : 1;
      for (size_t i = 0; i < a.entries.size(); ++i) {
        const int keys = Sign(a.entries[i].key.compare(b.entries[i].key));
        if (keys != 0) return keys;
        const int order = Compare(a.entries[i].value, b.entries[i].value);
        if (order != 0) return order;
      }
      return 0;
  }
  return 0;
}

// Both have the same shape, and `alike` holds for the scalars at each place.
bool Match(const Value& a, const Value& b,
           const std::function<bool(const Value&, const Value&)>& alike) {
  if (a.kind == Value::Kind::kList && b.kind == Value::Kind::kList) {
    return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(),
                      [&](const Value& x, const Value& y) { return Match(x, y, alike); });
  }
  if (a.kind == Value::Kind::kDict && b.kind == Value::Kind::kDict) {
    return std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(),
                      [&](const auto& x, const auto& y) {
                        return x.key == y.key && Match(x.value, y.value, alike);
                      });
  }
  return alike(a, b);
}

bool ScalarsEqual(const Value& a, const Value& b) {
  if (a.kind == Value::Kind::kNothing || a.kind == Value::Kind::kOpaque) return false;
  return Compare(a, b) == 0;
}

std::vector<const Value*> Sorted(const std::vector<Value>& items) {
  std::vector<const Value*> sorted;
  sorted.reserve(items.size());
  for (const Value& item : items) sorted.push_back(&item);
  std::sort(sorted.begin(), sorted.end(),
            [](const Value* a, const Value* b) { return Compare(*a, *b) < 0; });
  return sorted;
}

}  // namespace

const Value* Value::Find(absl::string_view key) const {
  const auto at = std::lower_bound(
      entries.begin(), entries.end(), key,
      [](const auto& entry, absl::string_view wanted) { return entry.key < wanted; });
  return at != entries.end() && at->key == key ? &at->value : nullptr;
}

Value ValueOf(const Node& node) {
  if (node.kind == NodeKind::kScalar) return ScalarOf(node);
  if (node.kind == NodeKind::kSequence) {
    Value list = OfKind(Value::Kind::kList);
    list.items.reserve(node.children.size());
    for (const Node& child : node.children) list.items.push_back(ValueOf(child));
    return list;
  }
  if (node.children.size() == 1 && node.children[0].key == kTypeKey && node.children[0].quoted) {
    return Opaque(node.children[0].text);
  }
  Value dict = OfKind(Value::Kind::kDict);
  dict.entries.reserve(node.children.size());
  for (const Node& child : node.children) dict.entries.push_back({child.key, ValueOf(child)});
  std::sort(dict.entries.begin(), dict.entries.end(),
            [](const auto& a, const auto& b) { return a.key < b.key; });
  return dict;
}

Value ParseValue(absl::string_view json) {
  Problems problems;
  const std::optional<Document> document = ReadJson(Readable(json), "value", problems, kLimits);
  return document ? ValueOf(document->root) : Opaque("unreadable");
}

bool Equals(const Value& a, const Value& b) { return Match(a, b, ScalarsEqual); }

bool Identical(const Value& a, const Value& b) {
  return Match(a, b, [](const Value& x, const Value& y) {
    return x.kind == y.kind && x.is_float == y.is_float && ScalarsEqual(x, y);
  });
}

bool IsClose(const Value& a, const Value& b, double tolerance) {
  return Match(a, b, [tolerance](const Value& x, const Value& y) {
    if (ScalarsEqual(x, y)) return true;
    return x.IsNumeric() && y.IsNumeric() && std::fabs(x.number - y.number) <= tolerance;
  });
}

bool SameItems(const Value& a, const Value& b) {
  if (a.kind != Value::Kind::kList || b.kind != Value::Kind::kList) return false;
  const std::vector<const Value*> x = Sorted(a.items);
  const std::vector<const Value*> y = Sorted(b.items);
  return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                    [](const Value* p, const Value* q) { return Equals(*p, *q); });
}

bool AllDistinct(const std::vector<Value>& items) {
  const std::vector<const Value*> sorted = Sorted(items);
  return std::adjacent_find(sorted.begin(), sorted.end(), [](const Value* a, const Value* b) {
           return Equals(*a, *b);
         }) == sorted.end();
}

}  // namespace moa
