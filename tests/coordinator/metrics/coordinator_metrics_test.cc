#include "coordinator/metrics/coordinator_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace moa {
namespace {

using testing::HasSubstr;

std::string Scrape(const CoordinatorMetrics& metrics) {
  return prometheus::TextSerializer().Serialize(metrics.Collect());
}

size_t SeriesOf(const CoordinatorMetrics& metrics) {
  size_t series = 0;
  for (const auto& family : metrics.Collect()) series += family.metric.size();
  return series;
}

// What clients and workers can choose the names of, each a different one.
void Flood(CoordinatorMetrics& metrics, int from, int to) {
  RuntimeObserver::QuotaLevels levels;
  for (int i = from; i < to; ++i) {
    const std::string name = absl::StrCat("name-", i);
    metrics.JobEnded({.tenant = name, .state = JobState::kFailed, .latency = absl::Seconds(1)});
    metrics.AttemptEnded({.tenant = name,
                          .model = name,
                          .code = static_cast<ErrorCode>(i % 19),
                          .run = absl::Milliseconds(5),
                          .usage = {.prompt_tokens = 1}});
    metrics.PromptEstimated(name, 10, 10);
    metrics.FellBack(name);
    levels.quotas.push_back({.of = {.key = name, .model = name}});
    levels.waiting.emplace_back(name, 1);
  }
  metrics.QuotasNow(std::move(levels));
}

TEST(CoordinatorMetricsTest, TenThousandNamesMakeABoundedNumberOfSeries) {
  CoordinatorMetrics metrics({.version = "1", .models_max = 8, .tenants_max = 8});
  Flood(metrics, 0, 1000);
  const size_t before = SeriesOf(metrics);
  Flood(metrics, 1000, 10'000);
  EXPECT_EQ(SeriesOf(metrics), before);
  EXPECT_LT(before, 2000u);
  const std::string text = Scrape(metrics);
  EXPECT_THAT(text,
              HasSubstr("moa_tenant_jobs_finished_total{state=\"failed\",tenant=\"other\"} 9992"));
  EXPECT_THAT(text, HasSubstr("moa_tokens_total{kind=\"prompt\",model=\"other\"} 9992"));
}

TEST(CoordinatorMetricsTest, CountsByTenantModelAndStage) {
  CoordinatorMetrics metrics({.version = "1"});
  metrics.AttemptEnded({.tenant = "acme",
                        .model = "m",
                        .run = absl::Milliseconds(300),
                        .ttft = absl::Milliseconds(20),
                        .usage = {.prompt_tokens = 7, .completion_tokens = 5},
                        .cost_usd = 0.25});
  metrics.StageEnded(StageKind::kCritique, absl::Seconds(2));
  metrics.JobEnded({.tenant = "acme",
                    .latency = absl::Milliseconds(310),
                    .critical_path = absl::Milliseconds(300)});
  metrics.WorkerDeaf();
  const std::string text = Scrape(metrics);
  for (const char* line :
       {"moa_tenant_tokens_total{kind=\"prompt\",tenant=\"acme\"} 7",
        "moa_tenant_cost_usd_total{tenant=\"acme\"} 0.25", "moa_cost_usd_total{model=\"m\"} 0.25",
        "moa_attempts_total{model=\"m\",outcome=\"ok\"} 1",
        "moa_layer_duration_seconds_sum{kind=\"critique\"} 2",
        "moa_layer_duration_seconds_count{kind=\"propose\"} 0",
        "moa_tenant_jobs_finished_total{state=\"succeeded\",tenant=\"acme\"} 1",
        "moa_workers_deaf_total 1"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

// A rate over a kind of failure is 0 before the first one, not absent.
TEST(CoordinatorMetricsTest, EveryOutcomeOfAModelThatIsAskedExistsAtZero) {
  CoordinatorMetrics metrics({.version = "1"});
  metrics.QuotasNow({.quotas = {}, .waiting = {{"m", 1}}});
  const std::string text = Scrape(metrics);
  for (const char* line :
       {"moa_attempts_total{model=\"m\",outcome=\"ok\"} 0",
        "moa_attempts_total{model=\"m\",outcome=\"server_error\"} 0",
        "moa_attempts_total{model=\"m\",outcome=\"not_needed\"} 0",
        "moa_tokens_total{kind=\"prompt\",model=\"m\"} 0", "moa_fallbacks_total{model=\"m\"} 0",
        "moa_jobs_refused_total{reason=\"queue_full\"} 0",
        "moa_jobs_finished_total{state=\"failed\"} 0",
        "moa_build_info{program=\"moa-coordinator\",version=\"1\"} 1"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

// Base units, suffixes and help, as Prometheus advises (and promtool checks).
TEST(CoordinatorMetricsTest, NamesKeepTheConventions) {
  CoordinatorMetrics metrics({.version = "1"});
  Flood(metrics, 0, 3);
  std::set<std::string> names;
  for (const auto& family : metrics.Collect()) {
    EXPECT_TRUE(names.insert(family.name).second) << family.name;
    EXPECT_TRUE(absl::StartsWith(family.name, "moa_")) << family.name;
    EXPECT_FALSE(family.help.empty()) << family.name;
    EXPECT_EQ(family.type == prometheus::MetricType::Counter, absl::EndsWith(family.name, "_total"))
        << family.name;
  }
}

}  // namespace
}  // namespace moa
