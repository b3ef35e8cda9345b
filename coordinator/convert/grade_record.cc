#include "coordinator/convert/grade_record.h"

#include <algorithm>
#include <cmath>

#include "coordinator/engine/json_value.h"

namespace moa {
namespace {

constexpr double kPointsMax = 1e9;
constexpr double kNano = 1e9;

std::optional<uint32_t> Points(const JsonValue& grade, absl::string_view key) {
  const JsonValue* value = grade.Find(key);
  if (value == nullptr || value->kind != JsonValue::Kind::kNumber) return std::nullopt;
  return static_cast<uint32_t>(std::clamp(value->number, 0.0, kPointsMax));
}

}  // namespace

std::optional<StoredGrade> GradeOf(const JobMachine& machine) {
  const JobSpec& spec = machine.plan().spec;
  const Agent& grader = spec.moa.aggregator;
  if (machine.state() != JobState::kSucceeded || !spec.graded || !grader.grader)
    return std::nullopt;
  const std::optional<JsonValue> json = ParseJson(machine.answer().content.view());
  if (!json) return std::nullopt;
  const std::optional<uint32_t> total = Points(*json, "total");
  const std::optional<uint32_t> max = Points(*json, "max");
  if (!total || !max) return std::nullopt;
  const GradedJob& graded = *spec.graded;
  return StoredGrade{.id = machine.id(),
                     .graded = JobId(spec.grades),
                     .tenant = spec.tenant,
                     .grader = grader.grader->name,
                     .name = graded.name,
                     .config = graded.config,
                     .total = *total,
                     .max = *max,
                     .ended = machine.ended_at(),
                     .tokens = graded.total_tokens,
                     .calls = graded.upstream_calls,
                     .cost_nano_usd = static_cast<uint64_t>(std::llround(graded.cost_usd * kNano)),
                     .latency = graded.latency};
}

}  // namespace moa
