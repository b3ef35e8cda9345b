#include "client/moactl/trace_chart.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/moactl/names.h"
#include "common/base/display_text.h"

namespace moa {
namespace {

enum class Phase { kNone, kWaiting, kFailed, kToFirstToken, kAnswering, kRecording, kOut };

struct Look {
  const char* mark;
  Style style;
  const char* meaning;
};

Look LookOf(Phase phase) {
  switch (phase) {
    case Phase::kNone:
      return {" ", Style::kPlain, ""};
    case Phase::kWaiting:
      return {"·", Style::kDim, "waiting"};
    case Phase::kFailed:
      return {"x", Style::kRed, "failed attempt"};
    case Phase::kToFirstToken:
      return {"░", Style::kYellow, "until the first token"};
    case Phase::kAnswering:
      return {"█", Style::kGreen, "answering"};
    case Phase::kRecording:
      return {"-", Style::kDim, "until recorded"};
    case Phase::kOut:
      return {"~", Style::kYellow, "end not known"};
  }
  return {" ", Style::kPlain, ""};
}

Phase PhaseAt(const TaskTrace& task, absl::Duration time) {
  if (time < task.begin || time >= task.end) return Phase::kNone;
  if (task.may_be_out()) return Phase::kOut;
  if (!task.call || time < task.call->begin) {
    const bool failed = std::any_of(
        task.failed.begin(), task.failed.end(),
        [&](const FailedCallTrace& call) { return time >= call.begin && time < call.end; });
    return failed ? Phase::kFailed : Phase::kWaiting;
  }
  if (time >= task.call->end) return Phase::kRecording;
  const bool before = task.call->first_token && time < *task.call->first_token;
  return before ? Phase::kToFirstToken : Phase::kAnswering;
}

// What came of the task, shortly: "600 ms", "failed ×3", "1.2 s ×2 hedged".
std::string NoteOn(const TaskTrace& task) {
  std::string note;
  switch (task.state) {
    case v1::TASK_STATE_SUCCEEDED:
      note = task.call ? ShortDuration(task.call->end - task.call->begin) : "no call";
      break;
    case v1::TASK_STATE_FAILED:
      note = "failed";
      break;
    case v1::TASK_STATE_CANCELLED:
      note = "cancelled";
      break;
    case v1::TASK_STATE_SKIPPED:
      note = "skipped";
      break;
    case v1::TASK_STATE_RUNNING:
      note = "running";
      break;
    default:
      note = "waiting";
  }
  if (task.attempts > 1) absl::StrAppend(&note, " ×", task.attempts);
  if (task.hedged) absl::StrAppend(&note, " hedged");
  return note;
}

// A task's name in exactly `width` columns. Samples are told apart by the number at its end, which
// stays: "feasibility of p… #12".
std::string NameColumn(absl::string_view name, size_t width) {
  const size_t begin = std::min(name.rfind(" #"), name.size());
  const absl::string_view number = name.substr(begin);
  std::string out =
      number.size() < width
          ? absl::StrCat(FitWidth(name.substr(0, begin), width - number.size()), number)
          : FitWidth(name, width);
  return absl::StrCat(out, std::string(width - DisplayWidth(out), ' '));
}

class Chart {
 public:
  Chart(const JobTrace& trace, size_t width)
      : trace_(trace), span_(std::max(trace.latency, absl::Microseconds(1))) {
    size_t notes = 0;
    for (const StageTrace& stage : trace.stages) {
      for (const TaskTrace& task : stage.tasks) {
        names_ = std::max(names_, DisplayWidth(task.name));
        notes = std::max(notes, DisplayWidth(NoteOn(task)));
      }
    }
    names_ = std::min(names_, width / 4);
    notes_ = std::min(notes, width / 4);
    const size_t besides = 2 + names_ + 1 + 1 + notes_;
    cells_ = width > besides + kCellsMin ? width - besides : kCellsMin;
  }

  std::vector<StyledLine> Lines() const {
    std::vector<StyledLine> lines = {Axis()};
    for (const StageTrace& stage : trace_.stages) {
      lines.push_back({{StageTitle(stage), Style::kBold},
                       {absl::StrCat("  ", ShortDuration(stage.end - stage.begin)), Style::kDim}});
      for (const TaskTrace& task : stage.tasks) lines.push_back(Row(task));
    }
    return lines;
  }

 private:
  static constexpr size_t kCellsMin = 10;

  size_t CellOf(absl::Duration time) const {
    const int64_t cell = time * static_cast<int64_t>(cells_) / span_;
    return std::min(static_cast<size_t>(cell), cells_ - 1);
  }

  StyledLine Axis() const {
    // A tick in eight columns at most, so that its label fits.
    const double span_ms = absl::ToDoubleMilliseconds(span_);
    const double step_min = span_ms * 8 / static_cast<double>(cells_);
    const double decade = std::pow(10, std::floor(std::log10(step_min)));
    double step = decade;
    for (const double factor : {2, 5, 10}) {
      if (step < step_min) step = decade * factor;
    }
    std::string axis(cells_, ' ');
    for (int i = 0; i * step <= span_ms; ++i) {
      const double ms = i * step;
      const std::string label = i == 0             ? "|0"
                                : span_ms < 10'000 ? absl::StrFormat("|%g ms", ms)
                                                   : absl::StrFormat("|%g s", ms / 1000);
      const size_t at = CellOf(absl::Milliseconds(ms));
      if (at + label.size() <= cells_) axis.replace(at, label.size(), label);
    }
    return {{absl::StrCat(std::string(2 + names_ + 1, ' '), axis), Style::kDim}};
  }

  std::vector<Phase> PhasesOf(const TaskTrace& task) const {
    std::vector<Phase> phases(cells_);
    bool has_call = false;
    bool is_empty = true;
    for (size_t i = 0; i < cells_; ++i) {
      const auto middle = static_cast<int64_t>(2 * i + 1);
      phases[i] = PhaseAt(task, span_ * middle / static_cast<int64_t>(2 * cells_));
      has_call = has_call || phases[i] == Phase::kToFirstToken || phases[i] == Phase::kAnswering;
      is_empty = is_empty && phases[i] == Phase::kNone;
    }
    // What is shorter than a cell is shown all the same.
    if (task.call && !has_call) {
      phases[CellOf(task.call->begin)] = Phase::kAnswering;
    } else if (is_empty) {
      phases[CellOf(task.begin)] = task.may_be_out() ? Phase::kOut : Phase::kWaiting;
    }
    return phases;
  }

  StyledLine Row(const TaskTrace& task) const {
    const bool failed = task.state == v1::TASK_STATE_FAILED;
    StyledLine line = {{absl::StrCat(task.is_critical ? "* " : "  ", NameColumn(task.name, names_)),
                        task.is_critical ? Style::kBold : Style::kPlain},
                       {" "}};
    for (const Phase phase : PhasesOf(task)) {
      Look look = LookOf(phase);
      if (phase == Phase::kAnswering && failed) look.style = Style::kRed;
      if (line.size() == 2 || line.back().style != look.style) line.push_back({"", look.style});
      line.back().text += look.mark;
    }
    line.push_back(
        {absl::StrCat(" ", FitWidth(NoteOn(task), notes_)), failed ? Style::kRed : Style::kPlain});
    return line;
  }

  const JobTrace& trace_;
  const absl::Duration span_;  // of the axis; never zero
  size_t names_ = 0;           // columns of each part
  size_t cells_ = 0;
  size_t notes_ = 0;
};

// With as much of the job's name as there is room for.
StyledLine Heading(const JobTrace& trace, size_t width) {
  StyledLine line = {{absl::StrCat("job ", OneLine(trace.job_id), " ")},
                     {StateName(trace.state), StyleOf(trace.state)}};
  if (trace.degraded) line.push_back({" (degraded)", Style::kYellow});
  line.push_back(
      {absl::StrCat(IsTerminal(trace.state) ? " after " : " for ", ShortDuration(trace.latency))});
  size_t used = 2;
  for (const Span& span : line) used += DisplayWidth(span.text);
  if (!trace.name.empty() && used < width) {
    line.push_back({absl::StrCat("  ", FitWidth(OneLine(trace.name), width - used)), Style::kBold});
  }
  return line;
}

bool HasFailedAttempt(const JobTrace& trace) {
  for (const StageTrace& stage : trace.stages) {
    for (const TaskTrace& task : stage.tasks) {
      if (!task.failed.empty()) return true;
    }
  }
  return false;
}

// What the marks mean, in as many lines as it takes.
void AppendLegend(const JobTrace& trace, size_t width, std::vector<StyledLine>& lines) {
  std::vector<std::string> items;
  for (const Phase phase : {Phase::kWaiting, Phase::kFailed, Phase::kToFirstToken,
                            Phase::kAnswering, Phase::kRecording, Phase::kOut}) {
    if (phase == Phase::kFailed && !HasFailedAttempt(trace)) continue;
    items.push_back(absl::StrCat(LookOf(phase).mark, " ", LookOf(phase).meaning));
  }
  items.emplace_back("* longest call of its stage");
  std::string line;
  for (const std::string& item : items) {
    if (!line.empty() && DisplayWidth(line) + 2 + DisplayWidth(item) > width) {
      lines.push_back({{std::exchange(line, ""), Style::kDim}});
    }
    absl::StrAppend(&line, line.empty() ? "" : "  ", item);
  }
  lines.push_back({{line, Style::kDim}});
}

void AppendSums(const JobTrace& trace, size_t width, std::vector<StyledLine>& lines) {
  TextTable table({1, 2});
  const auto add = [&](const char* what, absl::Duration time, const char* note) {
    const double share =
        trace.latency > absl::ZeroDuration() ? 100 * absl::FDivDuration(time, trace.latency) : 0;
    StyledLine row = {{what},
                      {absl::StrFormat("%.1f ms", absl::ToDoubleMilliseconds(time))},
                      {absl::StrFormat("%.1f%%", share)}};
    // Where there is room for it.
    if (width >= 80) row.push_back({note, Style::kDim});
    table.Add(std::move(row));
  };
  const TraceSums& sums = trace.sums;
  add("queueing", sums.queueing, "until these calls were sent, with retries");
  add("calls", sums.calls, "the longest of each stage");
  add("  first token", sums.first_token, "of the calls");
  if (sums.stragglers > absl::ZeroDuration()) {
    add("stragglers", sums.stragglers, "other calls that were over later");
  }
  if (sums.unfinished > absl::ZeroDuration()) {
    add("unfinished", sums.unfinished, "a stage with calls whose end is not known");
  }
  add("added", sums.added, "by the system: all the rest");
  add("latency", trace.latency, "since acceptance");
  lines.push_back({{"where the time went", Style::kBold}});
  for (StyledLine& line : table.Lines("  ")) lines.push_back(std::move(line));
}

}  // namespace

std::vector<StyledLine> TraceChart(const JobTrace& trace, size_t width) {
  std::vector<StyledLine> lines = {Heading(trace, width)};
  for (StyledLine& line : Chart(trace, width).Lines()) lines.push_back(std::move(line));
  AppendLegend(trace, width, lines);
  AppendSums(trace, width, lines);
  return lines;
}

}  // namespace moa
