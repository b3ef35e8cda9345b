#include "client/moactl/job_report.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/moactl/names.h"
#include "common/base/display_text.h"

namespace moa {
namespace {

std::string FromMicros(uint64_t us) { return ShortDuration(absl::Microseconds(us)); }

Style StyleOfTask(v1::TaskState state) {
  if (state == v1::TASK_STATE_SUCCEEDED) return Style::kGreen;
  return state == v1::TASK_STATE_FAILED ? Style::kRed : Style::kDim;
}

std::string Speed(const v1::TaskResult& task) {
  const uint64_t tokens = task.completion().usage().completion_tokens();
  if (tokens == 0 || task.run_us() <= task.ttft_us()) return "";
  return WithThousands(tokens * 1'000'000 / (task.run_us() - task.ttft_us()));
}

// What a critic said of how many, or what was said of an answer: "8.5 accepted", "2 of 4 accepted, mean 6.1".
std::string Judged(const v1::TaskResult& task) {
  if (!task.verdicts().empty()) {
    double sum = 0;
    int accepted = 0;
    for (const v1::Verdict& verdict : task.verdicts()) {
      sum += verdict.score();
      accepted += verdict.accept() ? 1 : 0;
    }
    if (task.verdicts_size() == 1) {
      return absl::StrFormat("%.1f %s", sum, accepted > 0 ? "accept" : "reject");
    }
    return absl::StrFormat("%d of %d, mean %.1f", accepted, task.verdicts_size(),
                           sum / task.verdicts_size());
  }
  if (!task.has_score()) return "";
  return absl::StrFormat("%.1f%s", task.score(), task.accepted() ? "" : " rejected");
}

// "42%", or nothing for what has no share, as the aggregator and what failed.
std::string Share(const v1::TaskResult& task) {
  if (!task.has_share_of_answer()) return "";
  return absl::StrFormat("%.0f%%", task.share_of_answer() * 100);
}

// "1.2", and "1.2 critique" or "1.2 route" for what a layer does besides.
std::string StageName(const v1::LayerResult& layer) {
  std::string name = absl::StrCat(layer.layer(), ".", layer.round());
  const bool besides =
      layer.kind() == v1::STAGE_KIND_CRITIQUE || layer.kind() == v1::STAGE_KIND_ROUTE;
  if (besides) absl::StrAppend(&name, " ", KindName(layer.kind()));
  return name;
}

// `judged`: the job has critics, whose verdicts are shown.
StyledLine Row(const v1::LayerResult& layer, const v1::TaskResult& task, const TaskIds& ids,
               bool judged) {
  const v1::Usage& usage = task.completion().usage();
  StyledLine row = {{StageName(layer)},
                    {TaskName(task.task(), ids)},
                    {OneLine(task.model()), Style::kDim},
                    {StateName(task.state()), StyleOfTask(task.state())},
                    {absl::StrCat(task.attempts())},
                    {FromMicros(task.queue_us())},
                    {FromMicros(task.run_us())},
                    {task.ttft_us() > 0 ? FromMicros(task.ttft_us()) : ""},
                    {WithThousands(usage.prompt_tokens())},
                    {WithThousands(usage.completion_tokens())},
                    {Speed(task)},
                    {Share(task)}};
  if (judged) {
    row.push_back({Judged(task)});
    row.push_back({task.handed_on() ? "handed on" : ""});
  }
  return row;
}

// The longest accepted call of a layer, and how long the layer's calls waited at most.
StyledLine LayerTime(const v1::LayerResult& layer, bool aggregates, const TaskIds& ids) {
  const v1::TaskResult* longest = nullptr;
  uint64_t queue_us = 0;
  for (const v1::TaskResult& task : layer.tasks()) {
    queue_us = std::max<uint64_t>(queue_us, task.queue_us());
    if (task.state() != v1::TASK_STATE_SUCCEEDED) continue;
    if (longest == nullptr || task.run_us() > longest->run_us()) longest = &task;
  }
  const absl::string_view who = layer.kind() == v1::STAGE_KIND_CRITIQUE ? " critics"
                                : layer.kind() == v1::STAGE_KIND_ROUTE  ? " router"
                                                                        : "";
  const std::string name =
      aggregates ? "aggregator"
                 : absl::StrCat("layer ", layer.layer(), " round ", layer.round(), who);
  return {{name},
          {longest == nullptr ? "-" : FromMicros(longest->run_us())},
          {longest == nullptr ? "no call succeeded"
                              : absl::StrCat("longest call: ", TaskName(longest->task(), ids))},
          {absl::StrCat("queue up to ", FromMicros(queue_us)), Style::kDim}};
}

void Append(std::vector<StyledLine> lines, std::vector<StyledLine>& out) {
  for (StyledLine& line : lines) out.push_back(std::move(line));
}

// Results of earlier versions say no kind: there the aggregator's stage is the last one of a job that has ended.
bool Aggregates(const v1::Job& job, int stage) {
  const v1::StageKind kind = job.layers(stage).kind();
  if (kind != v1::STAGE_KIND_UNSPECIFIED) return kind == v1::STAGE_KIND_AGGREGATE;
  return IsTerminal(job.state()) && stage > 0 && stage + 1 == job.layers_size();
}

void AppendTimes(const v1::Job& job, const TaskIds& ids, std::vector<StyledLine>& out) {
  const uint64_t added = job.latency_us() - std::min(job.latency_us(), job.critical_path_us());
  TextTable table({1});
  for (int i = 0; i < job.layers_size(); ++i) {
    table.Add(LayerTime(job.layers(i), Aggregates(job, i), ids));
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
  const bool judged = std::any_of(
      job.layers().begin(), job.layers().end(),
      [](const v1::LayerResult& layer) { return layer.kind() == v1::STAGE_KIND_CRITIQUE; });
  if (judged) header.push_back({"judged", Style::kBold});
  table.Add(std::move(header));
  const TaskIds ids = TaskIdsOf(job);
  for (const v1::LayerResult& layer : job.layers()) {
    for (const v1::TaskResult& task : layer.tasks()) table.Add(Row(layer, task, ids, judged));
  }
  std::vector<StyledLine> out = table.Lines();
  for (const v1::LayerResult& layer : job.layers()) {
    for (const std::string& note : layer.notes()) {
      out.push_back({{absl::StrCat(layer.layer(), ".", layer.round(), " ", KindName(layer.kind()),
                                   ": ", OneLine(note)),
                      Style::kDim}});
    }
  }
  for (const std::string& reason : job.degradations()) {
    out.push_back({{absl::StrCat("degraded: ", OneLine(reason)), Style::kYellow}});
  }
  out.push_back({{"where the time went", Style::kBold}});
  AppendTimes(job, ids, out);
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
