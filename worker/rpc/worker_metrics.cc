#include "worker/rpc/worker_metrics.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "common/metrics/build_info.h"

namespace moa::worker {
namespace {

using prometheus::Histogram;
using upstream::ErrorCode;

constexpr char kOtherModel[] = "other";

// The buckets that OpenTelemetry's conventions for generative models advise, and finer ones below: this provider is
// that fast.
Histogram::BucketBoundaries DurationBuckets() {
  return {.001, .002, .005, .01,  .02,   .04,   .08,   .16,  .32,
          .64,  1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92};
}
Histogram::BucketBoundaries ChunkBuckets() {
  return {.0001, .00025, .0005, .001, .0025, .005, .01, .02, .04, .08, .16, .32, .64, 1.28, 2.56};
}
Histogram::BucketBoundaries TokenBuckets() {
  return {1,     4,     16,     64,      256,     1024,     4096,
          16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864};
}

prometheus::Labels With(prometheus::Labels labels, const char* name, const std::string& value) {
  labels.emplace(name, value);
  return labels;
}

std::string OutcomeName(ErrorCode code) {
  if (code == ErrorCode::kUnspecified) return "success";
  return absl::AsciiStrToLower(upstream::ErrorCodeName(code));
}

}  // namespace

WorkerMetrics::WorkerMetrics(prometheus::Registry& registry)
    : duration_(prometheus::BuildHistogram()
                    .Name("gen_ai_client_operation_duration_seconds")
                    .Help("Seconds from a call's start to the end of its reply; error_type, on "
                          "errors only, is the error's code in "
                          "lower case.")
                    .Register(registry)),
      time_to_first_chunk_(prometheus::BuildHistogram()
                               .Name("gen_ai_client_operation_time_to_first_chunk_seconds")
                               .Help("Seconds until the first piece of a streamed reply.")
                               .Register(registry)),
      time_per_chunk_(prometheus::BuildHistogram()
                          .Name("gen_ai_client_operation_time_per_output_chunk_seconds")
                          .Help("Mean seconds from one piece of a streamed reply to the next.")
                          .Register(registry)),
      token_usage_(prometheus::BuildHistogram()
                       .Name("gen_ai_client_token_usage")
                       .Help("Tokens of each call as the provider counted them: input is the "
                             "prompt, output the completion.")
                       .Register(registry)),
      attempts_(prometheus::BuildCounter()
                    .Name("moa_worker_attempts_total")
                    .Help("Upstream calls of this worker that have ended: the outcome is success "
                          "or the error's code in lower "
                          "case.")
                    .Register(registry)) {
  auto& slots = prometheus::BuildGauge()
                    .Name("moa_worker_slots")
                    .Help("Slots of this worker, by use: calls that it may make at once.")
                    .Register(registry);
  slots_used_ = &slots.Add({{"state", "used"}});
  slots_free_ = &slots.Add({{"state", "free"}});
  auto& sessions =
      prometheus::BuildGauge()
          .Name("moa_worker_sessions")
          .Help("Coordinators that this worker knows, by the state of the connection to them.")
          .Register(registry);
  sessions_connected_ = &sessions.Add({{"state", "connected"}});
  sessions_disconnected_ = &sessions.Add({{"state", "disconnected"}});
  results_dropped_ = &prometheus::BuildCounter()
                          .Name("moa_worker_results_dropped_total")
                          .Help(
                              "Results that were held for a coordinator and given up because of "
                              "the limits; those calls are made again.")
                          .Register(registry)
                          .Add({});
  AddBuildInfo(registry, "moa-worker");
}

void WorkerMetrics::SetProvider(std::string name) {
  provider_ = std::move(name);
  Of(kOtherModel);  // so that dashboards find the series before the first call
}

prometheus::Labels WorkerMetrics::CallLabels(const std::string& model) const {
  return {{"gen_ai_operation_name", "chat"},
          {"gen_ai_provider_name", provider_},
          {"gen_ai_request_model", model}};
}

void WorkerMetrics::AnnounceModels(const std::vector<std::string>& models) {
  for (const std::string& model : models) {
    if (announced_.size() >= kModelsMax) return;
    announced_.insert(model);
    Of(model);
  }
}

void WorkerMetrics::CountAttempt(absl::string_view model, const upstream::CallResult& result) {
  const ErrorCode code = result.ok() ? ErrorCode::kUnspecified : result.error().error.code;
  ModelMetrics& metrics = Of(model);
  if (!metrics.duration.contains(code)) {
    AddDuration(announced_.contains(model) ? std::string(model) : kOtherModel, metrics, code);
  }
  metrics.attempts[code]->Increment();
  metrics.duration[code]->Observe(absl::ToDoubleSeconds(result.run_time));
  if (result.time_to_first_token > absl::ZeroDuration()) {
    metrics.time_to_first_chunk->Observe(absl::ToDoubleSeconds(result.time_to_first_token));
  }
  if (result.time_per_chunk > absl::ZeroDuration()) {
    metrics.time_per_chunk->Observe(absl::ToDoubleSeconds(result.time_per_chunk));
  }
  const upstream::Usage& usage = result.ok() ? result.completion().usage : result.error().usage;
  if (usage.prompt_tokens > 0) {
    metrics.input_tokens->Observe(static_cast<double>(usage.prompt_tokens));
  }
  if (usage.completion_tokens > 0) {
    metrics.output_tokens->Observe(static_cast<double>(usage.completion_tokens));
  }
}

void WorkerMetrics::SetSlots(size_t used, size_t total) {
  slots_used_->Set(static_cast<double>(used));
  slots_free_->Set(static_cast<double>(total > used ? total - used : 0));
}

void WorkerMetrics::SetSessions(size_t connected, size_t total) {
  sessions_connected_->Set(static_cast<double>(connected));
  sessions_disconnected_->Set(static_cast<double>(total - connected));
}

void WorkerMetrics::SetResultsDropped(size_t total) {
  const double more = static_cast<double>(total) - results_dropped_->Value();
  if (more > 0) results_dropped_->Increment(more);
}

WorkerMetrics::ModelMetrics& WorkerMetrics::Of(absl::string_view model) {
  const std::string label = announced_.contains(model) ? std::string(model) : kOtherModel;
  const auto [it, is_new] = models_.try_emplace(label);
  ModelMetrics& metrics = it->second;
  if (!is_new) return metrics;
  const prometheus::Labels labels = CallLabels(label);
  metrics.time_to_first_chunk = &time_to_first_chunk_.Add(labels, DurationBuckets());
  metrics.time_per_chunk = &time_per_chunk_.Add(labels, ChunkBuckets());
  metrics.input_tokens =
      &token_usage_.Add(With(labels, "gen_ai_token_type", "input"), TokenBuckets());
  metrics.output_tokens =
      &token_usage_.Add(With(labels, "gen_ai_token_type", "output"), TokenBuckets());
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    metrics.attempts[static_cast<ErrorCode>(code)] =
        &attempts_.Add({{"model", label}, {"outcome", OutcomeName(static_cast<ErrorCode>(code))}});
  }
  AddDuration(label, metrics, ErrorCode::kUnspecified);
  return metrics;
}

void WorkerMetrics::AddDuration(const std::string& label, ModelMetrics& metrics, ErrorCode code) {
  prometheus::Labels labels = CallLabels(label);
  if (code != ErrorCode::kUnspecified) labels.emplace("error_type", OutcomeName(code));
  metrics.duration[code] = &duration_.Add(labels, DurationBuckets());
}

}  // namespace moa::worker
