#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "common/document/problems.h"
#include "moa/v1/job.pb.h"

namespace moa {

struct WorkshopExport {
  // An export of the workshop's app, version 2.0, in indented JSON. Empty where the job's shape is none that the app has:
  // more than one layer, no aggregator, a preset that is only named.
  std::string json;
  // What the file cannot say and is left out, and what had to be put otherwise; each with the job's field.
  Problems notes;
};

// A job as a file of the workshop's app: a main model, and agents that run in cycles. `exported_at` stands in the file as
// it is, and is left out where it is empty. Pure.
WorkshopExport ExportWorkshop(const v1::JobSpec& job, absl::string_view exported_at);

}  // namespace moa
