#include "client/moactl/job_report.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/moactl/display_text.h"
#include "client/moactl/names.h"

namespace moa {
namespace {

std::string FromMicros(uint64_t us) { return ShortDuration(absl::Microseconds(us)); }

Style StyleOf(v1::TaskState state) {
  if (state == v1::TASK_STATE_SUCCEEDED) return Style::kGreen;
  return state == v1::TASK_STATE_FAILED ? Style::kRed : Style::kDim;
}

std::string Speed(const v1::TaskResult& task) {
  const uint64_t tokens = task.completion().usage().completion_tokens();
  if (tokens == 0 || task.run_us() <= task.ttft_us()) return "";
  return WithThousands(tokens * 1'000'000 / (task.run_us() - task.ttft_us()));
}

// "42%", or nothing for what has no share, as the aggregator and what failed.
std::string Share(const v1::TaskResult& task) {
  if (!task.has_share_of_answer()) return "";
  return absl::StrFormat("%.0f%%", task.share_of_answer() * 100);
}

StyledLine Row(const v1::LayerResult& layer, const v1::TaskResult& task) {
  const v1::Usage& usage = task.completion().usage();
  return {{absl::StrCat(layer.layer(), ".", layer.round())},
          {TaskName(task.task())},
          {OneLine(task.model()), Style::kDim},
          {StateName(task.state()), StyleOf(task.state())},
          {absl::StrCat(task.attempts())},
          {FromMicros(task.queue_us())},
          {FromMicros(task.run_us())},
          {task.ttft_us() > 0 ? FromMicros(task.ttft_us()) : ""},
          {WithThousands(usage.prompt_tokens())},
          {WithThousands(usage.completion_tokens())},
          {Speed(task)},
          {Share(task)}};
}

// The longest accepted call of a layer, and how long the layer's calls waited at most.
StyledLine LayerTime(const v1::LayerResult& layer, bool last) {
  const v1::TaskResult* longest = nullptr;
  uint64_t queue_us = 0;
  for (const v1::TaskResult& task : layer.tasks()) {
    queue_us = std::max<uint64_t>(queue_us, task.queue_us());
    if (task.state() != v1::TASK_STATE_SUCCEEDED) continue;
    if (longest == nullptr || task.run_us() > longest->run_us()) longest = &task;
  }
  const std::string name =
      last ? "aggregator" : absl::StrCat("layer ", layer.layer(), " round ", layer.round());
  return {{name},
          {longest == nullptr ? "-" : FromMicros(longest->run_us())},
          {longest == nullptr ? "no call succeeded"
                              : absl::StrCat("longest call: ", TaskName(longest->task()))},
          {absl::StrCat("queue up to ", FromMicros(queue_us)), Style::kDim}};
}

void Append(std::vector<StyledLine> lines, std::vector<StyledLine>& out) {
  for (StyledLine& line : lines) out.push_back(std::move(line));
}

void AppendTimes(const v1::Job& job, std::vector<StyledLine>& out) {
  const uint64_t added = job.latency_us() - std::min(job.latency_us(), job.critical_path_us());
  TextTable table({1});
  for (int i = 0; i < job.layers_size(); ++i) {
    table.Add(
        LayerTime(job.layers(i), IsTerminal(job.state()) && i > 0 && i + 1 == job.layers_size()));
  }
  const double share = job.latency_us() == 0 ? 0
                                             : 100.0 * static_cast<double>(added) /
                                                   static_cast<double>(job.latency_us());
  table.Add({{"critical path", Style::kBold},
             {FromMicros(job.critical_path_us())},
             {"sum of the longest calls"}});
  table.Add({{"added", Style::kBold},
             {FromMicros(added)},
             {absl::StrFormat("queueing, retries, dispatch (%.1f%% of the latency)", share)}});
  table.Add(
      {{"latency", Style::kBold}, {FromMicros(job.latency_us())}, {"from acceptance to the end"}});
  Append(table.Lines("  "), out);
}

// "budget: 1,200 of 200,000 tokens, 5 of 40 calls, $0.0100 of $0.5000"
std::string BudgetLine(const v1::Job& job) {
  const v1::Budget& budget = job.spec().budget();
  std::vector<std::string> parts;
  if (budget.has_max_total_tokens()) {
    parts.push_back(absl::StrCat(WithThousands(job.usage().tokens().total_tokens()), " of ",
                                 WithThousands(budget.max_total_tokens()), " tokens"));
  }
  if (budget.has_max_upstream_calls()) {
    parts.push_back(
        absl::StrCat(job.usage().upstream_calls(), " of ", budget.max_upstream_calls(), " calls"));
  }
  if (budget.has_max_cost_usd()) {
    parts.push_back(
        absl::StrFormat("$%.4f of $%.4f", job.usage().cost_usd(), budget.max_cost_usd()));
  }
  return absl::StrCat("budget: ", absl::StrJoin(parts, ", "));
}

}  // namespace

std::vector<StyledLine> JobReport(const v1::Job& job) {
  TextTable table({4, 5, 6, 7, 8, 9, 10, 11});
  StyledLine header;
  for (const char* title : {"layer", "agent", "model", "state", "calls", "queue", "run", "ttft",
                            "prompt", "reply", "tok/s", "share"}) {
    header.push_back({title, Style::kBold});
  }
  table.Add(std::move(header));
  for (const v1::LayerResult& layer : job.layers()) {
    for (const v1::TaskResult& task : layer.tasks()) table.Add(Row(layer, task));
  }
  std::vector<StyledLine> out = table.Lines();
  for (const std::string& reason : job.degradations()) {
    out.push_back({{absl::StrCat("degraded: ", OneLine(reason)), Style::kYellow}});
  }
  out.push_back({{"where the time went", Style::kBold}});
  AppendTimes(job, out);
  const v1::Usage& tokens = job.usage().tokens();
  out.push_back({{absl::StrCat(
      job.usage().upstream_calls(), " calls, ", WithThousands(tokens.prompt_tokens()),
      " prompt tokens (", WithThousands(tokens.cached_tokens()), " cached), ",
      WithThousands(tokens.completion_tokens()), " completion tokens",
      job.usage().cost_usd() > 0 ? absl::StrFormat(", $%.4f", job.usage().cost_usd()) : "")}});
  if (job.spec().has_budget()) out.push_back({{BudgetLine(job)}});
  return out;
}

}  // namespace moa
