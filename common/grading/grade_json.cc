#include "common/grading/grade_json.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/document/document.h"
#include "common/document/field.h"

namespace moa {
namespace {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

void WriteText(absl::string_view text, JsonWriter& writer) {
  const std::string repaired = RepairUtf8(text);
  writer.String(repaired.data(), static_cast<rapidjson::SizeType>(repaired.size()));
}

constexpr size_t kFeedbackBytesMax = 3000;

std::string Write(const Grade& grade, bool as_verdict) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  writer.Key("total"), writer.Int(grade.total);
  writer.Key("max"), writer.Int(grade.max);
  writer.Key("grade"), WriteText(grade.letter, writer);
  if (!grade.reason.empty()) writer.Key("reason"), WriteText(grade.reason, writer);
  if (as_verdict) {
    writer.Key("score"), writer.Double(10.0 * grade.total / grade.max);
    writer.Key("accept"), writer.Bool(grade.total == grade.max);
    writer.Key("feedback"), WriteText(Feedback(grade), writer);
  }
  writer.Key("checks"), writer.StartObject();
  for (const CheckGrade& check : grade.checks) {
    writer.Key(check.id.data(), static_cast<rapidjson::SizeType>(check.id.size()));
    writer.StartObject();
    writer.Key("score"), writer.Int(check.score);
    writer.Key("max"), writer.Int(check.max);
    writer.Key("detail"), WriteText(check.detail, writer);
    writer.EndObject();
  }
  writer.EndObject();
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

std::string GradeJson(const Grade& grade) { return Write(grade, false); }

std::string GradeReplyJson(const Grade& grade) { return Write(grade, true); }

std::optional<Grade> ReadGradeJson(absl::string_view json) {
  Problems problems;
  const std::optional<Document> document = ReadJson(json, "grade", problems);
  if (!document) return std::nullopt;
  constexpr uint64_t kPointsMax = 1'000'000'000;
  const auto points = [](const Field& field) {
    return static_cast<int>(field.Unsigned(0, kPointsMax).value_or(0));
  };
  Grade grade;
  Mapping m(Field::Root(*document, problems));
  grade.total = points(m.Required("total"));
  grade.max = points(m.Required("max"));
  grade.letter = m.Required("grade").String().value_or("");
  grade.reason = m["reason"].String().value_or("");
  for (const Field& entry : m.Required("checks").Entries()) {
    Mapping check(entry);
    grade.checks.push_back({entry.node().key, points(check.Required("score")),
                            points(check.Required("max")), check["detail"].String().value_or("")});
  }
  if (!problems.empty() || grade.max == 0) return std::nullopt;
  return grade;
}

std::string Feedback(const Grade& grade) {
  std::string text = absl::StrCat(grade.total, " of ", grade.max, " points.");
  if (!grade.reason.empty()) absl::StrAppend(&text, " Nothing counts: ", grade.reason, ".");
  for (const CheckGrade& check : grade.checks) {
    if (check.score == check.max || absl::StartsWith(check.detail, kNotCounted)) continue;
    absl::StrAppend(&text, "\n", check.id, ", ", check.score, " of ", check.max, ": ",
                    check.detail);
  }
  const std::string repaired = RepairUtf8(text);
  return std::string(Utf8Prefix(repaired, kFeedbackBytesMax));
}

}  // namespace moa
