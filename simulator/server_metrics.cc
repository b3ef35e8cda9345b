#include "simulator/server_metrics.h"

#include "common/metrics/build_info.h"
#include "simulator/model_table.h"

namespace moa::simulator {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

constexpr char kOtherModel[] = "other";
constexpr char kOtherError[] = "_OTHER";

// The buckets that the conventions advise, and finer ones below 10 ms: this service is that fast.
const Buckets& DurationBuckets() {
  static const Buckets buckets = {.0005, .001, .002, .005, .01,  .02,   .04,   .08,   .16,
                                  .32,   .64,  1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92};
  return buckets;
}
const Buckets& FirstTokenBuckets() {
  static const Buckets buckets = {.0005, .001, .002, .003, .005, .0075, .01, .02, .04, .06,
                                  .08,   .1,   .25,  .5,   .75,  1,     2.5, 5,   7.5, 10};
  return buckets;
}
const Buckets& TokenBuckets() {
  static const Buckets buckets = {.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .075,
                                  .1,    .15,    .2,    .3,   .4,    .5,   .75, 1,    2.5};
  return buckets;
}

prometheus::Family<prometheus::Histogram>& Family(prometheus::Registry& registry, const char* name,
                                                  const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

}  // namespace

ServerMetrics::ServerMetrics()
    : duration_(Family(registry_, "gen_ai_server_request_duration_seconds",
                       "Seconds from the arrival of a request to the end of its reply; error_type, "
                       "on errors only, "
                       "is the reply's code or status, or how the exchange was cut.")),
      to_first_token_(
          Family(registry_, "gen_ai_server_time_to_first_token_seconds",
                 "Seconds from the arrival of an answered request to its first token: as sent when "
                 "it is streamed, else as the model's pace has it.")),
      per_token_(
          Family(registry_, "gen_ai_server_time_per_output_token_seconds",
                 "Mean seconds for each token after the first one of an answered request.")) {
  AddBuildInfo(registry_, "cerebras-sim");
  // So that dashboards find the series before the first request.
  const MutexLock lock(mutex_);
  for (const Model& model : Models()) Resolve({false, model.id, ""});
}

void ServerMetrics::Ended(const Served& served) {
  const Series series = Of(served);
  const double seconds = absl::ToDoubleSeconds(served.duration);
  series.duration->Observe(seconds);
  if (series.to_first_token == nullptr || served.completion_tokens == 0) return;
  const double first = absl::ToDoubleSeconds(served.to_first_token);
  series.to_first_token->Observe(first);
  if (served.completion_tokens == 1) return;
  series.per_token->Observe((seconds - first) / static_cast<double>(served.completion_tokens - 1));
}

ServerMetrics::Series ServerMetrics::Of(const Served& served) {
  const Model* model = FindModel(served.model);
  std::string error_type(served.error_type);
  const MutexLock lock(mutex_);
  if (!error_type.empty() && !error_types_.contains(error_type)) {
    if (error_types_.size() < kErrorTypesMax) {
      error_types_.insert(error_type);
    } else {
      error_type = kOtherError;
    }
  }
  return Resolve(
      {served.text_completion, model == nullptr ? kOtherModel : model->id, std::move(error_type)});
}

ServerMetrics::Series& ServerMetrics::Resolve(const Labels& of) {
  const auto [it, is_new] = series_.try_emplace(of);
  Series& series = it->second;
  if (!is_new) return series;
  const auto& [text_completion, model, error_type] = of;
  prometheus::Labels labels = {
      {"gen_ai_operation_name", text_completion ? "text_completion" : "chat"},
      {"gen_ai_provider_name", "cerebras"},
      {"gen_ai_request_model", model}};
  if (!error_type.empty()) labels.emplace("error_type", error_type);
  series.duration = &duration_.Add(labels, DurationBuckets());
  if (!error_type.empty()) return series;
  series.to_first_token = &to_first_token_.Add(labels, FirstTokenBuckets());
  series.per_token = &per_token_.Add(labels, TokenBuckets());
  return series;
}

}  // namespace moa::simulator
