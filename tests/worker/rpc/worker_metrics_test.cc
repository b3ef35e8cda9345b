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
  EXPECT_THAT(Scrape(), Not(HasSubstr("error_type")));
  metrics_.CountAttempt("m",
                        MakeErrorResult(upstream::ErrorCode::kQuotaExceeded, "too many", true));
  EXPECT_THAT(
      Scrape(),
      AllOf(HasSubstr("error_type=\"quota_exceeded\""),
            HasSubstr("moa_worker_attempts_total{model=\"m\",outcome=\"quota_exceeded\"} 1")));
}

TEST_F(WorkerMetricsTest, ModelsThatNobodyAnnouncedShareOneLabel) {
  for (int i = 0; i < 1000; ++i) {
    metrics_.CountAttempt(absl::StrCat("invented-", i),
                          MakeErrorResult(upstream::ErrorCode::kModelNotFound, "", false));
  }
  const std::string text = Scrape();
  EXPECT_THAT(text, Not(HasSubstr("invented")));
  EXPECT_THAT(
      text,
      HasSubstr("moa_worker_attempts_total{model=\"other\",outcome=\"model_not_found\"} 1000"));
}

TEST_F(WorkerMetricsTest, AnnouncedModelsAreBoundedToo) {
  std::vector<std::string> models;
  for (int i = 0; i < 1000; ++i) models.push_back(absl::StrCat("model-", i));
  metrics_.AnnounceModels(models);
  const std::string text = Scrape();
  size_t labels = 0;
  for (const std::string& model : models) {
    if (text.find(absl::StrCat("{model=\"", model, "\"")) != std::string::npos) ++labels;
  }
  EXPECT_LE(labels, WorkerMetrics::kModelsMax);
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
                              HasSubstr("moa_build_info{version=\"")));
}

}  // namespace
}  // namespace moa::worker
