#include "simulator/server_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include "absl/strings/str_cat.h"
#include "simulator/model_table.h"

namespace moa::simulator {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string Scrape(const ServerMetrics& metrics) {
  return prometheus::TextSerializer().Serialize(metrics.Collect());
}

size_t SeriesOf(const ServerMetrics& metrics) {
  size_t series = 0;
  for (const auto& family : metrics.Collect()) series += family.metric.size();
  return series;
}

TEST(ServerMetricsTest, TimesOfAnAnswerAreThoseOfTheConventions) {
  ServerMetrics metrics;
  metrics.Ended({.model = "gpt-oss-120b",
                 .duration = absl::Milliseconds(250),
                 .to_first_token = absl::Milliseconds(50),
                 .completion_tokens = 101});
  const std::string labels =
      "{gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"cerebras\",gen_ai_request_model="
      "\"gpt-oss-120b\"}";
  EXPECT_THAT(Scrape(metrics),
              AllOf(HasSubstr(absl::StrCat("gen_ai_server_request_duration_seconds_sum", labels,
                                           " 0.25\n")),
                    HasSubstr(absl::StrCat("gen_ai_server_time_to_first_token_seconds_sum", labels,
                                           " 0.05\n")),
                    HasSubstr(absl::StrCat("gen_ai_server_time_per_output_token_seconds_sum",
                                           labels, " 0.002\n")),
                    HasSubstr("moa_build_info{program=\"cerebras-sim\",version=\"")));
}

TEST(ServerMetricsTest, OnlyErrorsHaveAnErrorTypeAndNoToken) {
  ServerMetrics metrics;
  EXPECT_THAT(Scrape(metrics), Not(HasSubstr("error_type=")));
  metrics.Ended({.text_completion = true,
                 .model = "nobody-lists-this",
                 .error_type = "model_not_found",
                 .duration = absl::Milliseconds(1)});
  const std::string labels =
      "{error_type=\"model_not_found\",gen_ai_operation_name=\"text_completion\",gen_ai_provider_"
      "name=\"cerebras\",gen_ai_request_model=\"other\"}";
  EXPECT_THAT(
      Scrape(metrics),
      AllOf(HasSubstr(absl::StrCat("gen_ai_server_request_duration_seconds_count", labels, " 1\n")),
            Not(HasSubstr(absl::StrCat("token_seconds_count", labels)))));
}

TEST(ServerMetricsTest, TheListedModelsExistAtZero) {
  const std::string text = Scrape(ServerMetrics());
  for (const Model& model : Models()) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("gen_ai_request_model=\"", model.id, "\"} 0\n")));
  }
}

TEST(ServerMetricsTest, TenThousandNamesMakeABoundedNumberOfSeries) {
  ServerMetrics metrics;
  const auto flood = [&metrics](int from, int to) {
    for (int i = from; i < to; ++i) {
      const std::string name = absl::StrCat("name-", i);
      metrics.Ended({.text_completion = i % 2 == 0, .model = name, .error_type = name});
      metrics.Ended({.text_completion = i % 2 == 0, .model = name, .completion_tokens = 2});
    }
  };
  flood(0, 1000);
  const size_t before = SeriesOf(metrics);
  flood(1000, 10'000);
  EXPECT_EQ(SeriesOf(metrics), before);
  EXPECT_LT(before, 200u);
  EXPECT_THAT(Scrape(metrics),
              AllOf(HasSubstr("error_type=\"_OTHER\""), Not(HasSubstr("name-999"))));
}

}  // namespace
}  // namespace moa::simulator
