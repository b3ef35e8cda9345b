#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace moa::gateway {

// What can be asked of the gateway. The order is that of RouteName's table.
enum class Route {
  kOther,
  kModels,
  kModel,
  kChat,
  kResponses,
  kJobs,
  kJobsInspect,
  kJobsConvert,
  kJobsCount,
  kJob,
  kJobCancel,
  kJobEvents,
  kPresets,
  kPreset,
  kWorkers,
  kMetrics,
  kModelTable,
  kGraders,
  kGrades,
  kLeaderboard
};
inline constexpr int kRoutes = static_cast<int>(Route::kLeaderboard) + 1;

// The path as documentation has it: "/v1/models/{id}"; "other". Constant texts: metrics have them as labels.
const char* RouteName(Route route);

struct RouteMatch {
  Route route = Route::kOther;
  std::string id;            // what stands in the place of {id}, decoded
  bool method_fits = false;  // false: 405, or 404 for kOther
  const char* allowed = "";  // methods, as the header Allow has them
};

// Pure.
RouteMatch MatchRoute(absl::string_view method, absl::string_view path);

}  // namespace moa::gateway
