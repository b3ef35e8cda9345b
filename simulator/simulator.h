#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/http/http_server.h"
#include "common/metrics/probes.h"
#include "simulator/chat_request.h"
#include "simulator/completion_writer.h"
#include "simulator/delivery.h"
#include "simulator/faults.h"
#include "simulator/prompt.h"
#include "simulator/prompt_cache.h"
#include "simulator/rate_limits.h"
#include "simulator/reply.h"
#include "simulator/request_record.h"
#include "simulator/server_metrics.h"
#include "simulator/statistics.h"

namespace moa::simulator {

struct SimulatorOptions {
  std::vector<std::string> api_keys;  // empty: any bearer token, each an organisation of its own
  uint64_t seed = 1;
  double time_scale = 1;  // of the service's own times; 0: at once
  double slow_queue_share =
      0.1;  // of requests that wait long in the queue, where times count at all
  LimitOptions limits;
  ReplyLength reply_length;
  Personality personality;
  std::vector<FaultSpec> faults;
  size_t records_max = 100;    // requests kept for /sim/requests
  Journal* journal = nullptr;  // told of every request; outlives the simulator
};

// The stand-in for the Cerebras API: an HTTP handler, to be served by HttpServer. Its answers
// depend on its seed and the requests alone; its times, ids and rate limits also on their order and
// the clock.
//
//   POST /v1/chat/completions, /v1/completions · GET /v1/models[/ID], /public/v1/models[/ID],
//   /v1/tcp_warming
//
// and, for tests, without a key:
//
//   GET  /metrics, /healthz, /readyz   see common/metrics/probes.h and ServerMetrics
//   GET  /sim/requests?after=SEQ&until=SEQ&limit=N&model=ID&mark=NAME&bodies=0
//                            what came, oldest first: of those, the newest N (1,000)
//   GET  /sim/stats          totals: see RequestLog::StatsJson, Statistics::Json, "connections"
//   POST /sim/stats/reset    forgets the totals
//   POST /sim/reset          forgets both
//   GET, PUT, POST, DELETE /sim/faults   the faults; PUT: one spec a line, POST: {"faults":[…]}
//   GET, POST /sim/limits    {"requests_per_minute":N,"tokens_per_minute":N,"model":ID}: the limits
//                            from now on (RateLimits::SetLimits); each field may be absent
//
// Checks come in the order of CEREBRAS_API.md, section 9; a fault strikes after validation and
// before limits. Owner: main or a test; outlives the server that calls it. Thread-safe.
class Simulator {
 public:
  explicit Simulator(SimulatorOptions options);

  void Handle(const HttpRequest& request, HttpResponder responder);

  // Where "connections" of /sim/stats comes from; `server` outlives the last request. Optional.
  void Observe(const HttpServer& server) { server_.store(&server); }

  // For HttpServerOptions::error_response: what never reaches Handle, in the API's own words.
  static HttpResponse ErrorResponse(int status, absl::string_view message);

  static constexpr size_t kBodyBytesMax = 16 << 20;

 private:
  void Complete(const HttpRequest& http, bool text_completion, HttpResponder responder);
  void Run(const Model& model, ChatRequest request, RequestRecord record, absl::string_view org,
           HttpResponder responder);
  Completion Compute(const Model& model, const ChatRequest& request, const Prompt& prompt,
                     absl::string_view org, absl::Time now, Random& random);
  void GetModels(const HttpRequest& http, HttpResponder& responder);
  void GetPublicModels(const HttpRequest& http, HttpResponder& responder);
  // Everything under /sim/ (control.cc).
  HttpResponse Inspect(const HttpRequest& http);
  HttpResponse InspectFaults(const HttpRequest& http);
  HttpResponse InspectLimits(const HttpRequest& http);
  std::string StatsJson();
  // What is known of a completion request at its end.
  struct Exchange {
    uint64_t sequence = 0;  // in log_
    int64_t arrived_ns = 0;
    int64_t begun_ns = 0;
    bool text_completion = false;
    std::string model;
  };
  // Notes it in log_.
  Exchange Begin(RequestRecord record);
  // Notes the end of a request that Begin was called for.
  void End(const Exchange& exchange, const Delivery::Ending& ending);
  // The organisation of a request; an error when its key is not one of ours.
  std::optional<ApiError> Authenticate(const HttpRequest& http, absl::string_view* org) const;
  void Refuse(const ApiError& error, RequestRecord record, const std::string& headers,
              HttpResponder& responder);

  const SimulatorOptions options_;
  const std::string fingerprint_;
  const std::string model_list_;
  const std::string public_model_list_;
  RateLimits limits_;
  PromptCache cache_;
  ReplyGenerator replies_;
  Faults faults_;
  RequestLog log_;
  Statistics statistics_;
  const std::shared_ptr<ServerMetrics> metrics_ = std::make_shared<ServerMetrics>();
  const Probes probes_{.metrics = {metrics_}};
  std::atomic<const HttpServer*> server_{nullptr};
  std::atomic<uint64_t> completions_{0};
};

}  // namespace moa::simulator
