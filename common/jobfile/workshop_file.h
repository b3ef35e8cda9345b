#pragma once

#include <vector>

#include "common/document/document.h"
#include "common/document/problems.h"
#include "common/jobfile/field_origin.h"
#include "moa/v1/job.pb.h"

namespace moa {

// A job file of the workshop app, as a job that does the same. docs/job-file.md tells users what
// becomes of what.
struct WorkshopJob {
  // One layer with the agents, its cycles, and the aggregator "main"; or the aggregator alone. It
  // has a conversation only if the file has `prompt` or `messages` beside the configuration.
  v1::JobSpec spec;
  // Sorted by line.
  Problems warnings;
  std::vector<FieldOrigin> origins;
};

// By its shape, a file of the app in one of three forms: `ai_configuration: {…}` (an export),
// the configuration's fields at the top (a batch file), or `main_config: {…}, layer_config: {…}`. A
// file with `moa`, `preset` or `aggregator` is none.
bool IsWorkshopFile(const Document& document);

// Reports wrong types, missing models, duplicate names and cycles out of range. What is merely
// unknown, ignored, or probably not meant is a warning. `document` may be anything.
WorkshopJob ReadWorkshopFile(const Document& document, Problems& problems);

}  // namespace moa
