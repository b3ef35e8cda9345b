#include "client/gateway/routes.h"

#include <gtest/gtest.h>

namespace moa::gateway {
namespace {

TEST(RoutesTest, NamesAreInTheOrderOfRoutes) {
  for (int i = 1; i < kRoutes; ++i) {
    const std::string path = RouteName(static_cast<Route>(i));
    EXPECT_EQ(static_cast<int>(MatchRoute("GET", path).route), i) << path;
  }
}

TEST(RoutesTest, IdsAreDecoded) {
  const RouteMatch match = MatchRoute("GET", "/v1/models/meta%2Fllama");
  EXPECT_EQ(match.route, Route::kModel);
  EXPECT_EQ(match.id, "meta/llama");
  EXPECT_TRUE(match.method_fits);
}

TEST(RoutesTest, PathsHaveToFitWholly) {
  for (const char* path : {"/", "", "/v1", "/v1/models/", "/v1/models/a/b", "/v1/chat",
                           "/v1/chat/completions/", "/v2/models", "/V1/models"}) {
    EXPECT_EQ(MatchRoute("GET", path).route, Route::kOther) << path;
  }
}

TEST(RoutesTest, MethodsAreThoseOfTheTable) {
  EXPECT_FALSE(MatchRoute("GET", "/v1/chat/completions").method_fits);
  EXPECT_TRUE(MatchRoute("POST", "/v1/chat/completions").method_fits);
  EXPECT_FALSE(MatchRoute("get", "/v1/models").method_fits);
  EXPECT_STREQ(MatchRoute("PUT", "/v1/models").allowed, "GET, HEAD");
}

}  // namespace
}  // namespace moa::gateway
