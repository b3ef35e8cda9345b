#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/document/problems.h"

namespace moa {

// Where a field of a job came from, in a file whose own fields are named otherwise.
struct FieldOrigin {
  std::string field;  // of v1::JobSpec: "moa.layers[0].agents[2].model"
  Problem place;      // without a message
};

// The origin of `field`, or of the nearest field above it that has one; null when none has.
const FieldOrigin* FindOrigin(const std::vector<FieldOrigin>& origins, absl::string_view field);

}  // namespace moa
