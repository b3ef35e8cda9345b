#pragma once

#include <compare>
#include <ostream>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace moa {

// A string that names one kind of thing, so that a worker's id cannot be passed where a job's is
// meant. `Tag` is any type, usually incomplete:
//
//   using JobId = StrongId<struct JobIdTag>;
//   JobId id("01J…");
//
// A value type; ordered, hashable with absl::Hash, printable.
template <typename Tag>
class StrongId {
 public:
  StrongId() = default;
  explicit StrongId(std::string value) : value_(std::move(value)) {}
  explicit StrongId(absl::string_view value) : value_(value) {}
  explicit StrongId(const char* value) : value_(value) {}

  const std::string& value() const { return value_; }
  bool empty() const { return value_.empty(); }

  friend auto operator<=>(const StrongId&, const StrongId&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const StrongId& id) {
    return H::combine(std::move(state), id.value_);
  }
  friend std::ostream& operator<<(std::ostream& os, const StrongId& id) { return os << id.value_; }

 private:
  std::string value_;
};

using JobId = StrongId<struct JobIdTag>;
using WorkerId = StrongId<struct WorkerIdTag>;
using Tenant = StrongId<struct TenantTag>;

}  // namespace moa
