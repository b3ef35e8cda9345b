#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "client/moactl/cluster_evaluator.h"
#include "client/moactl/commands.h"
#include "client/moactl/grader_choice.h"
#include "client/moactl/history_file.h"
#include "client/moactl/job_draft.h"
#include "client/moactl/study_run.h"
#include "client/moactl/tune_display.h"
#include "client/moactl/tune_report.h"
#include "client/moactl/tune_setup.h"
#include "client/tuner/history.h"
#include "common/base/display_text.h"
#include "common/base/status_macros.h"

namespace moa {
namespace {

// Printed already, where there is none.
using MaybeSetup = std::variant<TuneSetup, int>;

int Refuse(const CommandContext& context, absl::string_view message) {
  context.console.Problems(message);
  return kExitUsage;
}

absl::Status CheckBase(const v1::JobSpec& job) {
  if (job.moa().aggregator().has_grader()) {
    return absl::InvalidArgumentError("the job grades, so there is nothing to tune");
  }
  if (!job.tools().empty()) {
    return absl::InvalidArgumentError("the job has tools, whose calls a grader cannot grade");
  }
  return absl::OkStatus();
}

// From the flags: the base as the coordinator would run it.
MaybeSetup MakeSetup(const CommandContext& context) {
  const TuneArguments& arguments = context.invocation.tune;
  const absl::StatusOr<GraderChoice> choice = ChooseGrader(arguments.grader);
  if (!choice.ok()) return Refuse(context, choice.status().message());
  absl::StatusOr<Draft> draft = MakeDraft(context.invocation.submit, true);
  if (!draft.ok()) return Refuse(context, draft.status().message());
  WarnOfFile(context, *draft);
  if (draft->has_placeholder) {
    if (choice->grader.task().empty()) {
      return Refuse(context, absl::StrCat("there is no prompt: give --prompt, since the grader ",
                                          choice->grader.name(), " has no task"));
    }
    draft->spec.mutable_messages(draft->spec.messages_size() - 1)
        ->set_content(choice->grader.task());
  }
  const auto inspected = context.client.Inspect(draft->spec);
  if (!inspected.ok()) return FailDraft(context, *draft, inspected.status());
  WarnOfJob(context, *draft, inspected->warnings());
  v1::JobSpec job = draft->spec;
  job.clear_preset();
  *job.mutable_moa() = inspected->job().moa();
  const absl::Status checked = CheckBase(job);
  if (!checked.ok()) return Refuse(context, checked.message());
  const auto models = context.client.Models();
  if (!models.ok()) return Fail(context, models.status());
  absl::StatusOr<TuneSetup> setup = SetUpTune(arguments, std::move(job), choice->sent, *models);
  if (!setup.ok()) return Refuse(context, setup.status().message());
  return *std::move(setup);
}

// From a history's first line.
absl::StatusOr<TuneSetup> SetupOf(const HistoryFile& history) {
  const absl::string_view text = history.text();
  const size_t end = text.find('\n');
  const auto refused = [&](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat(history.path(), ":1: ", why));
  };
  if (end == absl::string_view::npos) return refused("is no history: it has no whole line");
  const absl::StatusOr<HistoryLine> line = ReadHistoryLine(text.substr(0, end));
  if (!line.ok()) return refused(line.status().message());
  const auto* header = std::get_if<StudyHeader>(&*line);
  if (header == nullptr || header->origin.empty()) {
    return refused("is no history of moactl tune: it does not begin with a study");
  }
  absl::StatusOr<TuneSetup> setup = ReadSetup(header->origin);
  if (!setup.ok()) return refused(setup.status().message());
  return setup;
}

// The study as far as its history goes.
absl::StatusOr<Study> StudyOf(const TuneSetup& setup, HistoryFile* history) {
  MOA_ASSIGN_OR_RETURN(Study study, Study::Create(setup.options));
  if (history == nullptr) return study;
  const absl::StatusOr<size_t> whole = ReplayHistory(history->text(), study);
  if (!whole.ok()) {
    return absl::Status(whole.status().code(),
                        absl::StrCat(history->path(), ":", whole.status().message()));
  }
  MOA_RETURN_IF_ERROR(history->Keep(*whole));
  return study;
}

absl::Status WriteOut(const CommandContext& context, const std::string& text) {
  const std::string& path = context.invocation.tune.out_file;
  if (path == "-") {
    context.console.Answer(text);
    return absl::OkStatus();
  }
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.flush();
  if (file) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("--out: cannot write ", path));
}

int ExitStatusOfRun(const absl::Status& status) {
  const bool jobs = absl::IsAborted(status) || absl::IsDataLoss(status);
  return jobs ? kExitJobFailed : ExitStatusOf(status);
}

// Prints what was found, and returns the exit status.
int Report(const CommandContext& context, const TuneSetup& setup, Study& study,
           const absl::Status& run) {
  const TuneArguments& arguments = context.invocation.tune;
  const TuneView view{.study = study.id(), .trials = study.trials(), .result = study.Result()};
  TuneOutcome outcome{"DONE", ""};
  if (!run.ok()) {
    outcome = {"INTERRUPTED", std::string(run.message())};
  } else {
    const Ended ended = std::get<Ended>(study.Next());
    outcome = {ended.failed ? "FAILED" : "DONE", ended.reason};
  }
  if (!arguments.out_file.empty() && view.result.best && outcome.state != "FAILED") {
    const absl::Status written =
        WriteOut(context, BestJobFile(view, setup.job, setup.options.grader));
    if (!written.ok()) return Refuse(context, written.message());
  }
  if (context.invocation.json) {
    context.console.Json(TuneJson(view, outcome));
  } else if (arguments.out_file == "-") {
    context.console.Err(TuneResultLines(view, outcome));
  } else {
    context.console.Out(TuneResultLines(view, outcome));
  }
  if (run.ok()) return outcome.state == "FAILED" ? kExitJobFailed : kExitOk;
  const std::string& history =
      arguments.resume_file.empty() ? arguments.history_file : arguments.resume_file;
  if (!history.empty()) {
    context.console.Complain(absl::StrCat("to go on: moactl tune --resume ", OneLine(history)));
  }
  return ExitStatusOfRun(run);
}

int RunSetup(const CommandContext& context, const TuneSetup& setup, HistoryFile* history) {
  if (const std::string why = WhyNobodyGrades(context.client); !why.empty()) {
    context.console.Complain(why);
  }
  absl::StatusOr<Study> study = StudyOf(setup, history);
  if (!study.ok()) return Refuse(context, study.status().message());
  TuneDisplay display(*study, context.console);
  ClusterEvaluator evaluator(context.client, setup.job, setup.grader, setup.options.reflector,
                             absl::StrCat("tune ", study->id()),
                             [&](const std::string& what) { display.Told(what); });
  const StudyEvents events{
      .handed_out = [&](const Batch& batch) { display.HandedOut(batch); },
      .trial_ended = [&](const Trial& trial,
                         const TrialResult& result) { display.TrialEnded(trial, result); },
      .rewriting = [&](const Rewriting&) { display.Rewriting(); },
      .rewritten = [&](const ReflectionReply& reply) { display.Rewritten(reply); }};
  const absl::Status run =
      RunStudy(*study, history, evaluator, events, context.interruption.BeginWatch());
  display.Finish();
  if (!run.ok() && !absl::IsCancelled(run)) context.console.Complain(run.message());
  return Report(context, setup, *study, run);
}

}  // namespace

int RunTune(const CommandContext& context) {
  const TuneArguments& arguments = context.invocation.tune;
  if (arguments.out_file == "-" && context.invocation.json) {
    return Refuse(context, "--out - and -o json would both write standard output");
  }
  const bool resumes = !arguments.resume_file.empty();
  const std::string& path = resumes ? arguments.resume_file : arguments.history_file;
  std::optional<HistoryFile> history;
  if (resumes) {
    absl::StatusOr<HistoryFile> opened = HistoryFile::Open(path, true);
    if (!opened.ok()) return Refuse(context, absl::StrCat("--resume: ", opened.status().message()));
    const absl::StatusOr<TuneSetup> setup = SetupOf(*opened);
    if (!setup.ok()) return Refuse(context, setup.status().message());
    return RunSetup(context, *setup, &*opened);
  }
  MaybeSetup setup = MakeSetup(context);
  if (const int* status = std::get_if<int>(&setup)) return *status;
  if (!path.empty()) {
    absl::StatusOr<HistoryFile> opened = HistoryFile::Open(path, false);
    if (!opened.ok()) {
      return Refuse(context, absl::StrCat("--history: ", opened.status().message()));
    }
    history.emplace(*std::move(opened));
  }
  return RunSetup(context, std::get<TuneSetup>(setup), history ? &*history : nullptr);
}

}  // namespace moa
