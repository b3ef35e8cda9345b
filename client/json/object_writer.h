#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cmath>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/text.h"
#include "google/protobuf/timestamp.pb.h"

namespace moa {

// RapidJSON's writer with keys before values and our types.
class ObjectWriter {
 public:
  std::string Take() const { return {buffer_.GetString(), buffer_.GetSize()}; }

  void BeginObject(const char* key = nullptr) { Key(key), writer_.StartObject(); }
  void EndObject() { writer_.EndObject(); }
  void BeginArray(const char* key) { Key(key), writer_.StartArray(); }
  void EndArray() { writer_.EndArray(); }

  void Text(const char* key, absl::string_view text) {
    Key(key);
    const std::string repaired = RepairUtf8(text);
    writer_.String(repaired.data(), static_cast<rapidjson::SizeType>(repaired.size()));
  }
  // REQUIRES: `json` is a well-formed value.
  void Raw(const char* key, const std::string& json) {
    Key(key), writer_.RawValue(json.data(), json.size(), rapidjson::kObjectType);
  }
  void Count(const char* key, uint64_t value) { Key(key), writer_.Uint64(value); }
  void Null(const char* key) { Key(key), writer_.Null(); }
  void Flag(const char* key, bool value) { Key(key), writer_.Bool(value); }
  // JSON has no infinities; a peer that sends one gets 0.
  void Number(const char* key, double value) {
    Key(key), writer_.Double(std::isfinite(value) ? value : 0);
  }
  // `json` is one JSON value, well-formed.
  void Raw(const char* key, absl::string_view json) {
    Key(key), writer_.RawValue(json.data(), json.size(), rapidjson::kObjectType);
  }
  void Millis(const char* key, uint64_t us) { Number(key, static_cast<double>(us) / 1000.0); }
  // RFC 3339, or nothing where the time is not set.
  void Time(const char* key, const google::protobuf::Timestamp& time) {
    if (time.seconds() == 0) return;
    Text(key,
         absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ",
                          absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
                          absl::UTCTimeZone()));
  }

 private:
  void Key(const char* key) {
    if (key != nullptr) writer_.Key(key);
  }

  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
};

}  // namespace moa
