#include "client/moactl/progress_lines.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/moactl/names.h"
#include "common/base/display_text.h"

namespace moa {
namespace {

Span StateSpan(v1::TaskState state) {
  switch (state) {
    case v1::TASK_STATE_RUNNING:
      return {"running", Style::kYellow};
    case v1::TASK_STATE_SUCCEEDED:
      return {"done", Style::kGreen};
    case v1::TASK_STATE_FAILED:
      return {"failed", Style::kRed};
    case v1::TASK_STATE_CANCELLED:
      return {"cancelled", Style::kDim};
    case v1::TASK_STATE_SKIPPED:
      return {"skipped", Style::kDim};
    default:
      return {"waiting", Style::kDim};
  }
}

// Of a layer's stages, which one it is; "" for the agents themselves.
absl::string_view WhoOf(v1::StageKind kind) {
  if (kind == v1::STAGE_KIND_CRITIQUE) return " critics";
  return kind == v1::STAGE_KIND_ROUTE ? " router" : "";
}

std::string LayerTitle(const ProgressModel& model, const LayerProgress& layer) {
  if (model.layers_total() > 0 && layer.layer == model.layers_total()) return "aggregator";
  std::string title = absl::StrCat("layer ", layer.layer);
  if (model.layers_total() > 2) absl::StrAppend(&title, "/", model.layers_total() - 1);
  const uint32_t rounds = model.rounds_total(layer.layer);
  if (rounds > 1 || layer.round > 1) {
    absl::StrAppend(&title, "  round ", layer.round);
    if (rounds > 0) absl::StrAppend(&title, "/", rounds);
  }
  absl::StrAppend(&title, WhoOf(layer.kind));
  return title;
}

// "1,950 tok/s", or nothing where a speed would mean nothing.
std::string Speed(uint64_t tokens, double seconds, absl::string_view mark) {
  if (tokens == 0 || seconds < 0.001) return "";
  return absl::StrCat(
      mark, WithThousands(static_cast<uint64_t>(static_cast<double>(tokens) / seconds)), " tok/s");
}

StyledLine TaskCells(const TaskProgress& task, absl::Time now) {
  std::string tokens;
  std::string speed;
  std::string time;
  if (task.state == v1::TASK_STATE_RUNNING) {
    const uint64_t estimate = EstimatedTokens(task.content_bytes + task.reasoning_bytes);
    if (estimate > 0) {
      tokens = absl::StrCat("~", WithThousands(estimate), " tok");
      speed = Speed(estimate, absl::ToDoubleSeconds(now - task.first_token), "~");
    }
    time = ShortDuration(now - task.started);
  } else if (task.run_us > 0) {
    const double run = static_cast<double>(task.run_us) / 1e6;
    if (task.state == v1::TASK_STATE_SUCCEEDED) {
      tokens = absl::StrCat(WithThousands(task.completion_tokens), " tok");
      speed = Speed(task.completion_tokens, run - static_cast<double>(task.ttft_us) / 1e6, "");
    }
    time = ShortDuration(absl::Microseconds(task.run_us));
  }
  std::string note = task.attempt > 1 ? absl::StrCat("attempt ", task.attempt) : "";
  if (!task.error.empty()) absl::StrAppend(&note, note.empty() ? "" : ", ", OneLine(task.error));
  return {{TaskName(task.id)},
          {OneLine(task.model), Style::kDim},
          StateSpan(task.state),
          {tokens},
          {speed},
          {time},
          {note, Style::kDim}};
}

StyledLine Heading(const ProgressModel& model, absl::Time now) {
  StyledLine line = {{model.name().empty() ? "job" : OneLine(model.name()), Style::kBold},
                     {absl::StrCat("  ", model.job_id(), "  ")},
                     {StateName(model.state()), StyleOf(model.state())},
                     {absl::StrCat("  ", ShortDuration(model.Elapsed(now)))}};
  if (model.tasks_total() > 0) {
    line.push_back(
        {absl::StrCat("  ", model.tasks_finished(), "/", model.tasks_total(), " calls")});
  }
  if (model.degraded()) line.push_back({"  degraded", Style::kYellow});
  return line;
}

bool IsDone(const LayerProgress& layer) {
  return std::all_of(layer.tasks.begin(), layer.tasks.end(), [](const TaskProgress& task) {
    return task.state != v1::TASK_STATE_RUNNING && task.state != v1::TASK_STATE_QUEUED;
  });
}

StyledLine LayerSummary(const ProgressModel& model, const LayerProgress& layer) {
  const auto good = std::count_if(
      layer.tasks.begin(), layer.tasks.end(),
      [](const TaskProgress& task) { return task.state == v1::TASK_STATE_SUCCEEDED; });
  const bool all = good == static_cast<std::ptrdiff_t>(layer.tasks.size());
  return {{LayerTitle(model, layer)},
          {absl::StrCat("  ", good, "/", layer.tasks.size(), " done"),
           all ? Style::kGreen : Style::kYellow}};
}

void AppendLayers(const ProgressModel& model, absl::Time now, bool shrink_finished,
                  std::vector<StyledLine>& lines) {
  // One table for all layers, so that the columns stand in line.
  TextTable table({3, 4, 5});
  for (const LayerProgress& layer : model.layers()) {
    if (shrink_finished && IsDone(layer)) continue;
    for (const TaskProgress& task : layer.tasks) table.Add(TaskCells(task, now));
  }
  std::vector<StyledLine> rows = table.Lines("  ");
  size_t next = 0;
  for (const LayerProgress& layer : model.layers()) {
    if (shrink_finished && IsDone(layer)) {
      lines.push_back(LayerSummary(model, layer));
      continue;
    }
    lines.push_back({{LayerTitle(model, layer)}});
    for (size_t i = 0; i < layer.tasks.size(); ++i) lines.push_back(std::move(rows[next++]));
  }
}

std::string Where(const ProgressModel& model, uint32_t layer, uint32_t round,
                  v1::StageKind kind = v1::STAGE_KIND_UNSPECIFIED) {
  if (model.layers_total() > 0 && layer == model.layers_total()) return "aggregator";
  return absl::StrCat("layer ", layer, " round ", round, WhoOf(kind));
}

std::string FinishedLine(const ProgressModel& model, const v1::TaskResult& result) {
  std::string line = absl::StrCat(
      Where(model, result.task().layer(), result.task().round(), result.task().kind()), ": ",
      TaskName(result.task()), " (", OneLine(result.model()), ") ", StateSpan(result.state()).text);
  if (result.state() == v1::TASK_STATE_SUCCEEDED) {
    absl::StrAppend(&line, ", ", WithThousands(result.completion().usage().completion_tokens()),
                    " tokens in ", ShortDuration(absl::Microseconds(result.run_us())));
  } else {
    absl::StrAppend(&line, ": ", OneLine(result.error().message()));
  }
  if (result.attempts() > 1) absl::StrAppend(&line, " (", result.attempts(), " attempts)");
  return line;
}

std::string EndedLine(const v1::JobEnded& ended) {
  std::string line = absl::StrCat("job ", StateName(ended.state()), " after ",
                                  ShortDuration(absl::Microseconds(ended.latency_us())));
  if (ended.has_error()) {
    absl::StrAppend(&line, ": ", ErrorName(ended.error().code()), ": ",
                    OneLine(ended.error().message()));
  }
  return line;
}

}  // namespace

std::vector<StyledLine> ProgressLines(const ProgressModel& model, absl::Time now,
                                      size_t lines_max) {
  std::vector<StyledLine> lines;
  for (const bool shrink_finished : {false, true}) {
    lines = {Heading(model, now)};
    AppendLayers(model, now, shrink_finished, lines);
    if (lines.size() <= lines_max) return lines;
  }
  if (lines_max < 2) {
    lines.resize(lines_max);
    return lines;
  }
  // The newest layer is what moves: keep the end, and say what is left out.
  const size_t hidden = lines.size() - lines_max + 1;
  lines.erase(lines.begin() + 1, lines.begin() + 1 + static_cast<std::ptrdiff_t>(hidden));
  lines.insert(lines.begin() + 1, {{absl::StrCat("… ", hidden, " lines more"), Style::kDim}});
  return lines;
}

std::optional<std::string> ProgressLogLine(const ProgressModel& model,
                                           const v1::WatchUpdate& update) {
  if (update.has_task_started() && update.task_started().attempt() > 1) {
    const v1::TaskStarted& started = update.task_started();
    return absl::StrCat(
        Where(model, started.task().layer(), started.task().round(), started.task().kind()), ": ",
        TaskName(started.task()), " attempt ", started.attempt());
  }
  const v1::JobEvent& event = update.event();
  switch (event.kind_case()) {
    case v1::JobEvent::kAccepted:
      return absl::StrCat("job ", model.job_id(), " accepted");
    case v1::JobEvent::kLayerStarted: {
      const v1::LayerStarted& started = event.layer_started();
      std::string line = absl::StrCat(
          Where(model, started.layer(), started.round(), started.kind()), ": started, ",
          started.tasks_size(), started.tasks_size() == 1 ? " call" : " calls");
      for (const std::string& note : started.notes()) absl::StrAppend(&line, "; ", OneLine(note));
      return line;
    }
    case v1::JobEvent::kTaskFinished:
      return FinishedLine(model, event.task_finished());
    case v1::JobEvent::kDegraded:
      return absl::StrCat(Where(model, event.degraded().layer(), event.degraded().round()),
                          ": degraded, ", event.degraded().survivors(), " answers, ",
                          event.degraded().failed(), " lost: ", OneLine(event.degraded().reason()));
    case v1::JobEvent::kEnded:
      return EndedLine(event.ended());
    case v1::JobEvent::KIND_NOT_SET:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace moa
