#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/json/json_output.h"
#include "client/moactl/commands.h"
#include "client/moactl/job_report.h"
#include "client/moactl/names.h"
#include "client/moactl/watch_display.h"
#include "common/base/display_text.h"

namespace moa {
namespace {

StyledLine OutcomeLine(const v1::Job& job) {
  StyledLine line = {{absl::StrCat("job ", OneLine(job.job_id()), " ")},
                     {StateName(job.state()), StyleOf(job.state())}};
  if (job.degraded()) line.push_back({" (degraded)", Style::kYellow});
  if (job.has_error()) {
    line.push_back(
        {absl::StrCat(": ", ErrorName(job.error().code()), ": ", OneLine(job.error().message()))});
  }
  return line;
}

void PrintAnswer(const CommandContext& context, const v1::Job& job) {
  if (job.state() != v1::JOB_STATE_SUCCEEDED) return;
  if (!job.answer().content().empty() || job.answer().tool_calls().empty()) {
    context.console.Answer(job.answer().content());
  }
  for (const v1::ToolCall& call : job.answer().tool_calls()) {
    context.console.Answer(absl::StrCat(call.name(), "(", call.arguments(), ")"));
  }
}

int PrintOutcome(const CommandContext& context, const v1::Job& job, bool report) {
  if (report) context.console.Err(JobReport(job));
  if (job.state() != v1::JOB_STATE_SUCCEEDED || job.degraded()) {
    context.console.Err({OutcomeLine(job)});
  }
  if (!report) {
    for (const std::string& reason : job.degradations()) {
      context.console.Err({{{absl::StrCat("degraded: ", OneLine(reason)), Style::kYellow}}});
    }
  }
  if (context.invocation.json) {
    context.console.Json(JobJson(job));
  } else {
    PrintAnswer(context, job);
  }
  return ExitStatusOf(job.state());
}

}  // namespace

int Follow(const CommandContext& context, const std::string& job_id, bool progress,
           bool cancel_on_exit) {
  WatchOptions options;
  options.stop = context.interruption.BeginWatch();
  options.progress = progress;
  options.cancel_on_disconnect = cancel_on_exit;
  options.reconnect_for = kReconnectFor;
  absl::StatusOr<v1::Job> job = context.client.Get(job_id);
  absl::Status status = job.status();
  if (status.ok()) {
    std::optional<WatchDisplay> display;
    if (progress) display.emplace(*job);
    options.on_disconnect = [&](const absl::Status& why) {
      if (display) display->Interrupted(std::string(why.message()));
    };
    status = context.client.Watch(job_id, options, [&](const v1::WatchUpdate& update) {
      if (display) display->Apply(update);
      return true;
    });
    if (display) display->Finish();
  }
  if (status.ok()) {
    job = context.client.Get(job_id);
    if (job.ok()) return PrintOutcome(context, *job, progress);
    status = job.status();
  }
  const int exit_status = Fail(context, status);
  if (cancel_on_exit) {
    context.console.Complain(absl::StrCat("the job is cancelled; see moactl get ", job_id));
  } else if (status.code() != absl::StatusCode::kNotFound) {
    context.console.Complain(absl::StrCat("come back to it with: moactl watch ", job_id));
  }
  return exit_status;
}

int RunWatch(const CommandContext& context) {
  return Follow(context, context.invocation.job_id, true, false);
}

int RunGet(const CommandContext& context) {
  const absl::StatusOr<v1::Job> job = context.client.Get(context.invocation.job_id);
  if (!job.ok()) return Fail(context, job.status());
  if (context.invocation.json) {
    context.console.Json(JobJson(*job));
    return ExitStatusOf(job->state());
  }
  context.console.Out({OutcomeLine(*job)});
  PrintAnswer(context, *job);
  context.console.Out(JobReport(*job));
  return ExitStatusOf(job->state());
}

int RunCancel(const CommandContext& context) {
  const absl::StatusOr<v1::Job> job =
      context.client.Cancel(context.invocation.job_id, context.invocation.reason);
  if (!job.ok()) return Fail(context, job.status());
  if (context.invocation.json) {
    context.console.Json(JobJson(*job));
  } else {
    context.console.Out({OutcomeLine(*job)});
  }
  return kExitOk;
}

int RunList(const CommandContext& context) {
  const size_t jobs_max = context.invocation.list_max;
  std::vector<v1::JobSummary> jobs;
  const absl::Status status =
      context.client.List(context.invocation.list, [&](const v1::JobSummary& job) {
        jobs.push_back(job);
        return jobs_max == 0 || jobs.size() < jobs_max;
      });
  if (!status.ok()) return Fail(context, status);
  if (context.invocation.json) {
    context.console.Json(JobsJson(jobs));
    return kExitOk;
  }
  TextTable table;
  table.Add({{"JOB"}, {"STATE"}, {"CREATED"}, {"TENANT"}, {"NAME"}});
  for (const v1::JobSummary& job : jobs) {
    table.Add(
        {{OneLine(job.job_id())},
         {absl::StrCat(StateName(job.state()), job.degraded() ? " (degraded)" : ""),
          StyleOf(job.state())},
         {absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixSeconds(job.create_time().seconds()),
                           absl::LocalTimeZone())},
         {OneLine(job.tenant())},
         {OneLine(job.name())}});
  }
  context.console.Out(table.Lines());
  return kExitOk;
}

int RunCount(const CommandContext& context) {
  const absl::StatusOr<v1::CountJobsResponse> counts =
      context.client.Count(context.invocation.list.tenant);
  if (!counts.ok()) return Fail(context, counts.status());
  if (context.invocation.json) {
    context.console.Json(CountsJson(*counts));
    return kExitOk;
  }
  TextTable table({1});
  table.Add({{"STATE"}, {"JOBS"}});
  for (const v1::StateCount& count : counts->counts()) {
    table.Add({{StateName(count.state()), StyleOf(count.state())}, {WithThousands(count.jobs())}});
  }
  context.console.Out(table.Lines());
  const absl::Time as_of = absl::FromUnixSeconds(counts->as_of().seconds());
  if (absl::Now() - as_of > absl::Seconds(2)) {
    context.console.Err(
        {{{absl::StrCat("as of ", absl::FormatTime("%H:%M:%S", as_of, absl::LocalTimeZone()))}}});
  }
  return kExitOk;
}

}  // namespace moa
