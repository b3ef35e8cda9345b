#include "tests/docs/metrics/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "client/gateway/gateway_metrics.h"
#include "common/metrics/process_metrics.h"
#include "coordinator/metrics/cluster_metrics.h"
#include "coordinator/metrics/coordinator_metrics.h"
#include "coordinator/metrics/store_metrics.h"
#include "coordinator/metrics/trace_metrics.h"
#include "simulator/server_metrics.h"
#include "tests/coordinator/store/memory_job_store.h"
#include "worker/rpc/attempt_table.h"
#include "worker/rpc/grading_metrics.h"
#include "worker/rpc/worker_metrics.h"

namespace moa::docs {
namespace {

using prometheus::MetricFamily;

constexpr char kPage[] = MOA_SOURCE_DIR "/docs/metrics.md";

void Append(const prometheus::Collectable& from, std::vector<MetricFamily>& to) {
  std::vector<MetricFamily> more = from.Collect();
  std::move(more.begin(), more.end(), std::back_inserter(to));
}

ProgramMetrics OfCoordinator() {
  CoordinatorMetrics coordinator({.version = "1"});
  coordinator.AttemptEnded({.tenant = "t", .model = "m"});
  RuntimeObserver::QuotaLevels levels;
  QuotaView quota{.of = {.key = "k", .model = "m"}};
  for (size_t period = 0; period < kQuotaPeriods; ++period) {
    quota.limits.requests[period] = 1;
    quota.limits.tokens[period] = 1;
    quota.limits.total_tokens[period] = 1;
  }
  levels.quotas.push_back(quota);
  coordinator.QuotasNow(std::move(levels));
  MemoryJobStore memory;
  StoreMetrics store;
  store.Watch(&memory);
  ProgramMetrics made{
      "moa-coordinator",
      "Those of the lease and of other coordinators are served where several can share a store: on "
      "PostgreSQL.",
      {}};
  Append(coordinator, made.families);
  Append(store, made.families);
  Append(ClusterMetrics(), made.families);
  Append(TraceMetrics(), made.families);
  Append(ProcessMetrics(), made.families);
  return made;
}

ProgramMetrics OfWorker() {
  prometheus::Registry registry;
  worker::WorkerMetrics metrics(registry);
  const worker::GradingMetrics grading(registry);
  metrics.SetProvider("cerebras");
  metrics.CountAttempt("m", worker::MakeErrorResult(upstream::ErrorCode::kServerError, "", false));
  ProgramMetrics made{"moa-worker",
                      "Calls to the provider have OpenTelemetry's names for clients of generative "
                      "models.",
                      {}};
  Append(registry, made.families);
  Append(ProcessMetrics(), made.families);
  return made;
}

ProgramMetrics OfGateway() {
  const gateway::GatewayMetrics metrics;
  ProgramMetrics made{"moa-gateway", "Of what it serves at its `--listen` address.", {}};
  Append(metrics, made.families);
  Append(ProcessMetrics(), made.families);
  return made;
}

ProgramMetrics OfSimulator() {
  simulator::ServerMetrics metrics;
  metrics.Ended({.text_completion = true, .model = "m"});
  metrics.Ended({.model = "m", .error_type = "queue_exceeded"});
  ProgramMetrics made{
      "cerebras-sim",
      "By OpenTelemetry's names for servers of generative models, at its `--listen` "
      "address beside the API, without a key.",
      {}};
  Append(metrics, made.families);
  Append(ProcessMetrics(), made.families);
  return made;
}

std::vector<ProgramMetrics> AllPrograms() {
  return {OfCoordinator(), OfWorker(), OfGateway(), OfSimulator()};
}

TEST(MetricsPageTest, SaysWhatTheCodeSays) {
  const std::string page = MetricsPage(AllPrograms());
  if (std::getenv("UPDATE_DOCS") != nullptr) std::ofstream(kPage) << page;
  std::ostringstream text;
  text << std::ifstream(kPage).rdbuf();
  EXPECT_EQ(text.str(), page) << "UPDATE_DOCS=1 build/release/tests/metrics_page_test writes it";
}

TEST(MetricsPageTest, EveryMeaningIsASentence) {
  for (const ProgramMetrics& program : AllPrograms()) {
    for (const MetricFamily& family : program.families) {
      const char first = family.help.empty() ? ' ' : family.help.front();
      EXPECT_TRUE(absl::ascii_isupper(first) || absl::ascii_isdigit(first)) << family.name;
      EXPECT_TRUE(absl::EndsWith(family.help, ".")) << family.name;
      EXPECT_FALSE(absl::StrContains(family.help, "|")) << family.name;
      const std::vector<std::string> words = absl::StrSplit(family.help, ' ');
      EXPECT_GE(words.size(), 4u) << family.name << ": " << family.help;
    }
  }
}

// What two programs serve under one name has one meaning, and it is about the process.
TEST(MetricsPageTest, NoNameMeansTwoThings) {
  std::map<std::string, std::pair<std::string, std::string>> known;
  for (const ProgramMetrics& program : AllPrograms()) {
    for (const MetricFamily& family : program.families) {
      const auto meaning = std::make_pair(TypeName(family.type), family.help);
      const auto [it, is_new] = known.emplace(family.name, meaning);
      if (is_new) continue;
      EXPECT_TRUE(absl::StartsWith(family.name, "process_") || family.name == "moa_build_info")
          << family.name << " is served by " << program.program << " too";
      EXPECT_EQ(it->second, meaning) << family.name;
    }
  }
}

// Each program says which it is.
TEST(MetricsPageTest, BuildInfoNamesTheProgram) {
  for (const ProgramMetrics& program : AllPrograms()) {
    std::string named;
    for (const MetricFamily& family : program.families) {
      if (family.name != "moa_build_info") continue;
      for (const auto& label : family.metric.at(0).label) {
        if (label.name == "program") named = label.value;
      }
    }
    EXPECT_EQ(named, program.program);
  }
}

}  // namespace
}  // namespace moa::docs
