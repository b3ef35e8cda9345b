#include "client/moactl/job_draft.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/document/file.h"

namespace moa {
namespace {

constexpr size_t kFileBytesMax = 48 << 20;  // a message to the coordinator has at most 64 MiB

absl::Status ApplyPrompt(const SubmitArguments& arguments, Draft& draft) {
  std::string prompt;
  if (arguments.prompt) {
    prompt = *arguments.prompt;
    draft.prompt_from = "--prompt";
  } else if (!arguments.prompt_file.empty()) {
    MOA_ASSIGN_OR_RETURN(prompt, ReadFile(arguments.prompt_file, kFileBytesMax));
    draft.prompt_from = absl::StrCat("--prompt-file ", arguments.prompt_file);
  } else {
    return absl::OkStatus();
  }
  if (prompt.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(draft.prompt_from, ": the prompt is empty"));
  }
  draft.spec.clear_messages();
  v1::Message* message = draft.spec.add_messages();
  message->set_role(v1::ROLE_USER);
  message->set_content(std::move(prompt));
  return absl::OkStatus();
}

absl::Status CheckComplete(const Draft& draft) {
  const std::string where = draft.file ? absl::StrCat(draft.file->document.file, ": ") : "";
  if (draft.spec.messages().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, "the job has no prompt: give ",
                     draft.file ? "prompt or messages in the file, or " : "",
                     "--prompt TEXT or --prompt-file FILE"));
  }
  if (draft.spec.preset().empty() && !draft.spec.has_moa()) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, "the job has no MoA: give ",
                     draft.file ? "moa or preset in the file, or " : "-f JOB or ",
                     "--preset NAME (moactl presets lists them)"));
  }
  return absl::OkStatus();
}

void Warn(const CommandContext& context, absl::string_view lines) {
  std::string text;
  for (const absl::string_view line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    absl::StrAppend(&text, "warning: ", line, "\n");
  }
  if (!text.empty()) context.console.Problems(text);
}

// A warning that begins with a field, "moa.aggregator.model: …", with the place where that came from.
std::string Located(const Draft& draft, const std::string& warning) {
  const size_t colon = warning.find(": ");
  const bool has_field =
      colon != std::string::npos && absl::StartsWith(warning, "moa.") && warning.find(' ') > colon;
  if (!has_field) return warning;
  return draft.Explain({warning.substr(0, colon), warning.substr(colon + 2)});
}

}  // namespace

std::string Draft::Explain(const Violation& violation) const {
  for (const auto& [field, flag] :
       {std::pair<absl::string_view, const std::string&>{"messages", prompt_from},
        {"prompt", prompt_from},
        {"preset", preset_from},
        {"follows", follows_from}}) {
    if (!flag.empty() && absl::StartsWith(violation.field, field)) {
      return absl::StrCat(flag, ": ", violation.description);
    }
  }
  // The file's MoA, if it has one, is not the job's.
  const bool replaced =
      !preset_from.empty() && !spec.has_moa() && absl::StartsWith(violation.field, "moa");
  if (replaced)
    return absl::StrCat(preset_from, ": ", violation.field, ": ", violation.description);
  if (file) return file->Locate(violation.field, violation.description).ToString();
  if (violation.field.empty()) return violation.description;
  return absl::StrCat(violation.field, ": ", violation.description);
}

absl::StatusOr<Draft> MakeDraft(const SubmitArguments& arguments, bool placeholder) {
  Draft draft;
  if (arguments.file == "-" && arguments.prompt_file == "-") {
    return absl::InvalidArgumentError("-f and --prompt-file cannot both read standard input");
  }
  if (!arguments.file.empty()) {
    MOA_ASSIGN_OR_RETURN(const std::string text, ReadFile(arguments.file, kFileBytesMax));
    Problems problems;
    draft.file = ReadJobFile(text, arguments.file, problems);
    if (!draft.file) return problems.ToStatus();
    draft.spec = std::move(draft.file->spec);
  }
  MOA_RETURN_IF_ERROR(ApplyPrompt(arguments, draft));
  if (!arguments.preset.empty()) {
    draft.preset_from = "--preset";
    // What a file changes in its preset it changes in this one as well; a whole MoA gives way.
    if (draft.spec.preset().empty()) draft.spec.clear_moa();
    draft.spec.set_preset(arguments.preset);
  }
  if (arguments.deadline) {
    absl::Duration rest;
    draft.spec.mutable_deadline()->set_seconds(
        absl::IDivDuration(*arguments.deadline, absl::Seconds(1), &rest));
    draft.spec.mutable_deadline()->set_nanos(static_cast<int32_t>(rest / absl::Nanoseconds(1)));
  }
  if (!arguments.follows.empty()) {
    draft.follows_from = "--follows";
    draft.spec.set_follows(arguments.follows);
  }
  if (placeholder && draft.spec.messages().empty()) {
    v1::Message* message = draft.spec.add_messages();
    message->set_role(v1::ROLE_USER);
    message->set_content("‹your prompt›");
    draft.prompt_from = "the placeholder prompt";
    draft.has_placeholder = true;
  }
  MOA_RETURN_IF_ERROR(CheckComplete(draft));
  return draft;
}

void WarnOfFile(const CommandContext& context, const Draft& draft) {
  if (draft.file) Warn(context, draft.file->warnings.ToString());
}

void WarnOfJob(const CommandContext& context, const Draft& draft,
               const google::protobuf::RepeatedPtrField<std::string>& warnings) {
  constexpr absl::string_view kTokenMissing = "lacks {helper_response}";
  const bool told = draft.file && absl::StrContains(draft.file->warnings.ToString(), kTokenMissing);
  for (const std::string& warning : warnings) {
    if (!told || !absl::StrContains(warning, kTokenMissing)) Warn(context, Located(draft, warning));
  }
}

int FailDraft(const CommandContext& context, const Draft& draft, const absl::Status& status) {
  const std::vector<Violation> violations = ViolationsOf(status);
  if (violations.empty()) return Fail(context, status);
  std::string text;
  for (const Violation& violation : violations) {
    absl::StrAppend(&text, draft.Explain(violation), "\n");
  }
  context.console.Problems(text);
  context.console.Complain(absl::StrCat("the coordinator refused the job: ", status.message()));
  return kExitUsage;
}

}  // namespace moa
