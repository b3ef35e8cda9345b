#include "simulator/simulator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "simulator/delivery.h"
#include "simulator/gzip.h"
#include "simulator/msgpack.h"
#include "simulator/role_reply.h"

namespace moa::simulator {
namespace {

constexpr size_t kUnzippedBytesMax = 64 << 20;
constexpr absl::string_view kMsgpackType = "application/vnd.msgpack";
constexpr absl::string_view kTextPath = "/v1/completions";
constexpr absl::string_view kModelsPath = "/v1/models";
constexpr absl::string_view kPublicModelsPath = "/public/v1/models";

// Sent by the service with every reply (CEREBRAS_API.md, section 1).
constexpr absl::string_view kCommonHeaders =
    "referrer-policy: strict-origin-when-cross-origin\r\n"
    "strict-transport-security: max-age=15552000; includeSubDomains; preload\r\n";

// What OpenTelemetry calls the error: its code, or its status where it has none, or how the exchange was cut.
std::string ErrorType(const Delivery::Ending& ending) {
  if (!ending.code.empty()) return std::string(ending.code);
  return ending.status >= 400 ? absl::StrCat(ending.status) : std::string(ending.outcome);
}

std::string Uuid(uint64_t seed, uint64_t number) {
  const std::string a = Hex16(Hash64("id", seed + number * 2));
  const std::string b = Hex16(Hash64("id", seed + number * 2 + 1));
  return absl::StrCat(a.substr(0, 8), "-", a.substr(8, 4), "-4", a.substr(13, 3), "-a",
                      b.substr(1, 3), "-", b.substr(4, 12));
}

HttpResponse Json(int status, std::string body) {
  HttpResponse response(status, "application/json", std::move(body));
  response.AddHeaderBlock(kCommonHeaders);
  return response;
}

HttpResponse Error(const ApiError& error) {
  HttpResponse response = error.ToResponse();
  response.AddHeaderBlock(kCommonHeaders);
  return response;
}

HttpResponse NotFound(absl::string_view path) { return Error(PathNotFound(path)); }

// slow=xN changes the pace itself, so that nothing is left of it for the delivery.
std::vector<FaultSpec> TakeOutStretch(std::vector<FaultSpec> faults, Timing& timing) {
  const auto stretches = [&](const FaultSpec& fault) {
    if (fault.kind != FaultKind::kSlow || fault.factor <= 1) return false;
    timing.Stretch(fault.factor);
    return true;
  };
  faults.erase(std::remove_if(faults.begin(), faults.end(), stretches), faults.end());
  return faults;
}

}  // namespace

Simulator::Simulator(SimulatorOptions options)
    : options_(std::move(options)),
      fingerprint_(absl::StrCat("fp_", Hex16(Hash64("fingerprint", options_.seed)), "5a1a")),
      model_list_(ModelListJson()),
      public_model_list_(PublicModelListJson()),
      limits_(options_.limits),
      replies_(options_.seed, options_.reply_length, options_.personality),
      faults_(options_.faults, options_.seed, absl::Now()),
      log_(options_.records_max, options_.journal),
      statistics_(MonotonicNanoseconds()) {}

HttpResponse Simulator::ErrorResponse(int status, absl::string_view message) {
  if (status == 413) return Error(RequestTooLarge());
  ApiError error = ErrorForStatus(status);
  error.message = absl::StrCat(HttpReason(status), ": ", message);
  return Error(error);
}

void Simulator::Handle(const HttpRequest& request, HttpResponder responder) {
  const absl::string_view path = request.path;
  const bool get = request.method == "GET" || request.method == "HEAD";
  if (path == "/v1/chat/completions" || path == kTextPath) {
    if (request.method != "POST") return responder.Send(Error(ErrorForStatus(405)));
    return Complete(request, path == kTextPath, std::move(responder));
  }
  if (absl::StartsWith(path, "/sim/")) {
    return responder.Send(Inspect(request));
  }
  if (IsProbe(path)) return responder.Send(AnswerProbe(request, probes_));
  if (!get) return responder.Send(NotFound(path));
  if (path == "/v1/tcp_warming") return responder.Send(Json(200, "{}"));
  if (absl::StartsWith(path, kModelsPath)) return GetModels(request, responder);
  if (absl::StartsWith(path, kPublicModelsPath)) return GetPublicModels(request, responder);
  responder.Send(NotFound(path));
}

std::optional<ApiError> Simulator::Authenticate(const HttpRequest& http,
                                                absl::string_view* org) const {
  absl::string_view value = http.Header("Authorization");
  if (!absl::StartsWithIgnoreCase(value, "Bearer ")) return WrongApiKey();
  value.remove_prefix(7);
  value = absl::StripAsciiWhitespace(value);
  const std::vector<std::string>& keys = options_.api_keys;
  if (value.empty() ||
      (!keys.empty() && std::find(keys.begin(), keys.end(), value) == keys.end())) {
    return WrongApiKey();
  }
  *org = value;
  return std::nullopt;
}

void Simulator::GetModels(const HttpRequest& http, HttpResponder& responder) {
  absl::string_view org;
  if (auto error = Authenticate(http, &org)) return responder.Send(Error(*error));
  absl::string_view id = http.path.substr(kModelsPath.size());
  if (id.empty() || id == "/") return responder.Send(Json(200, model_list_));
  if (!absl::ConsumePrefix(&id, "/")) return responder.Send(NotFound(http.path));
  const std::string name = PercentDecode(id);
  const Model* model = FindModel(name);
  if (model == nullptr) {
    return responder.Send(Error(IsRetired(name) ? ModelArchived(name) : ModelNotFound(name)));
  }
  responder.Send(Json(200, ModelJson(*model)));
}

void Simulator::GetPublicModels(const HttpRequest& http, HttpResponder& responder) {
  absl::string_view id = http.path.substr(kPublicModelsPath.size());
  if (id.empty() || id == "/") return responder.Send(Json(200, public_model_list_));
  if (!absl::ConsumePrefix(&id, "/")) return responder.Send(NotFound(http.path));
  const std::string name = PercentDecode(id);
  const Model* model = FindModel(name);
  if (model == nullptr) {
    std::string body = "{\"detail\":";
    AppendJsonString(body, absl::StrCat("Model '", name, "' not found or not publicly available"));
    return responder.Send(Json(404, body + "}"));
  }
  responder.Send(Json(200, PublicModelJson(*model)));
}

void Simulator::Refuse(const ApiError& error, RequestRecord record, const std::string& headers,
                       HttpResponder& responder) {
  HttpResponse response = Error(error);
  response.AddHeaderBlock(headers);
  End(Begin(std::move(record)), {.status = error.status, .outcome = "refused", .code = error.code});
  responder.Send(std::move(response));
}

void Simulator::Complete(const HttpRequest& http, bool text_completion, HttpResponder responder) {
  RequestRecord record;
  record.arrived_ns = MonotonicNanoseconds();
  record.path = std::string(http.path);
  record.traceparent = std::string(http.Header("traceparent"));
  absl::string_view org;
  if (auto error = Authenticate(http, &org)) return Refuse(*error, record, "", responder);
  std::string unzipped;
  absl::string_view body = http.body;
  if (const absl::string_view coding = http.Header("Content-Encoding");
      !coding.empty() && coding != "identity") {
    if (!absl::EqualsIgnoreCase(coding, "gzip")) {
      return Refuse(WrongApiFormat(absl::StrCat("Content-Encoding ", coding, " is not supported")),
                    record, "", responder);
    }
    absl::StatusOr<std::string> text = Gunzip(http.body, kUnzippedBytesMax);
    if (!text.ok()) {
      return Refuse(absl::IsResourceExhausted(text.status())
                        ? RequestTooLarge()
                        : WrongApiFormat(std::string(text.status().message())),
                    record, "", responder);
    }
    unzipped = *std::move(text);
    body = unzipped;
  }
  if (absl::StartsWithIgnoreCase(http.Header("Content-Type"), kMsgpackType)) {
    absl::StatusOr<std::string> text = MsgpackToJson(body, kUnzippedBytesMax);
    if (!text.ok()) {
      return Refuse(absl::IsResourceExhausted(text.status())
                        ? RequestTooLarge()
                        : WrongApiFormat(std::string(text.status().message())),
                    record, "", responder);
    }
    unzipped = *std::move(text);
    body = unzipped;
  }
  ChatRequest request;
  auto error = text_completion ? ParseTextRequest(body, request) : ParseChatRequest(body, request);
  record.model = request.model;
  record.stream = request.stream;
  const bool is_json = !error || !absl::StartsWith(error->message, "body: Invalid JSON");
  if (log_.keeps_requests() && is_json) record.body = std::string(body);
  if (error) return Refuse(*error, std::move(record), "", responder);
  const Model* model = FindModel(request.model);
  if (model == nullptr) {
    return Refuse(
        IsRetired(request.model) ? ModelArchived(request.model) : ModelNotFound(request.model),
        std::move(record), "", responder);
  }
  error = CheckForModel(request, *model);
  if (error) return Refuse(*error, std::move(record), "", responder);
  Run(*model, std::move(request), std::move(record), org, std::move(responder));
}

// The answer and its times; `random` is left for what else varies in its delivery.
Completion Simulator::Compute(const Model& model, const ChatRequest& request, const Prompt& prompt,
                              absl::string_view org, absl::Time now, Random& random) {
  Completion completion;
  const uint64_t number = completions_.fetch_add(1, std::memory_order_relaxed) + 1;
  completion.id =
      absl::StrCat(request.text_completion ? "cmpl-" : "chatcmpl-", Uuid(options_.seed, number));
  completion.model = model.id;
  completion.fingerprint = fingerprint_;
  completion.created = absl::ToDoubleSeconds(now - absl::UnixEpoch());
  completion.text_completion = request.text_completion;
  completion.logprobs = request.logprobs;
  completion.prompt_tokens = prompt.tokens;
  completion.cached_tokens = cache_.Use(org, model.id, prompt.text, prompt.tokens, now);
  completion.choices = replies_.Generate(request, model, prompt);
  random = Random(Hash64("timing", options_.seed + number));
  completion.timing = TimingOf(model, prompt.tokens - completion.cached_tokens,
                               completion.cached_tokens > 0, completion.completion_tokens(),
                               options_.time_scale, options_.slow_queue_share, random);
  return completion;
}

void Simulator::Run(const Model& model, ChatRequest request, RequestRecord record,
                    absl::string_view org, HttpResponder responder) {
  const absl::Time now = absl::Now();
  const Prompt prompt = RenderPrompt(request, model.id);
  record.prompt_tokens = prompt.tokens;
  record.digest = Hex16(prompt.digest);
  record.mark = std::string(FindMark(prompt.text));
  if (prompt.tokens > model.context_tokens_max) {
    return Refuse(ContextLengthExceeded(prompt.tokens, model.context_tokens_max), std::move(record),
                  "", responder);
  }
  std::vector<FaultSpec> faults = faults_.Select(model.id, prompt.text, now);
  if (HangsInRole(request, options_.personality)) {
    faults.push_back({.kind = FaultKind::kHang, .text = "hang"});
  }
  for (const FaultSpec& fault : faults) record.faults.push_back(fault.text);
  const bool bare = std::any_of(faults.begin(), faults.end(), [](const FaultSpec& fault) {
    return fault.kind == FaultKind::kNoRateLimitHeaders;
  });
  for (const FaultSpec& fault : faults) {
    if (!Delivery::EndsBeforeReply(fault.kind)) continue;
    return Delivery::Fail(fault, kCommonHeaders, std::move(responder),
                          [this, exchange = Begin(std::move(record))](
                              const Delivery::Ending& ending) { End(exchange, ending); });
  }
  const int64_t estimate =
      prompt.tokens + request.n * RateLimits::ReservedCompletion(request.max_completion_tokens);
  RateLimits::Decision decision = limits_.Admit(org, model, estimate, now);
  if (decision.error) {
    std::string headers = absl::StrCat("Retry-After: ", decision.retry_after_seconds, "\r\n");
    if (!bare) headers += decision.headers;
    return Refuse(*decision.error, std::move(record), headers, responder);
  }

  statistics_.Admitted(MonotonicNanoseconds());
  Delivery::Plan plan;
  plan.completion = Compute(model, request, prompt, org, now, plan.random);
  const Completion& completion = plan.completion;
  record.id = completion.id;
  record.saw = prompt.saw;
  if (options_.journal != nullptr) record.answer = AnswerHash(completion.choices.front().content);
  record.cached_tokens = completion.cached_tokens;
  record.completion_tokens = completion.completion_tokens();
  const int64_t prompt_tokens = record.prompt_tokens;
  const int64_t cached_tokens = record.cached_tokens;
  plan.headers = absl::StrCat(kCommonHeaders, "inference-id: ", completion.id, "\r\n",
                              bare ? "" : decision.headers);
  plan.responder = std::move(responder);
  plan.stream = request.stream;
  plan.faults = TakeOutStretch(std::move(faults), plan.completion.timing);
  plan.on_end = [this, exchange = Begin(std::move(record)), prompt_tokens, cached_tokens,
                 reservation = std::move(decision.reservation)](const Delivery::Ending& ending) {
    const int64_t total = ending.processed ? prompt_tokens + ending.completion_tokens : 0;
    const int64_t uncached = ending.processed ? total - cached_tokens : 0;
    limits_.Settle(reservation, uncached, total, absl::Now());
    statistics_.Charged(uncached, total, MonotonicNanoseconds());
    End(exchange, ending);
  };
  Delivery::Start(std::move(plan));
}

Simulator::Exchange Simulator::Begin(RequestRecord record) {
  Exchange exchange{.arrived_ns = record.arrived_ns,
                    .begun_ns = MonotonicNanoseconds(),
                    .text_completion = record.path == kTextPath,
                    .model = record.model};
  exchange.sequence = log_.Begin(std::move(record));
  return exchange;
}

void Simulator::End(const Exchange& exchange, const Delivery::Ending& ending) {
  const bool answered = ending.code.empty() && ending.outcome == "completed";
  const int64_t now_ns = MonotonicNanoseconds();
  log_.End(exchange.sequence, ending.status, ending.outcome, ending.completion_tokens);
  statistics_.Ended(ending.status, ending.code.empty() && !answered ? ending.outcome : ending.code,
                    now_ns);
  metrics_->Ended({.text_completion = exchange.text_completion,
                   .model = exchange.model,
                   .error_type = answered ? "" : ErrorType(ending),
                   .duration = absl::Nanoseconds(now_ns - exchange.arrived_ns),
                   .to_first_token = absl::Nanoseconds(exchange.begun_ns - exchange.arrived_ns) +
                                     ending.to_first_token,
                   .completion_tokens = ending.completion_tokens});
}

}  // namespace moa::simulator
