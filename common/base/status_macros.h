#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Early returns for absl::Status and absl::StatusOr (the installed Abseil ships none).
//
//   MOA_RETURN_IF_ERROR(store.Open(path));
//   MOA_ASSIGN_OR_RETURN(Plan plan, Compile(spec));

#define MOA_RETURN_IF_ERROR(expr)                               \
  do {                                                          \
    if (absl::Status moa_status_ = (expr); !moa_status_.ok()) { \
      return moa_status_;                                       \
    }                                                           \
  } while (false)

#define MOA_ASSIGN_OR_RETURN(lhs, expr) \
  MOA_ASSIGN_OR_RETURN_(MOA_STATUS_CONCAT_(moa_statusor_, __LINE__), lhs, expr)

#define MOA_ASSIGN_OR_RETURN_(statusor, lhs, expr) \
  auto statusor = (expr);                          \
  if (!statusor.ok()) {                            \
    return std::move(statusor).status();           \
  }                                                \
  lhs = *std::move(statusor)

#define MOA_STATUS_CONCAT_(a, b) MOA_STATUS_CONCAT_INNER_(a, b)
#define MOA_STATUS_CONCAT_INNER_(a, b) a##b
