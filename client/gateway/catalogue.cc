#include "client/gateway/catalogue.h"

#include <utility>

namespace moa::gateway {

void Catalogue::Get(Callback callback) {
  if (presets_.ok() && Loop::Now() - read_at_ < keep_) return callback(presets_);
  waiting_.push_back(std::move(callback));
  if (waiting_.size() > 1) return;
  coordinators_.Call<v1::ListPresetsRequest, v1::ListPresetsResponse>(
      &Coordinators::Methods::ListPresets, {}, {},
      [this](absl::StatusOr<v1::ListPresetsResponse> response) {
        if (response.ok()) {
          presets_ = Presets(response->presets().begin(), response->presets().end());
          read_at_ = Loop::Now();
        } else {
          presets_ = response.status();
        }
        const std::vector<Callback> waiting = std::move(waiting_);
        waiting_.clear();
        for (const Callback& one : waiting) one(presets_);
      });
}

}  // namespace moa::gateway
