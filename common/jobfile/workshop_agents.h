#pragma once

#include <string>
#include <vector>

#include "common/document/field.h"
#include "common/jobfile/workshop_settings.h"

namespace moa {

// An agent of a workshop's file and what it is called in the job.
struct WorkshopAgent {
  std::string name;
  Field name_at;  // where the name stands
  Field fields;
};

// The agents of a list (each with `name`) or of a mapping from names. Two of the same name are
// reported. Names that a job may not have are replaced, with a warning, by ones that it may and
// that nobody else has.
std::vector<WorkshopAgent> ReadWorkshopAgents(const Field& agents, WorkshopNotes& notes);

// What `name` becomes: characters other than A-Z a-z 0-9 . _ - and space are replaced, at most 64
// bytes are left, without spaces at the ends. Empty when nothing sensible is left.
std::string JobAgentName(absl::string_view name);

}  // namespace moa
