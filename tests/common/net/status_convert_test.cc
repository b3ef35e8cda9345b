#include "common/net/status_convert.h"

#include <gtest/gtest.h>

#include <string>

#include "common/base/status_matchers.h"
#include "common/base/text.h"

namespace moa {
namespace {

TEST(StatusConvertTest, EveryCodeComesBackUnchanged) {
  for (int code = 0; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), code == 0 ? "" : "why");
    const grpc::Status converted = ToGrpcStatus(status);
    EXPECT_EQ(static_cast<int>(converted.error_code()), code);
    EXPECT_EQ(FromGrpcStatus(converted), status);
  }
}

TEST(StatusConvertTest, CodesThatNobodyKnowsBecomeUnknown) {
  EXPECT_THAT(FromGrpcStatus(grpc::Status(grpc::StatusCode::DO_NOT_USE, "odd")),
              StatusIs(absl::StatusCode::kUnknown, "odd"));
}

TEST(StatusConvertTest, MessagesAreCutAndRepairedForTheWire) {
  const std::string message = std::string(4095, 'a') + "\xE2\x82\xAC";
  const std::string converted = ToGrpcStatus(absl::InternalError(message)).error_message();
  EXPECT_EQ(converted, std::string(4095, 'a'));
  EXPECT_TRUE(IsValidUtf8(ToGrpcStatus(absl::InternalError("\xFF\xC3")).error_message()));
}

}  // namespace
}  // namespace moa
