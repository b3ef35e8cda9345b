#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace moa {

// A JSON value as a model wrote it. A plain value; numbers are doubles.
struct JsonValue {
  enum class Kind { kNull, kBool, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  bool boolean = false;
  double number = 0;
  std::string string{};
  std::vector<JsonValue> items{};
  std::vector<std::pair<std::string, JsonValue>> members{};

  // The last member of that name; null when there is none, or this is no object.
  const JsonValue* Find(absl::string_view key) const;
};

// Texts beyond this are not looked at.
inline constexpr size_t kJsonBytesMax = size_t{1} << 20;
// Deeper values end the reading.
inline constexpr int kJsonDepthMax = 64;

// Reads one whole strict JSON text; nothing else may follow it. nullopt: it is none, or beyond the bounds.
std::optional<JsonValue> ParseJson(absl::string_view text);

// Finds the object that a model meant in what it wrote: inside of fences, after prose or after its thoughts (an
// element <think> is left out), cut off in the middle (what is missing is closed; a member that was not complete is
// left out). Of several outermost objects the last one that has `key`; nullopt when none has.
std::optional<JsonValue> FindJsonObject(absl::string_view text, absl::string_view key);

}  // namespace moa
