#include "common/jobfile/field_origin.h"

#include "absl/strings/match.h"

namespace moa {

const FieldOrigin* FindOrigin(const std::vector<FieldOrigin>& origins, absl::string_view field) {
  const FieldOrigin* nearest = nullptr;
  for (const FieldOrigin& origin : origins) {
    if (!absl::StartsWith(field, origin.field)) continue;
    const absl::string_view rest = field.substr(origin.field.size());
    if (!rest.empty() && rest[0] != '.' && rest[0] != '[') continue;
    if (nearest == nullptr || origin.field.size() > nearest->field.size()) nearest = &origin;
  }
  return nearest;
}

}  // namespace moa
