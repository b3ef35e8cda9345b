#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/moactl/command_line.h"
#include "client/tuner/study_options.h"
#include "moa/v1/job.pb.h"
#include "moa/v1/moa.pb.h"

namespace moa {

// All that a study of `moactl tune` is made from. A value type.
struct TuneSetup {
  v1::JobSpec job{};  // the base, its preset expanded
  v1::Grader grader{};
  StudyOptions options{};
};

// From the command line. `models` are those that jobs can name. INVALID_ARGUMENT: which flag is wrong, and what would be
// right.
absl::StatusOr<TuneSetup> SetUpTune(const TuneArguments& arguments, v1::JobSpec job,
                                    v1::Grader grader, const std::vector<v1::Model>& models);

// What a history keeps as its origin, and the same again: a study that is resumed needs no other flag, file or list of
// models. INVALID_ARGUMENT: what is wrong with it.
std::string SetupJson(const TuneSetup& setup);
absl::StatusOr<TuneSetup> ReadSetup(absl::string_view json);

// The names that --search takes.
const std::vector<std::string>& SearchNames();

}  // namespace moa
