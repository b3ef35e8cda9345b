#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/grading/value.h"

namespace moa {

// A way into a value: `top_performers[0].posts`. A key; an item by its index, from the end where that is negative; `[]`,
// every item, so that `users[].posts` is the list of all posts; a key with other characters is `["a key"]`.
struct KeyStep {
  std::string key;
};
struct IndexStep {
  int64_t index = 0;
};
struct EachStep {};
using ValuePath = std::vector<std::variant<KeyStep, IndexStep, EachStep>>;

constexpr size_t kPathStepsMax = 16;

// Nullopt where `text` is no path. The empty text is the value itself.
std::optional<ValuePath> ParsePath(absl::string_view text);

// What is at the path's end. A missing key and an index beyond the end are Value::Kind::kNothing, and so is everything
// below them. Nullopt where the way cannot be gone, as in Python: a key of what is no dict, an item of what is no list.
std::optional<Value> ReadPath(const Value& value, const ValuePath& path);

}  // namespace moa
