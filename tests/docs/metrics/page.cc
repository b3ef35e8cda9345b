#include "tests/docs/metrics/page.h"

#include <algorithm>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace moa::docs {
namespace {

using prometheus::MetricFamily;

constexpr char kHead[] =
    "# Metrics\n\n"
    "What each program serves at `/metrics`, as its code has it: this page is written by a test, "
    "which fails when the page\n"
    "is not what the programs say (`UPDATE_DOCS=1 build/release/tests/metrics_page_test` writes "
    "it). How to watch a cluster\n"
    "stands in [operations](operations.md#watching-it); rules, alerts and dashboards in "
    "[monitoring](monitoring.md).\n\n"
    "- A histogram `x` is served as `x_bucket`, `x_sum` and `x_count`.\n"
    "- Labels whose values are known beforehand are listed with them, and those series exist, at "
    "zero, from the start; where\n"
    "  a model, tenant or key is among the labels, from when it is first seen.\n"
    "- Labels that come from outside are bounded: models and tenants beyond the first 64, and "
    "quotas beyond the first 128,\n"
    "  count together as `other`. Job ids, prompts and keys are in no metric.\n";

// Labels whose values come from outside, or that only failures have.
bool IsOpen(const std::string& label) {
  static const absl::btree_set<std::string> open = {"error_type",
                                                    "gen_ai_provider_name",
                                                    "gen_ai_request_model",
                                                    "key",
                                                    "model",
                                                    "status",
                                                    "tenant",
                                                    "version"};
  return open.contains(label);
}

std::string UnitOf(const MetricFamily& family) {
  const std::string& name = family.name;
  if (absl::StrContains(name, "_seconds")) return "seconds";
  if (absl::StrContains(name, "_bytes")) return "bytes";
  if (absl::StrContains(name, "_usd")) return "dollars";
  if (absl::StrContains(name, "_token")) return "tokens";
  if (absl::StrContains(name, "_ratio")) return "ratio";
  const bool is_flag = absl::StrContains(family.help, "1 while") || absl::EndsWith(name, "_info");
  return is_flag ? "0 or 1" : "count";
}

// In the order of the first series that has it.
std::string LabelsOf(const MetricFamily& family) {
  std::vector<std::string> names;
  absl::btree_map<std::string, std::vector<std::string>> values;
  for (const prometheus::ClientMetric& metric : family.metric) {
    for (const auto& [name, value] : metric.label) {
      std::vector<std::string>& known = values[name];
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
      if (std::find(known.begin(), known.end(), value) == known.end()) known.push_back(value);
    }
  }
  std::vector<std::string> texts;
  for (const std::string& name : names) {
    texts.push_back(absl::StrCat("`", name, "`"));
    if (IsOpen(name)) continue;
    std::sort(values[name].begin(), values[name].end());
    absl::StrAppend(&texts.back(), ": ", absl::StrJoin(values[name], ", "));
  }
  return absl::StrJoin(texts, "; ");
}

void AddTable(const std::vector<MetricFamily>& families, std::string& page) {
  page += "\n| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n";
  for (const MetricFamily& family : families) {
    absl::StrAppend(&page, "| `", family.name, "` | ", TypeName(family.type), " | ", UnitOf(family),
                    " | ", LabelsOf(family), " | ", family.help, " |\n");
  }
}

bool ByName(const MetricFamily& a, const MetricFamily& b) { return a.name < b.name; }

}  // namespace

std::string TypeName(prometheus::MetricType type) {
  if (type == prometheus::MetricType::Counter) return "counter";
  return type == prometheus::MetricType::Gauge ? "gauge" : "histogram";
}

std::string MetricsPage(const std::vector<ProgramMetrics>& programs) {
  absl::btree_map<std::string, std::vector<MetricFamily>> by_name;
  for (const ProgramMetrics& program : programs) {
    for (const MetricFamily& family : program.families) by_name[family.name].push_back(family);
  }
  std::vector<MetricFamily> shared;
  for (auto& [name, families] : by_name) {
    if (families.size() != programs.size()) continue;
    shared.push_back(families.front());
    for (size_t i = 1; i < families.size(); ++i) {
      for (auto& metric : families[i].metric) shared.back().metric.push_back(metric);
    }
  }
  std::string page = kHead;
  page += "\n## Every program\n";
  AddTable(shared, page);
  for (const ProgramMetrics& program : programs) {
    std::vector<MetricFamily> own;
    for (const MetricFamily& family : program.families) {
      if (by_name[family.name].size() != programs.size()) own.push_back(family);
    }
    std::sort(own.begin(), own.end(), ByName);
    absl::StrAppend(&page, "\n## ", program.program, "\n\n", program.about, "\n");
    AddTable(own, page);
  }
  return page;
}

}  // namespace moa::docs
