#include "common/jobfile/workshop_settings.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace moa {
namespace {

constexpr absl::string_view kHonoured = "the app ignores this field; here it holds";

// The setting that counts, its origin kept; null when neither is given.
template <typename Value>
const Value* Choose(const std::optional<WorkshopSampling::Given<Value>>& own,
                    const std::optional<WorkshopSampling::Given<Value>>& otherwise,
                    std::string field, WorkshopNotes& notes) {
  const auto& given = own ? own : otherwise;
  if (!given) return nullptr;
  notes.Keep(std::move(field), given->from);
  return &given->value;
}

}  // namespace

void WorkshopNotes::Warn(const Field& at, std::string message) {
  warnings.Add(at.At(std::move(message)));
}

void WorkshopNotes::Keep(std::string field, const Field& from) {
  origins.push_back({std::move(field), from.At("")});
}

void WorkshopNotes::WarnOfUnknown(const Mapping& m) {
  for (Problem& problem : m.Unknown()) {
    problem.message = absl::StrCat("is ignored: ", problem.message);
    warnings.Add(std::move(problem));
  }
}

Field ReadAlias(Mapping& m, std::initializer_list<absl::string_view> names, WorkshopNotes& notes) {
  Field chosen = m[*names.begin()];
  absl::string_view chosen_name = *names.begin();
  for (const absl::string_view name : names) {
    if (name == *names.begin()) continue;
    Field field = m[name];
    if (!field.present()) continue;
    if (chosen.present()) {
      notes.Warn(field, absl::StrCat("is ignored: it means the same as ", chosen_name,
                                     ", which is given too and holds"));
    } else {
      chosen = std::move(field);
      chosen_name = name;
    }
  }
  return chosen;
}

WorkshopSampling ReadWorkshopSampling(Mapping& m, WorkshopNotes& notes) {
  WorkshopSampling sampling;
  const Field temperature = ReadAlias(m, {"main_temperature", "temperature", "temp"}, notes);
  if (auto v = temperature.Number()) sampling.temperature = {*v, temperature};
  const Field top_p = m["top_p"];
  if (auto v = top_p.Number()) sampling.top_p = {*v, top_p};
  const Field seed = m["seed"];
  if (auto v = seed.Unsigned()) sampling.seed = {*v, seed};
  for (const Field& field : {top_p, seed}) {
    if (field.present()) notes.Warn(field, std::string(kHonoured));
  }
  const Field tokens =
      ReadAlias(m, {"max_tokens", "max_length", "context_length", "max_completion_tokens"}, notes);
  if (auto v = tokens.Unsigned(1, std::numeric_limits<uint32_t>::max())) {
    sampling.max_completion_tokens = {static_cast<uint32_t>(*v), tokens};
  }
  return sampling;
}

void ApplySampling(const WorkshopSampling& own, const WorkshopSampling& defaults,
                   const std::string& path, WorkshopNotes& notes, v1::Agent& agent) {
  if (const double* v =
          Choose(own.temperature, defaults.temperature, path + ".temperature", notes)) {
    agent.set_temperature(*v);
  }
  if (const double* v = Choose(own.top_p, defaults.top_p, path + ".top_p", notes)) {
    agent.set_top_p(*v);
  }
  if (const uint64_t* v = Choose(own.seed, defaults.seed, path + ".seed", notes)) {
    agent.set_seed(*v);
  }
  if (const uint32_t* v = Choose(own.max_completion_tokens, defaults.max_completion_tokens,
                                 path + ".max_completion_tokens", notes)) {
    agent.set_max_completion_tokens(*v);
  }
}

}  // namespace moa
