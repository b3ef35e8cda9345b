#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "common/document/field.h"
#include "common/jobfile/field_origin.h"
#include "moa/v1/job.pb.h"

namespace moa {

// What reading a workshop's file yields besides the job. Externally synchronised.
struct WorkshopNotes {
  Problems warnings;
  std::vector<FieldOrigin> origins;

  void Warn(const Field& at, std::string message);
  // `field` of the job comes from `from`.
  void Keep(std::string field, const Field& from);
  // Every field that was not asked for is ignored, with a warning.
  void WarnOfUnknown(const Mapping& m);
};

// A field that goes by several names: the first of `names` that is given holds, the others that are
// given are ignored with a warning. Absent under the first name when none is given.
Field ReadAlias(Mapping& m, std::initializer_list<absl::string_view> names, WorkshopNotes& notes);

// How a model samples, with where each setting stands.
struct WorkshopSampling {
  template <typename Value>
  struct Given {
    Value value;
    Field from;
  };
  std::optional<Given<double>> temperature;
  std::optional<Given<double>> top_p;
  std::optional<Given<uint64_t>> seed;
  std::optional<Given<uint32_t>> max_completion_tokens;
};

WorkshopSampling ReadWorkshopSampling(Mapping& m, WorkshopNotes& notes);

// Gives `agent`, which is `path` in the job, its own settings and `defaults` where it has none.
void ApplySampling(const WorkshopSampling& own, const WorkshopSampling& defaults,
                   const std::string& path, WorkshopNotes& notes, v1::Agent& agent);

}  // namespace moa
