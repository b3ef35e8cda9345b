#include "tests/bench/report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace moa::bench {
namespace {

std::string Quoted(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

std::string Number(double value) { return absl::StrFormat("%.6g", value); }

std::string TargetText(const Target& target) {
  return absl::StrCat("target ", target.at_most ? "<= " : ">= ", Number(target.bound),
                      target.every_run ? " in every run" : "");
}

}  // namespace

double Quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(q * static_cast<double>(values.size() - 1))];
}

void Report::Add(absl::string_view variant, absl::string_view figure, double value,
                 std::optional<Target> target) {
  for (Figure& known : figures_) {
    if (known.variant != variant || known.name != figure) continue;
    known.runs.push_back(value);
    return;
  }
  figures_.push_back({std::string(variant), std::string(figure), {value}, target});
}

void Report::Missing(absl::string_view variant, absl::string_view figure, absl::string_view why) {
  for (const Gap& known : missing_) {
    if (known.variant == variant && known.figure == figure) return;
  }
  missing_.push_back({std::string(variant), std::string(figure), std::string(why)});
}

bool Report::Met(const Figure& figure) {
  const Target& target = *figure.target;
  double judged = Quantile(figure.runs, 0.5);
  if (target.every_run) judged = Quantile(figure.runs, target.at_most ? 1 : 0);
  return target.at_most ? judged <= target.bound : judged >= target.bound;
}

std::string Report::Text() const {
  std::string out = absl::StrCat(bench_, ": ", conditions_, "\n");
  std::string variant;
  for (const Figure& figure : figures_) {
    if (figure.variant != variant || &figure == &figures_.front()) {
      variant = figure.variant;
      absl::StrAppend(&out, " ", variant, "\n");
    }
    absl::StrAppendFormat(&out, "  %-44s median %10s   (%s to %s, %d runs)", figure.name,
                          Number(Quantile(figure.runs, 0.5)), Number(Quantile(figure.runs, 0)),
                          Number(Quantile(figure.runs, 1)), figure.runs.size());
    if (figure.target) {
      absl::StrAppend(&out, "   ", TargetText(*figure.target), ": ",
                      Met(figure) ? "met" : "MISSED");
    }
    out += "\n";
  }
  for (const Gap& gap : missing_) {
    absl::StrAppend(&out, "  not measured: ", gap.variant, ", ", gap.figure, ": ", gap.why, "\n");
  }
  return out;
}

std::string Report::Json() const {
  std::vector<std::string> figures;
  for (const Figure& figure : figures_) {
    std::string item = absl::StrCat(
        "{\"variant\":", Quoted(figure.variant), ",\"figure\":", Quoted(figure.name), ",\"runs\":[",
        absl::StrJoin(figure.runs, ",",
                      [](std::string* text, double value) { *text += Number(value); }),
        "],\"median\":", Number(Quantile(figure.runs, 0.5)),
        ",\"min\":", Number(Quantile(figure.runs, 0)),
        ",\"max\":", Number(Quantile(figure.runs, 1)));
    if (figure.target) {
      absl::StrAppend(&item, ",\"target\":{\"", figure.target->at_most ? "at_most" : "at_least",
                      "\":", Number(figure.target->bound),
                      ",\"every_run\":", figure.target->every_run ? "true" : "false",
                      "},\"met\":", Met(figure) ? "true" : "false");
    }
    figures.push_back(item + "}");
  }
  std::vector<std::string> missing;
  for (const Gap& gap : missing_) {
    missing.push_back(absl::StrCat("{\"variant\":", Quoted(gap.variant), ",\"figure\":",
                                   Quoted(gap.figure), ",\"why\":", Quoted(gap.why), "}"));
  }
  return absl::StrCat("{\"bench\":", Quoted(bench_), ",\"conditions\":", Quoted(conditions_),
                      ",\"figures\":[", absl::StrJoin(figures, ","), "],\"missing\":[",
                      absl::StrJoin(missing, ","), "]}");
}

}  // namespace moa::bench
