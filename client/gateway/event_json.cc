#include "client/gateway/event_json.h"

#include "client/json/object_writer.h"
#include "client/json/result_json.h"

namespace moa::gateway {
namespace {

// Which task, in the places where the job's own object has it around the agent.
void WriteTaskId(const v1::TaskId& task, ObjectWriter& out) {
  out.Count("layer", task.layer());
  out.Count("round", task.round());
  out.Text("kind", KindName(task.kind()));
  out.Text("agent", task.agent());
  out.Count("sample", task.sample());
}

const char* WriteLayerStarted(const v1::LayerStarted& started, ObjectWriter& out) {
  out.Count("layer", started.layer());
  out.Count("round", started.round());
  out.Text("kind", KindName(started.kind()));
  out.BeginArray("agents");
  for (const v1::TaskId& task : started.tasks()) {
    out.BeginObject();
    out.Text("agent", task.agent());
    out.Count("sample", task.sample());
    out.EndObject();
  }
  out.EndArray();
  if (!started.notes().empty()) {
    out.BeginArray("notes");
    for (const std::string& note : started.notes()) out.Text(nullptr, note);
    out.EndArray();
  }
  return "layer_started";
}

const char* WriteEnded(const v1::JobEnded& ended, ObjectWriter& out) {
  out.Text("state", StateName(ended.state()));
  if (ended.has_error()) WriteError(ended.error(), out);
  out.Millis("latency_ms", ended.latency_us());
  out.Millis("critical_path_ms", ended.critical_path_us());
  moa::WriteUsage(ended.usage(), out);
  return "ended";
}

// Returns the event's name.
const char* WriteStored(const v1::JobEvent& event, const TaskIds& tasks, ObjectWriter& out) {
  out.Count("sequence", event.sequence());
  out.Time("time", event.time());
  switch (event.kind_case()) {
    case v1::JobEvent::kAccepted:
      out.Count("seed", event.accepted().seed());
      return "accepted";
    case v1::JobEvent::kLayerStarted:
      return WriteLayerStarted(event.layer_started(), out);
    case v1::JobEvent::kTaskFinished: {
      const v1::TaskResult& finished = event.task_finished();
      out.Count("layer", finished.task().layer());
      out.Count("round", finished.task().round());
      out.Text("kind", KindName(finished.task().kind()));
      moa::WriteTask("task", finished, tasks, out);
      return "task_finished";
    }
    case v1::JobEvent::kDegraded:
      out.Count("layer", event.degraded().layer());
      out.Count("round", event.degraded().round());
      out.Text("reason", event.degraded().reason());
      return "degraded";
    case v1::JobEvent::kEnded:
      return WriteEnded(event.ended(), out);
    case v1::JobEvent::KIND_NOT_SET:
      break;
  }
  return "other";
}

}  // namespace

EventText EventTextOf(const v1::WatchUpdate& update, const TaskIds& tasks) {
  EventText text;
  ObjectWriter out;
  out.BeginObject();
  if (update.has_event()) {
    text.name = WriteStored(update.event(), tasks, out);
  } else if (update.has_task_started()) {
    text.name = "task_started";
    WriteTaskId(update.task_started().task(), out);
    out.Count("attempt", update.task_started().attempt());
    out.Text("worker", update.task_started().worker());
  } else {
    const v1::TaskDelta& delta = update.task_delta();
    text.name = "task_delta";
    WriteTaskId(delta.task(), out);
    out.Count("attempt", delta.attempt());
    out.Count("content_offset", delta.content_offset());
    out.Text("content", delta.content());
    out.Count("reasoning_offset", delta.reasoning_offset());
    out.Text("reasoning", delta.reasoning());
  }
  out.EndObject();
  text.json = out.Take();
  return text;
}

}  // namespace moa::gateway
