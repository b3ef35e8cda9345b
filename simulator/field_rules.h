#pragma once

#include <simdjson.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace moa::simulator {

// The schema of the API's requests as tables: for each object, the properties that it may have,
// their types and ranges. Whatever is not in a table is refused, as the service does.

enum class FieldType {
  kAny,
  kBool,
  kInteger,
  kNumber,
  kString,
  kStringOrStrings,
  kArray,
  kObject,
  kStringOrObject,
  kStringOrArray,
};

struct FieldRule {
  const char* name;
  FieldType type;
  bool nullable = true;
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  const char* choices = nullptr;                         // of a string, separated by '|'
  size_t size_max = std::numeric_limits<size_t>::max();  // of a string or an array
};

// What is wrong with a request, in the order found; bounded, since a request can be wrong in a
// million places.
class Mistakes {
 public:
  void Add(std::string text) {
    if (texts_.size() < kMistakesMax) texts_.push_back(std::move(text));
  }
  bool empty() const { return texts_.empty(); }
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  static constexpr size_t kMistakesMax = 50;
  std::vector<std::string> texts_;
};

// Checks each property of `object` against `rules`. `path` names the object in messages ("body",
// "body.tools.0"); `unsupported_path` is what the service puts before an unknown property there
// ("messages.1.assistant": without "body", as recorded).
void CheckFields(const simdjson::dom::object& object, absl::Span<const FieldRule> rules,
                 absl::string_view path, absl::string_view unsupported_path, Mistakes& mistakes);

// simdjson's strings are std::string_view, which this Abseil does not take.
inline absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// Text, integer or object of that name; empty, `fallback` or false when absent or of another type.
absl::string_view StringField(const simdjson::dom::object& object, const char* name);
bool BoolField(const simdjson::dom::object& object, const char* name);

}  // namespace moa::simulator
