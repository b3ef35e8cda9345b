#include "common/grading/value_path.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace moa {
namespace {

// Takes `[…]` from the front of `text`.
bool TakeBracket(absl::string_view& text, ValuePath& path) {
  if (absl::ConsumePrefix(&text, "[]")) {
    path.emplace_back(EachStep{});
    return true;
  }
  if (absl::ConsumePrefix(&text, "[\"")) {
    const size_t end = text.find("\"]");
    if (end == absl::string_view::npos) return false;
    path.emplace_back(KeyStep{std::string(text.substr(0, end))});
    text.remove_prefix(end + 2);
    return true;
  }
  const size_t end = text.find(']');
  IndexStep step;
  if (end == absl::string_view::npos || !absl::SimpleAtoi(text.substr(1, end - 1), &step.index)) {
    return false;
  }
  path.emplace_back(step);
  text.remove_prefix(end + 1);
  return true;
}

// From step `at` on.
std::optional<Value> ReadFrom(const Value& start, const ValuePath& path, size_t at) {
  const Value* value = &start;
  for (; at < path.size(); ++at) {
    if (value->kind == Value::Kind::kNothing) return Value();
    if (const auto* step = std::get_if<KeyStep>(&path[at])) {
      if (value->kind != Value::Kind::kDict) return std::nullopt;
      value = value->Find(step->key);
      if (value == nullptr) return Value();
      continue;
    }
    if (value->kind != Value::Kind::kList) return std::nullopt;
    const auto* step = std::get_if<IndexStep>(&path[at]);
    if (step == nullptr) {
      Value each;
      each.kind = Value::Kind::kList;
      for (const Value& item : value->items) {
        std::optional<Value> read = ReadFrom(item, path, at + 1);
        if (!read) return std::nullopt;
        each.items.push_back(*std::move(read));
      }
      return each;
    }
    const auto size = static_cast<int64_t>(value->items.size());
    if (step->index >= size || step->index < -size) return Value();
    value = &value->items[static_cast<size_t>(step->index < 0 ? step->index + size : step->index)];
  }
  return *value;
}

}  // namespace

std::optional<ValuePath> ParsePath(absl::string_view text) {
  ValuePath path;
  while (!text.empty()) {
    if (path.size() == kPathStepsMax) return std::nullopt;
    if (text[0] == '[') {
      if (!TakeBracket(text, path)) return std::nullopt;
      continue;
    }
    if (!path.empty() && !absl::ConsumePrefix(&text, ".")) return std::nullopt;
    const absl::string_view key = text.substr(0, text.find_first_of(".["));
    if (key.empty()) return std::nullopt;
    path.emplace_back(KeyStep{std::string(key)});
    text.remove_prefix(key.size());
  }
  return path;
}

std::optional<Value> ReadPath(const Value& value, const ValuePath& path) {
  return ReadFrom(value, path, 0);
}

}  // namespace moa
