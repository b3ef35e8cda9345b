#include "coordinator/tracing/otlp_json.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cmath>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace moa {
namespace {

constexpr int kStatusError = 2;  // opentelemetry.proto.trace.v1.Status.StatusCode

class Writer {
 public:
  std::string Write(const Span::Attributes& resource, const std::string& version,
                    const std::vector<Span>& spans) {
    json_.StartObject();
    json_.Key("resourceSpans");
    json_.StartArray();
    json_.StartObject();
    json_.Key("resource");
    json_.StartObject();
    WriteAttributes(resource);
    json_.EndObject();
    json_.Key("scopeSpans");
    json_.StartArray();
    json_.StartObject();
    json_.Key("scope");
    json_.StartObject();
    WriteText("name", "moa");
    WriteText("version", version);
    json_.EndObject();
    json_.Key("spans");
    json_.StartArray();
    for (const Span& span : spans) WriteSpan(span);
    json_.EndArray();
    json_.EndObject();
    json_.EndArray();
    json_.EndObject();
    json_.EndArray();
    json_.EndObject();
    return {buffer_.GetString(), buffer_.GetSize()};
  }

 private:
  void WriteText(const char* key, absl::string_view text) {
    json_.Key(key);
    WriteString(text);
  }

  void WriteString(absl::string_view text) {
    const std::string repaired = RepairUtf8(text);
    json_.String(repaired.data(), static_cast<rapidjson::SizeType>(repaired.size()));
  }

  // 64-bit integers are strings in this encoding.
  void WriteTime(const char* key, absl::Time time) {
    WriteText(key, absl::StrCat(absl::ToUnixNanos(time)));
  }

  void WriteSpan(const Span& span) {
    json_.StartObject();
    WriteText("traceId", span.trace_id);
    WriteText("spanId", span.span_id);
    if (!span.parent_id.empty()) WriteText("parentSpanId", span.parent_id);
    if (!span.state.empty()) WriteText("traceState", span.state);
    WriteText("name", span.name);
    json_.Key("kind");
    json_.Int(static_cast<int>(span.kind));
    WriteTime("startTimeUnixNano", span.begin);
    WriteTime("endTimeUnixNano", span.end);
    WriteAttributes(span.attributes);
    WriteEvents(span);
    json_.Key("status");
    json_.StartObject();
    if (span.error) {
      WriteText("message", *span.error);
      json_.Key("code");
      json_.Int(kStatusError);
    }
    json_.EndObject();
    json_.EndObject();
  }

  void WriteEvents(const Span& span) {
    if (span.events.empty()) return;
    json_.Key("events");
    json_.StartArray();
    for (const auto& [time, name] : span.events) {
      json_.StartObject();
      WriteTime("timeUnixNano", time);
      WriteText("name", name);
      json_.EndObject();
    }
    json_.EndArray();
  }

  void WriteAttributes(const Span::Attributes& attributes) {
    json_.Key("attributes");
    json_.StartArray();
    for (const auto& [key, value] : attributes) {
      json_.StartObject();
      WriteText("key", key);
      json_.Key("value");
      json_.StartObject();
      std::visit([this](const auto& typed) { WriteValue(typed); }, value);
      json_.EndObject();
      json_.EndObject();
    }
    json_.EndArray();
  }

  void WriteValue(const std::string& text) { WriteText("stringValue", text); }
  void WriteValue(int64_t number) { WriteText("intValue", absl::StrCat(number)); }
  void WriteValue(double number) {
    json_.Key("doubleValue");
    json_.Double(std::isfinite(number) ? number : 0);
  }
  void WriteValue(bool flag) {
    json_.Key("boolValue");
    json_.Bool(flag);
  }

  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> json_{buffer_};
};

}  // namespace

std::string OtlpJson(const Span::Attributes& resource, const std::string& version,
                     const std::vector<Span>& spans) {
  return Writer().Write(resource, version, spans);
}

}  // namespace moa
