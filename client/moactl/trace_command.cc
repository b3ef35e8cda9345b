#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/moactl/commands.h"
#include "client/moactl/names.h"
#include "client/moactl/trace_chart.h"
#include "client/moactl/trace_json.h"
#include "common/trace/job_trace.h"

namespace moa {
namespace {

// The job's events up to those that `job` tells of.
absl::StatusOr<std::vector<v1::JobEvent>> EventsOf(const CommandContext& context,
                                                   const v1::Job& job) {
  WatchOptions options;
  options.stop = context.interruption.BeginWatch();
  options.progress = false;
  options.reconnect_for = kReconnectFor;
  std::vector<v1::JobEvent> events;
  const auto take = [&](const v1::WatchUpdate& update) {
    if (update.has_event()) events.push_back(update.event());
    return IsTerminal(job.state()) || events.empty() ||
           events.back().sequence() < job.last_sequence();
  };
  const absl::Status status = context.client.Watch(context.invocation.job_id, options, take);
  if (!status.ok()) return status;
  return events;
}

int WriteFile(const CommandContext& context, const std::string& path, const std::string& text) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  bool written = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  int error = errno;
  if (file != nullptr && std::fclose(file) != 0 && written) {
    written = false;
    error = errno;
  }
  if (written) return kExitOk;
  context.console.Problems(absl::StrCat(path, ": cannot be written: ", std::strerror(error)));
  return kExitUsage;
}

}  // namespace

// The exit status says whether there is a trace, whatever became of the job.
int RunTrace(const CommandContext& context) {
  const Invocation& invocation = context.invocation;
  const absl::StatusOr<v1::Job> job = context.client.Get(invocation.job_id);
  if (!job.ok()) return Fail(context, job.status());
  const absl::StatusOr<std::vector<v1::JobEvent>> events = EventsOf(context, *job);
  if (!events.ok()) return Fail(context, events.status());
  const JobTrace trace = MakeTrace(*job, *events);
  if (!invocation.chrome_file.empty() && invocation.chrome_file != "-") {
    return WriteFile(context, invocation.chrome_file, absl::StrCat(ChromeTrace(trace), "\n"));
  }
  if (!invocation.chrome_file.empty()) {
    context.console.Json(ChromeTrace(trace));
  } else if (invocation.json) {
    context.console.Json(TraceJson(trace));
  } else {
    context.console.Out(TraceChart(trace, context.console.out().width));
  }
  return kExitOk;
}

}  // namespace moa
