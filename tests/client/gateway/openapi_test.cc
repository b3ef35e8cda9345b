// docs/openapi.yaml has the routes that the gateway has, each with its methods.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/gateway/routes.h"
#include "common/document/document.h"

namespace moa::gateway {
namespace {

TEST(OpenApiTest, HasTheRoutesThatThereAre) {
  std::ostringstream text;
  text << std::ifstream(MOA_SOURCE_DIR "/docs/openapi.yaml").rdbuf();
  Problems problems;
  const auto document = ReadYaml(text.str(), "openapi.yaml", problems);
  ASSERT_TRUE(document.has_value()) << problems.ToString();
  std::set<std::string> described;
  for (const Node& path : document->root.Find("paths")->children) {
    for (const Node& method : path.children) {
      if (method.key == "parameters") continue;
      described.insert(absl::StrCat(absl::AsciiStrToUpper(method.key), " ", path.key));
    }
  }
  std::set<std::string> served;
  for (int i = 1; i < kRoutes; ++i) {
    const std::string path = RouteName(static_cast<Route>(i));
    for (const char* method : {"GET", "POST", "PUT", "DELETE", "PATCH"}) {
      if (MatchRoute(method, path).method_fits) served.insert(absl::StrCat(method, " ", path));
    }
  }
  EXPECT_EQ(described, served);
}

}  // namespace
}  // namespace moa::gateway
