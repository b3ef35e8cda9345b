#include "coordinator/engine/verdict.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/engine/json_value.h"

namespace moa {
namespace {

constexpr double kScoreMax = 10;
// From here on a score alone means "accept".
constexpr double kScoreAccepted = 7;

std::optional<double> ScoreOf(const JsonValue& object) {
  const JsonValue* value = object.Find("score");
  if (value == nullptr) return std::nullopt;
  double score = std::numeric_limits<double>::quiet_NaN();
  if (value->kind == JsonValue::Kind::kNumber) {
    score = value->number;
  } else if (value->kind == JsonValue::Kind::kString) {
    // "8", "8/10"
    absl::string_view text = absl::StripLeadingAsciiWhitespace(value->string);
    if (!absl::SimpleAtod(text.substr(0, text.find_first_not_of("0123456789.")), &score)) {
      return std::nullopt;
    }
  }
  if (!std::isfinite(score)) return std::nullopt;
  return std::clamp(score, 0.0, kScoreMax);
}

std::optional<bool> AcceptOf(const JsonValue& object) {
  const JsonValue* value = object.Find("accept");
  if (value == nullptr) return std::nullopt;
  if (value->kind == JsonValue::Kind::kBool) return value->boolean;
  if (value->kind == JsonValue::Kind::kNumber) return value->number != 0;
  const std::string text = absl::AsciiStrToLower(value->string);
  if (text == "true" || text == "yes" || text == "accept" || text == "accepted") return true;
  if (text == "false" || text == "no" || text == "reject" || text == "rejected") return false;
  return std::nullopt;
}

std::optional<Verdict> VerdictOf(const JsonValue& object, Critique::Verdict kind) {
  const std::optional<double> score = ScoreOf(object);
  Verdict verdict;
  if (kind == Critique::Verdict::kScore) {
    if (!score) return std::nullopt;
    verdict.score = *score;
  } else {
    // One of the two says enough.
    const std::optional<bool> accept = AcceptOf(object);
    if (!accept && !score) return std::nullopt;
    verdict.accept = accept.value_or(score.value_or(0) >= kScoreAccepted);
    verdict.score = score.value_or(verdict.accept ? kScoreMax : 0);
  }
  if (const JsonValue* feedback = object.Find("feedback")) verdict.feedback = feedback->string;
  return verdict;
}

// 1-based in the reply; a list without numbers goes by its order.
size_t PositionOf(const JsonValue& object, size_t index) {
  const JsonValue* answer = object.Find("answer");
  if (answer == nullptr) return index;
  double number = 0;
  if (answer->kind == JsonValue::Kind::kNumber) {
    number = answer->number;
  } else if (!absl::SimpleAtod(answer->string, &number)) {
    return std::numeric_limits<size_t>::max();
  }
  if (!(number >= 1 && number <= 1e9)) return std::numeric_limits<size_t>::max();
  return static_cast<size_t>(number) - 1;
}

constexpr absl::string_view kAcceptProperty = R"("accept":{"type":"boolean"},)";
constexpr absl::string_view kScoreProperties =
    R"("score":{"type":"number"},"feedback":{"type":"string"})";

std::string VerdictSchema(const Critique& critique, absl::string_view more_properties,
                          absl::string_view more_required) {
  const bool accept = critique.verdict == Critique::Verdict::kAccept;
  return absl::StrCat(R"({"type":"object","properties":{)", more_properties,
                      accept ? kAcceptProperty : "", kScoreProperties, R"(},"required":[)",
                      more_required, accept ? R"("accept",)" : "",
                      R"("score","feedback"],"additionalProperties":false})");
}

ResponseFormat Strict(std::string name, std::string schema) {
  return {.type = ResponseFormat::Type::kJsonSchema,
          .name = std::move(name),
          .schema = Text(std::move(schema)),
          .strict = true};
}

}  // namespace

std::optional<CriticReply> ReadCriticReply(absl::string_view reply, const Critique& critique,
                                           size_t answers) {
  CriticReply read;
  read.verdicts.resize(answers);
  if (critique.scope == Critique::Scope::kEach) {
    std::optional<JsonValue> object = FindJsonObject(reply, "score");
    if (!object) object = FindJsonObject(reply, "accept");
    if (!object || answers != 1) return std::nullopt;
    read.verdicts[0] = VerdictOf(*object, critique.verdict);
    return read.verdicts[0] ? std::make_optional(std::move(read)) : std::nullopt;
  }
  const std::optional<JsonValue> object = FindJsonObject(reply, "verdicts");
  if (!object) return std::nullopt;
  if (const JsonValue* done = object->Find("done")) read.done = critique.may_end && done->boolean;
  const JsonValue* list = object->Find("verdicts");
  bool any = false;
  for (size_t i = 0; i < list->items.size(); ++i) {
    const size_t position = PositionOf(list->items[i], i);
    if (position >= answers) continue;
    read.verdicts[position] = VerdictOf(list->items[i], critique.verdict);
    any = any || read.verdicts[position].has_value();
  }
  return any ? std::make_optional(std::move(read)) : std::nullopt;
}

std::optional<std::vector<uint32_t>> ReadRouterReply(absl::string_view reply,
                                                     const std::vector<std::string>& names,
                                                     uint32_t top) {
  const std::optional<JsonValue> object = FindJsonObject(reply, "agents");
  if (!object) return std::nullopt;
  std::vector<uint32_t> picked;
  for (const JsonValue& item : object->Find("agents")->items) {
    const auto name = std::find(names.begin(), names.end(), item.string);
    if (name == names.end() || picked.size() == top) continue;
    const auto position = static_cast<uint32_t>(name - names.begin());
    if (std::find(picked.begin(), picked.end(), position) == picked.end())
      picked.push_back(position);
  }
  std::sort(picked.begin(), picked.end());
  return picked;
}

ResponseFormat CriticFormat(const Critique& critique) {
  if (critique.scope == Critique::Scope::kEach) {
    return Strict("verdict", VerdictSchema(critique, "", ""));
  }
  const std::string each =
      VerdictSchema(critique, R"("answer":{"type":"integer"},)", R"("answer",)");
  return Strict(
      "verdicts",
      absl::StrCat(R"({"type":"object","properties":{"verdicts":{"type":"array","items":)", each,
                   "}", critique.may_end ? R"(,"done":{"type":"boolean"})" : "",
                   R"(},"required":["verdicts")", critique.may_end ? R"(,"done")" : "",
                   R"(],"additionalProperties":false})"));
}

// Agents' names need no escaping in JSON.
ResponseFormat RouterFormat(const std::vector<std::string>& names) {
  return Strict("route",
                absl::StrCat(R"({"type":"object","properties":{"agents":{"type":"array","items":)",
                             R"({"type":"string","enum":[")", absl::StrJoin(names, R"(",")"),
                             R"("]}}},"required":["agents"],"additionalProperties":false})"));
}

}  // namespace moa
