#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/gateway/coordinators.h"
#include "moa/v1/moa.pb.h"

namespace moa::gateway {

// The presets that jobs can name, kept for a few seconds: every chat request has to know whether its model is one.
//
// Owner: the Gateway. Loop thread only; outlives its coordinators' calls.
class Catalogue {
 public:
  // Borrowed until the callback returns.
  using Presets = std::vector<v1::Preset>;
  using Callback = std::function<void(const absl::StatusOr<Presets>& presets)>;

  Catalogue(Coordinators& coordinators, absl::Duration keep)
      : coordinators_(coordinators), keep_(keep) {}

  // Calls back at once where they are known.
  void Get(Callback callback);

 private:
  Coordinators& coordinators_;
  const absl::Duration keep_;
  absl::StatusOr<Presets> presets_ = Presets();
  absl::Time read_at_ = absl::InfinitePast();
  std::vector<Callback> waiting_;  // for the call under way; empty: none is
};

}  // namespace moa::gateway
