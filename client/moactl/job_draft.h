#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/moactl/commands.h"
#include "common/jobfile/job_file.h"
#include "moa/v1/job.pb.h"

namespace moa {

// A job as a command line describes it, and where its parts came from.
struct Draft {
  v1::JobSpec spec;
  std::optional<JobFile> file;
  std::string prompt_from;  // "--prompt"; empty where the file's holds
  std::string preset_from;
  std::string follows_from;
  bool has_placeholder = false;  // instead of a prompt

  // A mistake that the coordinator found, as the user can mend it.
  std::string Explain(const Violation& violation) const;
};

// Reads the files that `arguments` name. INVALID_ARGUMENT, for people: a file is wrong, or something
// is missing. `placeholder`: where there is no prompt, "‹your prompt›" takes its place.
absl::StatusOr<Draft> MakeDraft(const SubmitArguments& arguments, bool placeholder = false);

// Prints lines that are no mistakes: what the file's reader noticed …
void WarnOfFile(const CommandContext& context, const Draft& draft);
// … and what the coordinator did, with the file's line where it names a field; but for what the reader has told
// already.
void WarnOfJob(const CommandContext& context, const Draft& draft,
               const google::protobuf::RepeatedPtrField<std::string>& warnings);

// Prints why the coordinator did not take the draft, and returns the exit status.
int FailDraft(const CommandContext& context, const Draft& draft, const absl::Status& status);

}  // namespace moa
