#pragma once

// GoogleTest support for absl::Status; tests only.
//
//   ASSERT_OK(store.Open(path));
//   ASSERT_OK_AND_ASSIGN(Plan plan, Compile(spec));
//   EXPECT_THAT(result, StatusIs(absl::StatusCode::kNotFound, HasSubstr("job")));

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace moa {

inline const absl::Status& GetStatus(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& GetStatus(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << GetStatus(arg).ToString();
  return GetStatus(arg).ok();
}

MATCHER_P(StatusIs, code, std::string("has code ") + absl::StatusCodeToString(code)) {
  *result_listener << GetStatus(arg).ToString();
  return GetStatus(arg).code() == code;
}

MATCHER_P2(StatusIs, code, message_matcher,
           std::string("has code ") + absl::StatusCodeToString(code)) {
  *result_listener << GetStatus(arg).ToString();
  return GetStatus(arg).code() == code &&
         testing::ExplainMatchResult(message_matcher, std::string(GetStatus(arg).message()),
                                     result_listener);
}

}  // namespace moa

#define ASSERT_OK(expr) ASSERT_THAT(expr, ::moa::IsOk())
#define EXPECT_OK(expr) EXPECT_THAT(expr, ::moa::IsOk())
#define ASSERT_OK_AND_ASSIGN(lhs, expr) \
  ASSERT_OK_AND_ASSIGN_(MOA_TEST_CONCAT_(moa_statusor_, __LINE__), lhs, expr)
#define ASSERT_OK_AND_ASSIGN_(statusor, lhs, expr) \
  auto statusor = (expr);                          \
  ASSERT_THAT(statusor, ::moa::IsOk());            \
  lhs = *std::move(statusor)
#define MOA_TEST_CONCAT_(a, b) MOA_TEST_CONCAT_INNER_(a, b)
#define MOA_TEST_CONCAT_INNER_(a, b) a##b
