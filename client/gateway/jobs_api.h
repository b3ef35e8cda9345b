#pragma once

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "client/gateway/catalogue.h"
#include "client/gateway/coordinators.h"
#include "client/gateway/reply.h"
#include "client/gateway/routes.h"
#include "common/http/http_message.h"

namespace moa::gateway {

// The coordinators' own API as JSON: jobs and what they can name, in the forms that moactl prints. docs/openapi.yaml
// describes it.
//
// Owner: the Gateway. Serve is thread-safe: it reads the request and hands over to the loop.
class JobsApi {
 public:
  JobsApi(Coordinators& coordinators, Catalogue& catalogue, absl::Duration keep_alive)
      : coordinators_(coordinators), catalogue_(catalogue), keep_alive_(keep_alive) {}

  // REQUIRES: `match` is one of the routes from kJobs on, and its method fits.
  void Serve(const RouteMatch& match, const HttpRequest& request, std::shared_ptr<Reply> reply);

 private:
  using ReplyPtr = std::shared_ptr<Reply>;
  void Submit(const HttpRequest& request, ReplyPtr reply);
  void Convert(const HttpRequest& request, const ReplyPtr& reply);
  void Inspect(const HttpRequest& request, ReplyPtr reply);
  void List(const HttpRequest& request, ReplyPtr reply);
  void Count(const HttpRequest& request, ReplyPtr reply);
  void Metrics(const HttpRequest& request, ReplyPtr reply);
  void Grades(const HttpRequest& request, ReplyPtr reply);
  void Leaderboard(const HttpRequest& request, ReplyPtr reply);
  void Get(const std::string& id, ReplyPtr reply);
  void Cancel(const std::string& id, const HttpRequest& request, ReplyPtr reply);
  void Events(const std::string& id, const HttpRequest& request, ReplyPtr reply);
  // All presets, or the one of that name.
  void Presets(const std::string& name, ReplyPtr reply);

  Coordinators& coordinators_;
  Catalogue& catalogue_;
  const absl::Duration keep_alive_;
};

}  // namespace moa::gateway
