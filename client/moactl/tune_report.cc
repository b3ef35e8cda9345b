#include "client/moactl/tune_report.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/json/job_json.h"
#include "client/json/object_writer.h"
#include "client/json/yaml_text.h"
#include "client/tuner/history.h"
#include "common/base/display_text.h"
#include "common/document/document.h"

namespace moa {
namespace {

constexpr size_t kRankingShown = 5;

std::string Points(double value) { return absl::StrFormat("%.1f", value); }
std::string Dollars(double value) { return absl::StrFormat("$%.4f", value); }
std::string Tokens(double value) {
  return WithThousands(static_cast<uint64_t>(std::llround(value)));
}

std::string IntervalText(const Standing& standing) {
  return absl::StrCat(Points(standing.interval.low), " to ", Points(standing.interval.high));
}

StyledLine Header(const std::vector<const char*>& titles) {
  StyledLine line;
  for (const char* title : titles) line.push_back({title, Style::kBold});
  return line;
}

std::string Difference(const Standing& standing, const TuneView& view) {
  return view.result.base ? DifferenceText(standing, *view.result.base) : std::string("-");
}

// Rows of configurations, the best one green.
void AddStandings(const std::vector<Standing>& standings, size_t count, const TuneView& view,
                  std::vector<StyledLine>& lines) {
  TextTable table({1, 2, 3, 4, 5, 6});
  table.Add(Header({"config", "runs", "mean", "95 % interval", "expected", "tokens", "cost",
                    "differs from the base in"}));
  for (size_t i = 0; i < std::min(count, standings.size()); ++i) {
    const Standing& standing = standings[i];
    const bool best = view.result.best && standing.config == view.result.best->config;
    table.Add({{standing.config, best ? Style::kGreen : Style::kPlain},
               {absl::StrCat(standing.runs)},
               {Points(standing.mean)},
               {IntervalText(standing), Style::kDim},
               {Points(standing.expected)},
               {Tokens(standing.tokens)},
               {Dollars(standing.cost_usd)},
               {OneLine(Difference(standing, view)), Style::kDim}});
  }
  for (StyledLine& line : table.Lines("  ")) lines.push_back(std::move(line));
}

std::string SpentText(const TuneView& view) {
  const StudySpent& spent = view.result.spent;
  return absl::StrCat(spent.trials, " of ", view.trials, " trials",
                      spent.failed > 0 ? absl::StrCat(" (", spent.failed, " failed)") : "", ", ",
                      WithThousands(spent.tokens), " tokens, ", Dollars(spent.cost_usd));
}

void AddAgents(const StudyResult& result, std::vector<StyledLine>& lines) {
  if (result.agents.empty()) return;
  lines.push_back({{"agents left out of the best configuration", Style::kBold}});
  TextTable table({0, 2, 3, 4});
  table.Add(Header({"round", "agent", "with", "without", "error", "verdict"}));
  for (const AblatedAgent& agent : result.agents) {
    table.Add(
        {{absl::StrCat(agent.round)},
         {OneLine(agent.agent)},
         {Points(agent.with * result.max)},
         {Points(agent.without * result.max)},
         {Points(agent.error * result.max)},
         {agent.dropped ? "dropped" : "stays", agent.dropped ? Style::kYellow : Style::kPlain}});
  }
  for (StyledLine& line : table.Lines("  ")) lines.push_back(std::move(line));
}

void WriteStanding(const char* key, const Standing& standing, ObjectWriter& out) {
  out.BeginObject(key);
  out.Text("config", standing.config);
  out.Number("mean", standing.mean);
  out.Number("low", standing.interval.low);
  out.Number("high", standing.interval.high);
  out.Number("expected", standing.expected);
  out.Count("runs", standing.runs);
  out.Number("tokens", standing.tokens);
  out.Number("cost_usd", standing.cost_usd);
  out.Number("latency_ms", standing.latency_ms);
  out.BeginObject("settings");
  for (const auto& [name, value] : standing.settings) out.Text(name.c_str(), value);
  out.EndObject();
  out.EndObject();
}

void WriteStandings(const char* key, const std::vector<Standing>& standings, ObjectWriter& out) {
  out.BeginArray(key);
  for (const Standing& standing : standings) WriteStanding(nullptr, standing, out);
  out.EndArray();
}

}  // namespace

std::string DifferenceText(const Standing& standing, const Standing& base) {
  std::vector<std::string> differences;
  for (const auto& [name, value] : standing.settings) {
    const auto there = base.settings.find(name);
    if (there != base.settings.end() && there->second == value) continue;
    if (there == base.settings.end() && absl::EndsWith(name, ".prompt") && value == "0") continue;
    if (absl::EndsWith(name, ".on")) {
      differences.push_back(absl::StrCat(name.substr(0, name.size() - 3), " dropped"));
    } else {
      differences.push_back(absl::StrCat(name, " ", value));
    }
  }
  return differences.empty() ? "nothing" : absl::StrJoin(differences, ", ");
}

std::vector<StyledLine> TuneProgressLines(const TuneView& view, absl::Duration elapsed,
                                          size_t rows_max) {
  std::vector<StyledLine> lines;
  lines.push_back({{absl::StrCat("study ", view.study), Style::kBold},
                   {absl::StrCat("  ", SpentText(view), ", ", ShortDuration(elapsed))}});
  if (!view.doing.empty()) lines.push_back({{OneLine(view.doing), Style::kDim}});
  if (!view.result.ranking.empty()) AddStandings(view.result.ranking, rows_max, view, lines);
  return lines;
}

std::string TuneTrialLine(const TuneView& view, const Trial& trial, const TrialResult& result) {
  std::string line = absl::StrCat("trial ", trial.number, " of ", view.trials, "  ", trial.config,
                                  "  ", PurposeName(trial.purpose), "  ");
  if (result.failure.empty()) {
    absl::StrAppend(&line, result.score, " of ", result.max);
  } else {
    absl::StrAppend(&line, "failed: ", OneLine(result.failure));
  }
  absl::StrAppend(&line, "  ", WithThousands(result.tokens), " tokens  ",
                  ShortDuration(absl::Microseconds(result.latency_ms * 1000)));
  if (!view.result.best) return line;
  const Standing& best = *view.result.best;
  return absl::StrCat(line, "  best ", best.config, " ", Points(best.mean), " in ", best.runs,
                      best.runs == 1 ? " run" : " runs");
}

std::vector<StyledLine> TuneResultLines(const TuneView& view, const TuneOutcome& outcome) {
  const StudyResult& result = view.result;
  std::vector<StyledLine> lines;
  lines.push_back({{absl::StrCat("study ", view.study, " ", outcome.state),
                    outcome.state == "DONE" ? Style::kGreen : Style::kYellow},
                   {absl::StrCat(": ", OneLine(outcome.reason))}});
  lines.push_back({{absl::StrCat("spent ", SpentText(view))}});
  if (!result.best) return lines;
  const Standing& best = *result.best;
  lines.push_back({{"best", Style::kBold},
                   {absl::StrCat("  ", best.config, "  ", Points(best.mean), " of ", result.max,
                                 " points in ", best.runs, best.runs == 1 ? " run" : " runs",
                                 ", 95 % interval ", IntervalText(best))}});
  if (result.base) {
    lines.push_back({{"base", Style::kBold},
                     {absl::StrCat("  ", result.base->config, "  ", Points(result.base->mean),
                                   " of ", result.max, " points in ", result.base->runs,
                                   result.base->runs == 1 ? " run" : " runs", ", 95 % interval ",
                                   IntervalText(*result.base))}});
  }
  lines.push_back({{"best expected scores", Style::kBold}});
  AddStandings(result.ranking, kRankingShown, view, lines);
  lines.push_back({{"score against tokens", Style::kBold}});
  AddStandings(result.front, result.front.size(), view, lines);
  AddAgents(result, lines);
  const RewriteCounts& rewrites = result.rewrites;
  if (rewrites.asked > 0) {
    lines.push_back({{absl::StrCat("prompts rewritten: ", rewrites.added, " new ones of ",
                                   rewrites.asked, " replies, ", rewrites.unusable, " unusable, ",
                                   rewrites.dropped, " edits dropped")}});
  }
  return lines;
}

std::string TuneJson(const TuneView& view, const TuneOutcome& outcome) {
  const StudyResult& result = view.result;
  ObjectWriter out;
  out.BeginObject();
  out.Text("study", view.study);
  out.Text("state", outcome.state);
  out.Text("reason", outcome.reason);
  out.Number("max", result.max);
  if (result.best) WriteStanding("best", *result.best, out);
  if (result.base) WriteStanding("base", *result.base, out);
  WriteStandings("front", result.front, out);
  WriteStandings("ranking", result.ranking, out);
  out.BeginArray("agents");
  for (const AblatedAgent& agent : result.agents) {
    out.BeginObject();
    out.Count("round", agent.round);
    out.Text("agent", agent.agent);
    out.Number("with", agent.with * result.max);
    out.Number("without", agent.without * result.max);
    out.Number("error", agent.error * result.max);
    out.Flag("dropped", agent.dropped);
    out.EndObject();
  }
  out.EndArray();
  out.BeginObject("rewriting");
  out.Count("replies", result.rewrites.asked);
  out.Count("unusable", result.rewrites.unusable);
  out.Count("prompts", result.rewrites.added);
  out.Count("dropped", result.rewrites.dropped);
  out.EndObject();
  out.BeginObject("spent");
  out.Count("trials", result.spent.trials);
  out.Count("trials_max", view.trials);
  out.Count("failed", result.spent.failed);
  out.Count("tokens", result.spent.tokens);
  out.Number("cost_usd", result.spent.cost_usd);
  out.EndObject();
  out.EndObject();
  return out.Take();
}

std::string BestJobFile(const TuneView& view, v1::JobSpec job, absl::string_view grader) {
  const Standing& best = *view.result.best;
  *job.mutable_moa() = view.result.moa;
  std::string text = absl::StrCat(
      "# Found by moactl tune, study ", view.study, ", configuration ", best.config, ", grader ",
      OneLine(grader), ".\n# ", Points(best.mean), " of ", view.result.max, " points in ",
      best.runs, best.runs == 1 ? " run" : " runs", "; 95 % interval ", IntervalText(best), ".\n# ",
      Tokens(best.tokens), " tokens and ", Dollars(best.cost_usd), " a run.\n");
  if (view.result.base) {
    absl::StrAppend(&text, "# The base had ", Points(view.result.base->mean), " points in ",
                    view.result.base->runs, view.result.base->runs == 1 ? " run" : " runs",
                    ". Differs from it in: ", OneLine(Difference(best, view)), ".\n");
  }
  const std::string json = JobSpecJson(job);
  Problems problems;
  const std::optional<Document> document = ReadJson(json, "job", problems);
  // What is too large for a document is JSON, which is YAML as well.
  return absl::StrCat(text, document ? YamlText(document->root) : absl::StrCat(json, "\n"));
}

}  // namespace moa
