#include "client/gateway/stream_text.h"

#include "absl/strings/str_cat.h"
#include "client/json/object_writer.h"
#include "common/trace/job_names.h"

namespace moa::gateway {
namespace {

void WriteTask(const char* type, const v1::TaskId& task, ObjectWriter& out) {
  out.Text("type", type);
  out.Text("kind", KindName(task.kind()));
  out.Count("layer", task.layer());
  out.Count("round", task.round());
  out.Text("agent", task.agent());
  out.Count("sample", task.sample());
}

}  // namespace

std::string TaskEventJson(const v1::WatchUpdate& update) {
  ObjectWriter out;
  out.BeginObject();
  if (update.has_task_started()) {
    const v1::TaskStarted& started = update.task_started();
    WriteTask("task_started", started.task(), out);
    out.Count("attempt", started.attempt());
  } else if (update.event().has_task_finished()) {
    const v1::TaskResult& finished = update.event().task_finished();
    WriteTask("task_finished", finished.task(), out);
    out.Text("model", finished.model());
    out.Text("state", StateName(finished.state()));
    out.Count("attempts", finished.attempts());
    out.Millis("run_ms", finished.run_us());
    out.Count("completion_tokens", finished.completion().usage().completion_tokens());
  } else {
    return "";
  }
  out.EndObject();
  return out.Take();
}

std::string ServerSentEvent(absl::string_view data, absl::string_view name) {
  return name.empty() ? absl::StrCat("data: ", data, "\n\n")
                      : absl::StrCat("event: ", name, "\ndata: ", data, "\n\n");
}

}  // namespace moa::gateway
