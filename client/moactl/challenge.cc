#include "client/moactl/challenge.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "client/json/object_writer.h"
#include "common/base/display_text.h"
#include "common/grading/grade_json.h"

namespace moa {
namespace {

Style StyleOf(int score, int max) {
  if (score == max) return Style::kGreen;
  return score == 0 ? Style::kRed : Style::kYellow;
}

std::string Points(int score, int max) { return absl::StrCat(score, "/", max); }

double TokensOf(const Configuration& configuration) {
  double sum = 0;
  for (const Attempt& attempt : configuration.attempts) sum += static_cast<double>(attempt.tokens);
  return configuration.attempts.empty() ? 0
                                        : sum / static_cast<double>(configuration.attempts.size());
}

StyledLine TotalLine(const Grade& grade) {
  return {{Points(grade.total, grade.max), StyleOf(grade.total, grade.max)},
          {absl::StrCat("  ", grade.letter), Style::kBold},
          {grade.reason.empty() ? "" : absl::StrCat("  ", OneLine(grade.reason)), Style::kRed}};
}

// The means of each check over the attempts that were graded.
std::vector<StyledLine> MeanLines(const Configuration& configuration) {
  TextTable table({1});
  table.Add({{"CHECK"}, {"MEAN"}, {"LAST LOSS"}});
  for (const CheckGrade& check : configuration.best()->grade->checks) {
    double sum = 0;
    std::string loss;
    for (const Attempt& attempt : configuration.attempts) {
      if (!attempt.grade) continue;
      for (const CheckGrade& other : attempt.grade->checks) {
        if (other.id != check.id) continue;
        sum += other.score;
        if (other.score < other.max) loss = other.detail;
      }
    }
    const double mean = sum / static_cast<double>(configuration.graded());
    table.Add({{OneLine(check.id)},
               {absl::StrFormat("%.1f/%d", mean, check.max),
                StyleOf(static_cast<int>(std::floor(mean)), check.max)},
               {OneLine(loss), Style::kDim}});
  }
  return table.Lines();
}

void WriteGrade(const Grade& grade, ObjectWriter& out) {
  out.Count("total", static_cast<uint64_t>(grade.total));
  out.Count("max", static_cast<uint64_t>(grade.max));
  out.Text("grade", grade.letter);
  if (!grade.reason.empty()) out.Text("reason", grade.reason);
  out.BeginObject("checks");
  for (const CheckGrade& check : grade.checks) {
    out.BeginObject(check.id.c_str());
    out.Count("score", static_cast<uint64_t>(check.score));
    out.Count("max", static_cast<uint64_t>(check.max));
    out.Text("detail", check.detail);
    out.EndObject();
  }
  out.EndObject();
}

void WriteAttempt(const Attempt& attempt, ObjectWriter& out) {
  out.BeginObject();
  out.Text("job_id", attempt.job_id);
  if (!attempt.grading_job_id.empty()) out.Text("grading_job_id", attempt.grading_job_id);
  if (attempt.grade) WriteGrade(*attempt.grade, out);
  if (!attempt.error.empty()) out.Text("error", attempt.error);
  out.Count("tokens", attempt.tokens);
  out.Count("upstream_calls", attempt.calls);
  out.Number("cost_usd", attempt.cost_usd);
  out.Count("latency_ms", attempt.latency_ms);
  out.EndObject();
}

void WriteConfiguration(const Configuration& configuration, size_t rank, ObjectWriter& out) {
  out.BeginObject();
  if (rank > 0) out.Count("rank", rank);
  if (const Attempt* best = configuration.best()) WriteGrade(*best->grade, out);
  out.Text("name", configuration.name);
  if (!configuration.file.empty()) out.Text("file", configuration.file);
  if (configuration.best() != nullptr) {
    out.Number("mean", configuration.mean());
    out.Number("deviation", configuration.deviation());
  }
  out.BeginArray("attempts");
  for (const Attempt& attempt : configuration.attempts) WriteAttempt(attempt, out);
  out.EndArray();
  out.EndObject();
}

// RFC 4180.
std::string Csv(const std::vector<std::string>& cells) {
  return absl::StrCat(
      absl::StrJoin(
          cells, ",",
          [](std::string* out, const std::string& cell) {
            if (cell.find_first_of(",\"\r\n") == std::string::npos) {
              absl::StrAppend(out, cell);
            } else {
              absl::StrAppend(out, "\"", absl::StrReplaceAll(cell, {{"\"", "\"\""}}), "\"");
            }
          }),
      "\n");
}

}  // namespace

size_t Configuration::graded() const {
  return static_cast<size_t>(std::count_if(
      attempts.begin(), attempts.end(), [](const Attempt& one) { return one.grade.has_value(); }));
}

double Configuration::mean() const {
  double sum = 0;
  for (const Attempt& attempt : attempts) sum += attempt.grade ? attempt.grade->total : 0;
  return graded() == 0 ? 0 : sum / static_cast<double>(graded());
}

double Configuration::deviation() const {
  if (graded() < 2) return 0;
  double sum = 0;
  for (const Attempt& attempt : attempts) {
    if (attempt.grade) sum += std::pow(attempt.grade->total - mean(), 2);
  }
  return std::sqrt(sum / static_cast<double>(graded() - 1));
}

const Attempt* Configuration::best() const {
  const Attempt* best = nullptr;
  for (const Attempt& attempt : attempts) {
    if (!attempt.grade) continue;
    if (best == nullptr || attempt.grade->total > best->grade->total) best = &attempt;
  }
  return best;
}

void Rank(std::vector<Configuration>* configurations) {
  std::stable_sort(configurations->begin(), configurations->end(),
                   [](const Configuration& a, const Configuration& b) {
                     const bool a_has = a.graded() > 0;
                     const bool b_has = b.graded() > 0;
                     if (a_has != b_has) return a_has;
                     if (a.mean() != b.mean()) return a.mean() > b.mean();
                     if (TokensOf(a) != TokensOf(b)) return TokensOf(a) < TokensOf(b);
                     return a.name < b.name;
                   });
}

std::vector<StyledLine> GradeLines(const Grade& grade) {
  const auto& checks = grade.checks;
  const bool tell_one_thing = std::all_of(checks.begin(), checks.end(), [&](const CheckGrade& one) {
    return one.detail == checks[0].detail;
  });
  if (!grade.reason.empty() && tell_one_thing) return {TotalLine(grade)};
  TextTable table({1});
  table.Add({{"CHECK"}, {"POINTS"}, {"WHAT IT DID"}});
  for (const CheckGrade& check : grade.checks) {
    table.Add({{OneLine(check.id)},
               {Points(check.score, check.max), StyleOf(check.score, check.max)},
               {OneLine(check.detail), Style::kDim}});
  }
  std::vector<StyledLine> lines = table.Lines();
  lines.push_back(TotalLine(grade));
  return lines;
}

std::vector<StyledLine> RunLines(const Configuration& configuration) {
  std::vector<StyledLine> lines;
  if (configuration.attempts.size() == 1 && configuration.graded() == 1) {
    const Attempt& only = configuration.attempts[0];
    lines = GradeLines(*only.grade);
    lines.push_back({{absl::StrCat("job ", only.job_id, ", ", only.calls, " calls, ",
                                   WithThousands(only.tokens), " tokens, ",
                                   ShortDuration(absl::Milliseconds(only.latency_ms))),
                      Style::kDim}});
    return lines;
  }
  TextTable table({0, 1, 3, 4, 5});
  table.Add({{"ATTEMPT"}, {"POINTS"}, {"GRADE"}, {"CALLS"}, {"TOKENS"}, {"TIME"}, {"JOB"}});
  for (size_t i = 0; i < configuration.attempts.size(); ++i) {
    const Attempt& one = configuration.attempts[i];
    const bool graded = one.grade.has_value();
    table.Add({{absl::StrCat(i + 1)},
               {graded ? Points(one.grade->total, one.grade->max) : "-",
                graded ? StyleOf(one.grade->total, one.grade->max) : Style::kRed},
               {graded ? one.grade->letter : "-"},
               {absl::StrCat(one.calls)},
               {WithThousands(one.tokens)},
               {ShortDuration(absl::Milliseconds(one.latency_ms))},
               {graded ? one.job_id : OneLine(one.error)}});
  }
  lines = table.Lines();
  if (configuration.graded() == 0) return lines;
  if (!configuration.best()->grade->reason.empty()) {
    lines.push_back(TotalLine(*configuration.best()->grade));
    return lines;
  }
  lines.push_back({});
  for (StyledLine& line : MeanLines(configuration)) lines.push_back(std::move(line));
  lines.push_back({{absl::StrFormat("%.1f of %d on average, best %d, deviation %.1f",
                                    configuration.mean(), configuration.best()->grade->max,
                                    configuration.best()->grade->total, configuration.deviation()),
                    Style::kBold}});
  return lines;
}

std::vector<StyledLine> RankingLines(const std::vector<Configuration>& ranked) {
  TextTable table({0, 2, 3, 4, 5, 6});
  table.Add(
      {{"RANK"}, {"CONFIGURATION"}, {"MEAN"}, {"BEST"}, {"DEVIATION"}, {"GRADED"}, {"TOKENS"}});
  for (size_t i = 0; i < ranked.size(); ++i) {
    const Configuration& one = ranked[i];
    const Attempt* best = one.best();
    table.Add({{absl::StrCat(i + 1)},
               {OneLine(one.name)},
               {best == nullptr ? "-" : absl::StrFormat("%.1f", one.mean()), Style::kBold},
               {best == nullptr ? "-" : Points(best->grade->total, best->grade->max),
                best == nullptr ? Style::kRed : StyleOf(best->grade->total, best->grade->max)},
               {absl::StrFormat("%.1f", one.deviation())},
               {absl::StrCat(one.graded(), "/", one.attempts.size())},
               {WithThousands(static_cast<uint64_t>(TokensOf(one)))}});
  }
  return table.Lines();
}

std::vector<StyledLine> LeaderboardLines(const std::vector<v1::LeaderboardRow>& rows) {
  TextTable table({0, 3, 4, 5, 6});
  table.Add({{"RANK"},
             {"CONFIGURATION"},
             {"HASH"},
             {"MEAN"},
             {"BEST"},
             {"ATTEMPTS"},
             {"TOKENS"},
             {"BEST JOB"}});
  for (size_t i = 0; i < rows.size(); ++i) {
    const v1::LeaderboardRow& row = rows[i];
    table.Add({{absl::StrCat(i + 1)},
               {row.name().empty() ? "-" : OneLine(row.name())},
               {OneLine(row.config()), Style::kDim},
               {absl::StrFormat("%.1f", row.mean()), Style::kBold},
               {absl::StrCat(row.best(), "/", row.max())},
               {absl::StrCat(row.attempts())},
               {WithThousands(static_cast<uint64_t>(row.mean_tokens()))},
               {OneLine(row.best_job_id())}});
  }
  return table.Lines();
}

std::string RunJson(const Configuration& configuration) {
  ObjectWriter out;
  WriteConfiguration(configuration, 0, out);
  return out.Take();
}

std::string RankingJson(const std::vector<Configuration>& ranked) {
  ObjectWriter out;
  out.BeginObject();
  out.BeginArray("configurations");
  for (size_t i = 0; i < ranked.size(); ++i) WriteConfiguration(ranked[i], i + 1, out);
  out.EndArray();
  out.EndObject();
  return out.Take();
}

std::string RankingCsv(const std::vector<Configuration>& ranked) {
  std::vector<std::string> names = {"rank",       "configuration", "file",   "attempt", "total",
                                    "max",        "grade",         "tokens", "calls",   "cost_usd",
                                    "latency_ms", "job_id",        "error"};
  std::vector<std::string> checks;
  for (const Configuration& one : ranked) {
    if (one.best() == nullptr) continue;
    for (const CheckGrade& check : one.best()->grade->checks) checks.push_back(check.id);
    break;
  }
  names.insert(names.end(), checks.begin(), checks.end());
  std::string csv = Csv(names);
  for (size_t i = 0; i < ranked.size(); ++i) {
    for (size_t n = 0; n < ranked[i].attempts.size(); ++n) {
      const Attempt& one = ranked[i].attempts[n];
      const bool graded = one.grade.has_value();
      std::vector<std::string> cells = {absl::StrCat(i + 1),
                                        ranked[i].name,
                                        ranked[i].file,
                                        absl::StrCat(n + 1),
                                        graded ? absl::StrCat(one.grade->total) : "",
                                        graded ? absl::StrCat(one.grade->max) : "",
                                        graded ? one.grade->letter : "",
                                        absl::StrCat(one.tokens),
                                        absl::StrCat(one.calls),
                                        absl::StrFormat("%.6f", one.cost_usd),
                                        absl::StrCat(one.latency_ms),
                                        one.job_id,
                                        one.error};
      for (size_t c = 0; c < checks.size(); ++c) {
        cells.push_back(graded ? absl::StrCat(one.grade->checks[c].score) : "");
      }
      absl::StrAppend(&csv, Csv(cells));
    }
  }
  return csv;
}

}  // namespace moa
