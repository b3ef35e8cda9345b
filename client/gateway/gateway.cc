#include "client/gateway/gateway.h"

#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/gateway/answer_exchange.h"
#include "client/gateway/caller.h"
#include "client/gateway/chat_form.h"
#include "client/gateway/chat_request.h"
#include "client/gateway/console.h"
#include "client/gateway/model_list.h"
#include "client/gateway/response_form.h"
#include "client/gateway/response_request.h"

namespace moa::gateway {
namespace {

ApiError UnknownModel(absl::string_view id) {
  return {.status = 404,
          .type = "invalid_request_error",
          .message = absl::StrCat("there is no model or preset \"", id, "\": GET /v1/models"),
          .param = "model",
          .code = "model_not_found"};
}

}  // namespace

HttpResponse Gateway::RefuseRequest(int status, absl::string_view message) {
  const bool client = status < 500;
  return ErrorResponse({.status = status,
                        .type = client ? "invalid_request_error" : "server_error",
                        .message = std::string(message)});
}

void Gateway::Handle(const HttpRequest& request, HttpResponder responder) {
  if (IsConsolePath(request.path)) {
    return Reply(std::move(responder), Route::kOther, metrics_)
        .Send(ConsoleResponse(request, EmbeddedConsole()));
  }
  RouteMatch match = MatchRoute(request.method, request.path);
  auto reply = std::make_shared<Reply>(std::move(responder), match.route, metrics_);
  if (const std::string origin = access_.AllowedOrigin(request); !origin.empty()) {
    reply->AddHeader("Access-Control-Allow-Origin", origin);
    reply->AddHeader("Vary", "Origin");
    reply->AddHeader("Access-Control-Expose-Headers", "X-Moa-Job-Id, Retry-After");
  }
  if (auto preflight = access_.Preflight(request)) return reply->Send(*std::move(preflight));
  if (const auto error = access_.Check(request)) {
    if (error->status == 401) reply->AddHeader("WWW-Authenticate", "Bearer");
    return reply->SendError(*error);
  }
  if (match.route == Route::kOther) {
    return reply->SendError({.status = 404,
                             .type = "invalid_request_error",
                             .message = absl::StrCat("there is nothing at ", request.path),
                             .code = "unknown_url"});
  }
  if (!match.method_fits) {
    reply->AddHeader("Allow", match.allowed);
    return reply->SendError({.status = 405,
                             .type = "invalid_request_error",
                             .message = absl::StrCat(request.path, " takes ", match.allowed),
                             .code = "method_not_allowed"});
  }
  if (match.route == Route::kModels || match.route == Route::kModel) {
    return Models(std::move(match.id), std::move(reply));
  }
  if (match.route == Route::kChat) return Chat(request, std::move(reply));
  if (match.route == Route::kResponses) return Respond(request, std::move(reply));
  jobs_.Serve(match, request, std::move(reply));
}

void Gateway::Chat(const HttpRequest& request, ReplyPtr reply) {
  std::variant<AnswerRequest, ApiError> read = ReadChatRequest(request.body);
  if (const ApiError* error = std::get_if<ApiError>(&read)) return reply->SendError(*error);
  auto& asked = std::get<AnswerRequest>(read);
  auto form = std::make_unique<ChatForm>(asked.include_usage);
  Answer(std::move(asked), std::move(form), request, std::move(reply));
}

void Gateway::Respond(const HttpRequest& request, ReplyPtr reply) {
  std::variant<ResponseRequest, ApiError> read = ReadResponseRequest(request.body);
  if (const ApiError* error = std::get_if<ApiError>(&read)) return reply->SendError(*error);
  auto& asked = std::get<ResponseRequest>(read);
  auto form = std::make_unique<ResponseForm>(std::move(asked.echo));
  Answer(std::move(asked.answer), std::move(form), request, std::move(reply));
}

void Gateway::Answer(AnswerRequest asked, std::unique_ptr<AnswerForm> form,
                     const HttpRequest& request, ReplyPtr reply) {
  if (request.Header("X-Moa-Progress") == "1") asked.progress = true;
  AnswerExchange::Asked all{.request = std::move(asked),
                            .form = std::move(form),
                            .idempotency_key = std::string(request.Header("Idempotency-Key")),
                            .trace = TraceOf(request)};
  coordinators_.loop().Post([this, all = std::move(all), reply = std::move(reply)]() mutable {
    AnswerExchange::Start({.coordinators = coordinators_,
                           .catalogue = catalogue_,
                           .metrics = metrics_,
                           .keep_alive = options_.keep_alive},
                          std::move(all), std::move(reply));
  });
}

void Gateway::Models(std::string id, ReplyPtr reply) {
  coordinators_.loop().Post([this, id = std::move(id), reply = std::move(reply)] {
    catalogue_.Get([this, id, reply](const absl::StatusOr<Catalogue::Presets>& presets) {
      if (!presets.ok()) return reply->SendError(ErrorOfStatus(presets.status()));
      coordinators_.Call<v1::ListModelsRequest, v1::ListModelsResponse>(
          &Coordinators::Methods::ListModels, {}, {},
          [id, reply, known = *presets](const absl::StatusOr<v1::ListModelsResponse>& models) {
            if (!models.ok()) return reply->SendError(ErrorOfStatus(models.status()));
            if (id.empty()) return reply->SendJson(ModelListJson(known, *models));
            std::string json = ModelJson(id, known, *models);
            if (json.empty()) return reply->SendError(UnknownModel(id));
            reply->SendJson(std::move(json));
          });
    });
  });
}

}  // namespace moa::gateway
