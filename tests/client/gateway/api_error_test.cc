#include "client/gateway/api_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/lib/error_details.h"
#include "tests/client/lib/fake_coordinator.h"

namespace moa::gateway {
namespace {

using testing::HasSubstr;
using testing::Not;

int StatusOf(absl::StatusCode code) { return ErrorOfStatus(absl::Status(code, "x")).status; }

TEST(ApiErrorTest, StatusesFollowTheCoordinators) {
  EXPECT_EQ(StatusOf(absl::StatusCode::kInvalidArgument), 400);
  EXPECT_EQ(StatusOf(absl::StatusCode::kNotFound), 404);
  EXPECT_EQ(StatusOf(absl::StatusCode::kAlreadyExists), 409);
  EXPECT_EQ(StatusOf(absl::StatusCode::kResourceExhausted), 429);
  EXPECT_EQ(StatusOf(absl::StatusCode::kUnavailable), 503);
  EXPECT_EQ(StatusOf(absl::StatusCode::kDeadlineExceeded), 504);
  EXPECT_EQ(StatusOf(absl::StatusCode::kInternal), 500);
}

TEST(ApiErrorTest, InvalidJobsHaveEveryMistakeWithTheRequestsNames) {
  FieldNames names;
  names.Add("moa.aggregator.max_completion_tokens", "max_tokens");
  const ApiError error =
      ErrorOfStatus(WithDetails(InvalidJobStatus({{"moa.aggregator.max_completion_tokens", "is 0"},
                                                  {"messages[0].content", "is empty"}})),
                    names);
  EXPECT_EQ(error.param, "max_tokens");
  EXPECT_EQ(error.message, "max_tokens: is 0; messages[0].content: is empty");
  EXPECT_THAT(ErrorJson(error),
              HasSubstr(R"("problems":[{"path":"max_tokens","message":"is 0"},)"
                        R"({"path":"messages[0].content","message":"is empty"}]})"));
}

TEST(ApiErrorTest, MistakesOfAFileHaveTheirLines) {
  Problems problems;
  problems.Add({"job.yaml", 7, 3, "moa.layers[0].cycles", "must be a whole number"});
  EXPECT_THAT(ErrorJson(ErrorOfProblems(problems)),
              HasSubstr(R"("problems":[{"path":"moa.layers[0].cycles","message":)"
                        R"("must be a whole number","line":7,"column":3}]})"));
}

TEST(ApiErrorTest, AnUnknownModelIs404WhereItIsTheRequestsOwn) {
  FieldNames names;
  names.Add("moa.aggregator.model", "model");
  const absl::Status status =
      WithDetails(InvalidJobStatus({{"moa.aggregator.model", "is no known model"}}));
  EXPECT_EQ(ErrorOfStatus(status, names).status, 404);
  EXPECT_EQ(ErrorOfStatus(status, names).code, "model_not_found");
  EXPECT_EQ(ErrorOfStatus(status).status, 400);
}

TEST(ApiErrorTest, ClientsAreToldWhenToComeBack) {
  const HttpResponse response =
      ErrorResponse({.status = 429, .message = "x", .retry_after = absl::Milliseconds(1200)});
  EXPECT_THAT(response.header_block(), HasSubstr("Retry-After: 2\r\n"));
  EXPECT_THAT(response.header_block(), Not(HasSubstr("X-Should-Retry")));
}

TEST(ApiErrorTest, JobsErrorsHaveTheirOwnStatuses) {
  for (int code = 0; code < v1::ErrorCode_ARRAYSIZE; ++code) {
    v1::Error error;
    error.set_code(static_cast<v1::ErrorCode>(code));
    const ApiError made = ErrorOfJob(error);
    EXPECT_GE(made.status, 400) << code;
    EXPECT_FALSE(made.message.empty());
  }
  v1::Error late;
  late.set_code(v1::ERROR_CODE_DEADLINE_EXCEEDED);
  late.set_message("took longer than 30s");
  EXPECT_EQ(ErrorOfJob(late).status, 504);
  EXPECT_EQ(ErrorOfJob(late).code, "deadline_exceeded");
  // Another try would pay for all of it again.
  EXPECT_THAT(ErrorResponse(ErrorOfJob(late)).header_block(),
              HasSubstr("X-Should-Retry: false\r\n"));
}

TEST(ApiErrorTest, TheFormIsOpenAis) {
  EXPECT_EQ(ErrorJson(InvalidRequest("no \"x\"", "n")),
            R"({"error":{"message":"no \"x\"","type":"invalid_request_error","param":"n",)"
            R"("code":null}})");
}

TEST(FieldNamesTest, OnlyWholeNamesAreReplaced) {
  FieldNames names;
  names.Add("name", "moa.name");
  EXPECT_EQ(names.InRequest("name"), "moa.name");
  EXPECT_EQ(names.InRequest("names"), "names");
  EXPECT_EQ(names.InRequest(""), "");
}

}  // namespace
}  // namespace moa::gateway
