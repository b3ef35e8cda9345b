#include "client/gateway/routes.h"

#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/http/http_message.h"

namespace moa::gateway {
namespace {

struct Row {
  Route route;
  const char* path;
  const char* allowed;
};

constexpr Row kTable[] = {
    {Route::kOther, "other", ""},
    {Route::kModels, "/v1/models", "GET, HEAD"},
    {Route::kModel, "/v1/models/{id}", "GET, HEAD"},
    {Route::kChat, "/v1/chat/completions", "POST"},
    {Route::kResponses, "/v1/responses", "POST"},
    {Route::kJobs, "/v1/jobs", "GET, HEAD, POST"},
    {Route::kJobsInspect, "/v1/jobs/inspect", "POST"},
    {Route::kJobsConvert, "/v1/jobs/convert", "POST"},
    {Route::kJobsCount, "/v1/jobs/count", "GET, HEAD"},
    {Route::kJob, "/v1/jobs/{id}", "GET, HEAD"},
    {Route::kJobCancel, "/v1/jobs/{id}/cancel", "POST"},
    {Route::kJobEvents, "/v1/jobs/{id}/events", "GET"},
    {Route::kPresets, "/v1/presets", "GET, HEAD"},
    {Route::kPreset, "/v1/presets/{id}", "GET, HEAD"},
    {Route::kWorkers, "/v1/workers", "GET, HEAD"},
    {Route::kMetrics, "/v1/metrics", "GET, HEAD"},
    {Route::kModelTable, "/v1/model-table", "GET, HEAD"},
    {Route::kGraders, "/v1/graders", "GET, HEAD"},
    {Route::kGrades, "/v1/grades", "GET, HEAD"},
    {Route::kLeaderboard, "/v1/leaderboard", "GET, HEAD"},
};

// `id` gets what stands in the place of {id}.
bool Fits(absl::string_view pattern, absl::string_view path, std::string* id) {
  const std::vector<absl::string_view> want = absl::StrSplit(pattern, '/');
  const std::vector<absl::string_view> have = absl::StrSplit(path, '/');
  if (want.size() != have.size()) return false;
  for (size_t i = 0; i < want.size(); ++i) {
    if (want[i] == "{id}") {
      *id = PercentDecode(have[i]);
      if (id->empty()) return false;
    } else if (want[i] != have[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

const char* RouteName(Route route) { return kTable[static_cast<int>(route)].path; }

RouteMatch MatchRoute(absl::string_view method, absl::string_view path) {
  for (const Row& row : kTable) {
    RouteMatch match{.route = row.route, .allowed = row.allowed};
    if (row.route == Route::kOther || !Fits(row.path, path, &match.id)) continue;
    const std::vector<absl::string_view> methods = absl::StrSplit(row.allowed, ", ");
    for (const absl::string_view one : methods) match.method_fits |= one == method;
    return match;
  }
  return {};
}

}  // namespace moa::gateway
