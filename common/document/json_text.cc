#include "common/document/json_text.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "absl/strings/ascii.h"
#include "common/base/text.h"

namespace moa {
namespace {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

rapidjson::SizeType SizeOf(absl::string_view text) {
  return static_cast<rapidjson::SizeType>(text.size());
}

void WriteText(const std::string& text, JsonWriter& writer) {
  const std::string repaired = RepairUtf8(text);
  writer.String(repaired.data(), SizeOf(repaired));
}

void WriteScalar(const Node& node, JsonWriter& writer) {
  if (node.IsNull()) {
    writer.Null();
  } else if (!node.quoted && (node.text == "true" || node.text == "false")) {
    writer.Bool(node.text == "true");
  } else if (!node.quoted && IsJsonNumber(node.text)) {
    writer.RawValue(node.text.data(), node.text.size(), rapidjson::kNumberType);
  } else {
    WriteText(node.text, writer);
  }
}

void WriteNode(const Node& node, JsonWriter& writer) {
  switch (node.kind) {
    case NodeKind::kScalar:
      WriteScalar(node, writer);
      return;
    case NodeKind::kSequence:
      writer.StartArray();
      for (const Node& child : node.children) WriteNode(child, writer);
      writer.EndArray();
      return;
    case NodeKind::kMapping:
      writer.StartObject();
      for (const Node& child : node.children) {
        const std::string key = RepairUtf8(child.key);
        writer.Key(key.data(), SizeOf(key));
        WriteNode(child, writer);
      }
      writer.EndObject();
      return;
  }
}

// Removes the digits at the start; false when there is none.
bool SkipDigits(absl::string_view& text) {
  const size_t size = text.size();
  while (!text.empty() && absl::ascii_isdigit(static_cast<unsigned char>(text[0]))) {
    text.remove_prefix(1);
  }
  return text.size() < size;
}

}  // namespace

std::string ToJson(const Node& node) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  WriteNode(node, writer);
  return std::string(buffer.GetString(), buffer.GetSize());
}

bool IsJsonNumber(absl::string_view text) {
  if (!text.empty() && text[0] == '-') text.remove_prefix(1);
  if (!text.empty() && text[0] == '0') {
    text.remove_prefix(1);
  } else if (!SkipDigits(text)) {
    return false;
  }
  if (!text.empty() && text[0] == '.') {
    text.remove_prefix(1);
    if (!SkipDigits(text)) return false;
  }
  if (!text.empty() && (text[0] == 'e' || text[0] == 'E')) {
    text.remove_prefix(1);
    if (!text.empty() && (text[0] == '+' || text[0] == '-')) text.remove_prefix(1);
    if (!SkipDigits(text)) return false;
  }
  return text.empty();
}

}  // namespace moa
