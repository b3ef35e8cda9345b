#include "client/moactl/trace_json.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/json/object_writer.h"
#include "client/moactl/names.h"
#include "common/base/display_text.h"

namespace moa {
namespace {

uint64_t MicrosOf(absl::Duration time) {
  return static_cast<uint64_t>(absl::ToInt64Microseconds(time));
}

// What both formats say of a task besides its times.
void WriteFacts(const TaskTrace& task, ObjectWriter& out) {
  out.Text("agent", task.id.agent());
  out.Count("sample", task.id.sample());
  out.Text("model", task.model);
  out.Text("worker", task.worker);
  out.Text("state", StateName(task.state));
  out.Count("attempts", task.attempts);
  out.Flag("hedged", task.hedged);
  out.Flag("critical", task.is_critical);
  out.Count("prompt_tokens", task.prompt_tokens);
  out.Count("completion_tokens", task.completion_tokens);
  if (!task.error.empty()) out.Text("error", task.error);
}

void WriteFailed(const TaskTrace& task, ObjectWriter& out) {
  out.BeginArray("failed_attempts");
  for (const FailedCallTrace& call : task.failed) {
    out.BeginObject();
    out.Millis("begin_ms", MicrosOf(call.begin));
    out.Millis("end_ms", MicrosOf(call.end));
    out.Text("model", call.model);
    out.Text("worker", call.worker);
    out.Text("error", call.error);
    out.EndObject();
  }
  out.EndArray();
}

void WriteTask(const TaskTrace& task, ObjectWriter& out) {
  out.BeginObject();
  WriteFacts(task, out);
  out.Flag("open", task.is_open);
  out.Millis("begin_ms", MicrosOf(task.begin));
  if (task.call) {
    out.Millis("call_begin_ms", MicrosOf(task.call->begin));
    if (task.call->first_token) {
      out.Millis("first_token_ms", MicrosOf(*task.call->first_token));
    }
    out.Millis("call_end_ms", MicrosOf(task.call->end));
  }
  if (!task.failed.empty()) WriteFailed(task, out);
  out.Millis("end_ms", MicrosOf(task.end));
  out.EndObject();
}

class ChromeWriter {
 public:
  std::string Write(const JobTrace& trace) {
    out_.BeginArray(nullptr);
    BeginThread("job");
    BeginMetadata("process_name");
    out_.Text("name", absl::StrCat("job ", OneLine(trace.job_id), trace.name.empty() ? "" : ": ",
                                   OneLine(trace.name)));
    EndWithArguments();
    BeginSpan("job", OneLine(trace.job_id), absl::ZeroDuration(), trace.latency);
    out_.Text("state", StateName(trace.state));
    EndWithArguments();
    for (const StageTrace& stage : trace.stages) WriteStage(stage);
    out_.EndArray();
    return out_.Take();
  }

 private:
  // Each Begin… leaves the event open at its arguments.
  void BeginMetadata(const char* what) {
    out_.BeginObject();
    out_.Text("name", what);
    out_.Text("ph", "M");
    out_.Count("pid", 1);
    out_.Count("tid", thread_);
    out_.BeginObject("args");
  }

  void BeginSpan(const char* category, absl::string_view name, absl::Duration begin,
                 absl::Duration end) {
    out_.BeginObject();
    out_.Text("name", name);
    out_.Text("cat", category);
    out_.Text("ph", "X");
    out_.Count("ts", MicrosOf(begin));
    out_.Count("dur", MicrosOf(end) - MicrosOf(begin));
    out_.Count("pid", 1);
    out_.Count("tid", thread_);
    out_.BeginObject("args");
  }

  void EndWithArguments() {
    out_.EndObject();
    out_.EndObject();
  }

  void WriteSpan(const char* name, absl::Duration begin, absl::Duration end) {
    BeginSpan("phase", name, begin, end);
    EndWithArguments();
  }

  // Spans of a thread nest: one that was hedged ends where the call that took its place begins.
  void WriteFailedCall(const FailedCallTrace& call, const TaskTrace& task) {
    const bool overlaps = task.call && call.begin < task.call->begin;
    const absl::Duration end = overlaps ? std::min(call.end, task.call->begin) : call.end;
    BeginSpan("attempt", "failed attempt", call.begin, end);
    out_.Text("model", call.model);
    out_.Text("worker", call.worker);
    out_.Text("error", call.error);
    EndWithArguments();
  }

  // Viewers show threads by number, the process's own first.
  void BeginThread(absl::string_view name) {
    ++thread_;
    BeginMetadata("thread_name");
    out_.Text("name", name);
    EndWithArguments();
    BeginMetadata("thread_sort_index");
    out_.Count("sort_index", thread_);
    EndWithArguments();
  }

  void WriteStage(const StageTrace& stage) {
    BeginThread(StageTitle(stage));
    BeginSpan("stage", StageTitle(stage), stage.begin, stage.end);
    EndWithArguments();
    for (const TaskTrace& task : stage.tasks) {
      BeginThread(task.name);
      BeginSpan("task", task.name, task.begin, task.end);
      WriteFacts(task, out_);
      EndWithArguments();
      for (const FailedCallTrace& failed : task.failed) WriteFailedCall(failed, task);
      if (!task.call) continue;
      const CallTrace& call = *task.call;
      WriteSpan("waiting", task.begin, call.begin);
      WriteSpan("call", call.begin, call.end);
      if (call.first_token) WriteSpan("until the first token", call.begin, *call.first_token);
      WriteSpan("until recorded", call.end, task.end);
    }
  }

  ObjectWriter out_;
  uint64_t thread_ = 0;
};

}  // namespace

std::string TraceJson(const JobTrace& trace) {
  ObjectWriter out;
  out.BeginObject();
  out.Text("job_id", trace.job_id);
  out.Text("trace_id", trace.trace_id);
  out.Text("name", trace.name);
  out.Text("state", StateName(trace.state));
  out.Flag("degraded", trace.degraded);
  out.Time("accept_time", trace.accept_time);
  out.Millis("latency_ms", MicrosOf(trace.latency));
  out.BeginArray("stages");
  for (const StageTrace& stage : trace.stages) {
    out.BeginObject();
    out.Count("layer", stage.layer);
    out.Count("round", stage.round);
    out.Text("kind", KindName(stage.kind));
    out.Millis("begin_ms", MicrosOf(stage.begin));
    out.Millis("end_ms", MicrosOf(stage.end));
    out.BeginArray("tasks");
    for (const TaskTrace& task : stage.tasks) WriteTask(task, out);
    out.EndArray();
    out.EndObject();
  }
  out.EndArray();
  out.BeginObject("sums");
  out.Millis("queueing_ms", MicrosOf(trace.sums.queueing));
  out.Millis("calls_ms", MicrosOf(trace.sums.calls));
  out.Millis("first_token_ms", MicrosOf(trace.sums.first_token));
  out.Millis("stragglers_ms", MicrosOf(trace.sums.stragglers));
  out.Millis("unfinished_ms", MicrosOf(trace.sums.unfinished));
  out.Millis("added_ms", MicrosOf(trace.sums.added));
  out.EndObject();
  out.EndObject();
  return out.Take();
}

std::string ChromeTrace(const JobTrace& trace) { return ChromeWriter().Write(trace); }

}  // namespace moa
