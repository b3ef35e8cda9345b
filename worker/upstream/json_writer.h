#pragma once

// RapidJSON then looks for characters to escape sixteen at a time; prompts are most of what is
// written.
#if defined(__SSE2__) && !defined(RAPIDJSON_SSE2)
#define RAPIDJSON_SSE2
#endif

#include <string>

#include "absl/strings/string_view.h"
#include "rapidjson/stringbuffer.h"
#include "rapidjson/writer.h"

namespace moa::upstream {

// RapidJSON's writer with Abseil's string views. Strings are repaired to valid UTF-8 on the way;
// NULs and control characters are escaped. Externally synchronised; `buffer` is borrowed.
class JsonWriter {
 public:
  explicit JsonWriter(rapidjson::StringBuffer& buffer) : buffer_(buffer), writer_(buffer) {}

  void BeginObject() { writer_.StartObject(); }
  void EndObject() { writer_.EndObject(); }
  void BeginArray() { writer_.StartArray(); }
  void EndArray() { writer_.EndArray(); }
  void Key(absl::string_view name) { writer_.Key(name.data(), Size(name)); }
  void String(absl::string_view text);
  void Bool(bool value) { writer_.Bool(value); }
  void Uint(uint64_t value) { writer_.Uint64(value); }
  // REQUIRES: `value` is finite.
  void Double(double value) { writer_.Double(value); }
  // REQUIRES: `json` is one valid JSON value.
  void Raw(absl::string_view json) {
    writer_.RawValue(json.data(), json.size(), rapidjson::kObjectType);
  }

  void Member(absl::string_view name, absl::string_view text) {
    Key(name);
    String(text);
  }

  // After a complete value: lets another one follow, behind a comma.
  void NextValue() {
    buffer_.Put(',');
    writer_.Reset(buffer_);
  }

 private:
  static rapidjson::SizeType Size(absl::string_view text) {
    return static_cast<rapidjson::SizeType>(text.size());
  }

  rapidjson::StringBuffer& buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_;
};

}  // namespace moa::upstream
