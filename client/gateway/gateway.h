#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/gateway/access.h"
#include "client/gateway/answer_form.h"
#include "client/gateway/answer_request.h"
#include "client/gateway/catalogue.h"
#include "client/gateway/coordinators.h"
#include "client/gateway/gateway_metrics.h"
#include "client/gateway/jobs_api.h"
#include "client/gateway/reply.h"
#include "client/gateway/routes.h"
#include "common/http/http_server.h"
#include "common/loop/loop.h"

namespace moa::gateway {

// An HTTP front of coordinators: OpenAI's chat completions and responses, and jobs as JSON. It keeps nothing: any gateway
// answers any request.
//
// Handle reads a request on the server's thread and hands it to the loop, which owns everything that waits for a
// coordinator.
//
// Owner: the composition root; outlives the server that calls it. Handle is thread-safe.
class Gateway {
 public:
  struct Options {
    absl::Duration keep_alive = absl::Seconds(10);  // between signs of life in a stream
    absl::Duration keep_presets = absl::Seconds(5);
  };

  // All are borrowed and outlive this object; `coordinators` are closed before it is destroyed.
  Gateway(Coordinators& coordinators, const Access& access, GatewayMetrics& metrics,
          const Options& options)
      : coordinators_(coordinators),
        access_(access),
        metrics_(metrics),
        options_(options),
        catalogue_(coordinators, options.keep_presets),
        jobs_(coordinators, catalogue_, options.keep_alive) {}

  void Handle(const HttpRequest& request, HttpResponder responder);

  // For HttpServerOptions::error_response.
  static HttpResponse RefuseRequest(int status, absl::string_view message);

 private:
  using ReplyPtr = std::shared_ptr<Reply>;
  // POST of chat completions, and of responses.
  void Chat(const HttpRequest& request, ReplyPtr reply);
  void Respond(const HttpRequest& request, ReplyPtr reply);
  void Answer(AnswerRequest asked, std::unique_ptr<AnswerForm> form, const HttpRequest& request,
              ReplyPtr reply);
  // GET /v1/models, or of one of them where `id` is not empty.
  void Models(std::string id, ReplyPtr reply);

  Coordinators& coordinators_;
  const Access& access_;
  GatewayMetrics& metrics_;
  const Options options_;
  Catalogue catalogue_;  // loop only
  JobsApi jobs_;
};

}  // namespace moa::gateway
