#include "worker/rpc/worker_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include "absl/strings/str_cat.h"
#include "worker/rpc/attempt_table.h"

namespace moa::worker {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class WorkerMetricsTest : public testing::Test {
 protected:
  WorkerMetricsTest() { metrics_.SetProvider("cerebras"); }
  std::string Scrape() { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

  prometheus::Registry registry_;
  WorkerMetrics metrics_{registry_};
};

TEST_F(WorkerMetricsTest, CountsCallsTokensAndTimesByModel) {
  metrics_.AnnounceModels({"gpt-oss-120b"});
  upstream::Completion completion;
  completion.usage.prompt_tokens = 10;
  completion.usage.completion_tokens = 20;
  upstream::CallResult result;
  result.outcome = completion;
  result.run_time = absl::Milliseconds(30);
  result.time_to_first_token = absl::Milliseconds(5);
  result.time_per_chunk = absl::Microseconds(300);
  metrics_.CountAttempt("gpt-oss-120b", result);
  EXPECT_THAT(
      Scrape(),
      AllOf(
          HasSubstr("moa_worker_attempts_total{model=\"gpt-oss-120b\",outcome=\"success\"} 1"),
          HasSubstr(
              "gen_ai_client_operation_duration_seconds_sum{gen_ai_operation_name=\"chat\","
              "gen_ai_provider_name=\"cerebras\",gen_ai_request_model=\"gpt-oss-120b\"} 0.03"),
          HasSubstr("gen_ai_request_model=\"gpt-oss-120b\",gen_ai_token_type=\"input\"} 10"),
          HasSubstr("gen_ai_request_model=\"gpt-oss-120b\",gen_ai_token_type=\"output\"} 20"),
          HasSubstr(
              "time_per_output_chunk_seconds_sum{gen_ai_operation_name=\"chat\","
              "gen_ai_provider_name=\"cerebras\",gen_ai_request_model=\"gpt-oss-120b\"} 0.0003"),
          HasSubstr("time_to_first_chunk_seconds_count{gen_ai_operation_name=\"chat\","
                    "gen_ai_provider_name=\"cerebras\",gen_ai_request_model=\"gpt-oss-120b\"} 1")));
}

TEST_F(WorkerMetricsTest, OnlyErrorsHaveAnErrorType) {
  metrics_.AnnounceModels({"m"});
  EXPECT_THAT(Scrape(), Not(HasSubstr("error_type=")));
  metrics_.CountAttempt("m",
                        MakeErrorResult(upstream::ErrorCode::kQuotaExceeded, "too many", true));
  EXPECT_THAT(
      Scrape(),
      AllOf(HasSubstr("error_type=\"quota_exceeded\""),
            HasSubstr("moa_worker_attempts_total{model=\"m\",outcome=\"quota_exceeded\"} 1")));
}

size_t SeriesOf(const prometheus::Registry& registry) {
  size_t series = 0;
  for (const auto& family : registry.Collect()) series += family.metric.size();
  return series;
}

// Models that the provider lists, and models that a job invents, each call with another outcome.
TEST_F(WorkerMetricsTest, TenThousandModelsMakeABoundedNumberOfSeries) {
  const auto call = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      metrics_.AnnounceModels({absl::StrCat("listed-", i)});
      const auto code = static_cast<upstream::ErrorCode>(1 + i % 16);
      for (const char* name : {"invented-", "listed-"}) {
        metrics_.CountAttempt(absl::StrCat(name, i), MakeErrorResult(code, "", false));
      }
      metrics_.CountAttempt("listed-1", MakeErrorResult(code, "", false));
    }
  };
  call(0, 1000);
  const size_t before = SeriesOf(registry_);
  call(1000, 10'000);
  EXPECT_EQ(SeriesOf(registry_), before);
  EXPECT_LT(before, 2500u);
  const std::string text = Scrape();
  EXPECT_THAT(text, Not(HasSubstr("invented")));
  EXPECT_THAT(text, Not(HasSubstr("listed-64\"")));
  EXPECT_THAT(text,
              HasSubstr("moa_worker_attempts_total{model=\"other\",outcome=\"model_not_found\"} "));
}

// A rate over a kind of failure is 0 before the first one, not absent.
TEST_F(WorkerMetricsTest, EveryOutcomeOfAnAnnouncedModelExistsAtZero) {
  metrics_.AnnounceModels({"m"});
  EXPECT_THAT(Scrape(),
              AllOf(HasSubstr("moa_worker_attempts_total{model=\"m\",outcome=\"success\"} 0"),
                    HasSubstr("moa_worker_attempts_total{model=\"m\",outcome=\"server_error\"} 0"),
                    HasSubstr("moa_worker_attempts_total{model=\"m\",outcome=\"internal\"} 0"),
                    Not(HasSubstr("unspecified"))));
}

TEST_F(WorkerMetricsTest, ShowsSlotsAndSessions) {
  metrics_.SetSlots(3, 64);
  metrics_.SetSessions(1, 2);
  metrics_.SetResultsDropped(4);
  EXPECT_THAT(Scrape(), AllOf(HasSubstr("moa_worker_slots{state=\"used\"} 3"),
                              HasSubstr("moa_worker_slots{state=\"free\"} 61"),
                              HasSubstr("moa_worker_sessions{state=\"connected\"} 1"),
                              HasSubstr("moa_worker_sessions{state=\"disconnected\"} 1"),
                              HasSubstr("moa_worker_results_dropped_total 4"),
                              HasSubstr("moa_build_info{program=\"moa-worker\",version=\"")));
}

}  // namespace
}  // namespace moa::worker
