#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "client/moactl/commands.h"
#include "client/moactl/completion.h"

namespace moa {

void Interruption::Signal() {
  if (!watching_) std::_Exit(kExitInterrupted);
  stop_.request_stop();
}

std::stop_token Interruption::BeginWatch() {
  watching_ = true;
  return stop_.get_token();
}

int ExitStatusOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return kExitUsage;
    case absl::StatusCode::kCancelled:
      return kExitInterrupted;
    default:
      return kExitUnreachable;
  }
}

int ExitStatusOf(v1::JobState state) {
  return state == v1::JOB_STATE_FAILED || state == v1::JOB_STATE_CANCELLED ? kExitJobFailed
                                                                           : kExitOk;
}

int Fail(const CommandContext& context, const absl::Status& status) {
  std::string message(status.message());
  if (const auto delay = RetryDelayOf(status)) {
    absl::StrAppend(&message, " (try again in ", absl::FormatDuration(*delay), ")");
  }
  context.console.Complain(message);
  return ExitStatusOf(status);
}

int RunCommand(const Invocation& invocation, Interruption& interruption) {
  Console console;
  if (invocation.command == Command::kCompletion) {
    console.Answer(CompletionScript(invocation.shell, invocation.words));
    return kExitOk;
  }
  const auto client = Client::Connect(invocation.client);
  if (!client.ok()) {
    console.Complain(client.status().message());
    return kExitUsage;
  }
  const CommandContext context{invocation, **client, console, interruption};
  switch (invocation.command) {
    case Command::kSubmit:
      return RunSubmit(context);
    case Command::kInspect:
      return RunInspect(context);
    case Command::kAblate:
      return RunAblate(context);
    case Command::kTune:
      return RunTune(context);
    case Command::kGet:
      return RunGet(context);
    case Command::kCount:
      return RunCount(context);
    case Command::kList:
      return RunList(context);
    case Command::kWatch:
      return RunWatch(context);
    case Command::kTrace:
      return RunTrace(context);
    case Command::kCancel:
      return RunCancel(context);
    case Command::kWorkers:
      return RunWorkers(context);
    case Command::kModels:
      return RunModels(context);
    case Command::kPresets:
      return RunPresets(context);
    case Command::kHealth:
      return RunHealth(context);
    case Command::kChallenge:
      return RunChallenge(context);
    case Command::kAdmin:
      return RunAdmin(context);
    case Command::kCompletion:
      break;
  }
  return kExitUsage;
}

}  // namespace moa
