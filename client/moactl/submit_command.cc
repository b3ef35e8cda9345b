#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/moactl/commands.h"
#include "client/moactl/json_output.h"
#include "common/base/status_macros.h"
#include "common/document/file.h"
#include "common/jobfile/job_file.h"

namespace moa {
namespace {

constexpr size_t kFileBytesMax = 48 << 20;  // a message to the coordinator has at most 64 MiB

// What is submitted, and where its parts came from.
struct Draft {
  v1::JobSpec spec;
  std::optional<JobFile> file;
  std::string prompt_from;  // "--prompt"; empty where the file's holds
  std::string preset_from;

  // A mistake that the coordinator found, as the user can mend it.
  std::string Explain(const Violation& violation) const {
    for (const auto& [field, flag] :
         {std::pair<absl::string_view, const std::string&>{"messages", prompt_from},
          {"prompt", prompt_from},
          {"preset", preset_from}}) {
      if (!flag.empty() && absl::StartsWith(violation.field, field)) {
        return absl::StrCat(flag, ": ", violation.description);
      }
    }
    if (file) return file->Locate(violation.field, violation.description).ToString();
    if (violation.field.empty()) return violation.description;
    return absl::StrCat(violation.field, ": ", violation.description);
  }
};

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

absl::StatusOr<Draft> MakeDraft(const SubmitArguments& arguments) {
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
    draft.spec.clear_moa();
    draft.spec.set_preset(arguments.preset);
  }
  if (arguments.deadline) {
    absl::Duration rest;
    draft.spec.mutable_deadline()->set_seconds(
        absl::IDivDuration(*arguments.deadline, absl::Seconds(1), &rest));
    draft.spec.mutable_deadline()->set_nanos(static_cast<int32_t>(rest / absl::Nanoseconds(1)));
  }
  MOA_RETURN_IF_ERROR(CheckComplete(draft));
  return draft;
}

int FailSubmit(const CommandContext& context, const Draft& draft, const absl::Status& status) {
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

}  // namespace

int RunSubmit(const CommandContext& context) {
  const SubmitArguments& arguments = context.invocation.submit;
  if (arguments.cancel_on_exit && !arguments.wait && !arguments.watch) {
    context.console.Problems(
        "--cancel-on-exit goes with --wait or --watch: without them this program ends at once");
    return kExitUsage;
  }
  const absl::StatusOr<Draft> draft = MakeDraft(arguments);
  if (!draft.ok()) {
    context.console.Problems(draft.status().message());
    return kExitUsage;
  }
  const auto response = context.client.Submit(draft->spec, arguments.idempotency_key);
  if (!response.ok()) return FailSubmit(context, *draft, response.status());
  if (!arguments.wait && !arguments.watch) {
    context.console.Json(SubmittedJson(*response));
    return kExitOk;
  }
  return Follow(context, response->job_id(), arguments.watch, arguments.cancel_on_exit);
}

}  // namespace moa
