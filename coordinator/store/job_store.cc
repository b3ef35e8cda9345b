#include "coordinator/store/job_store.h"

#include <algorithm>
#include <tuple>

namespace moa {

bool IsTerminal(StoredState state) {
  switch (state) {
    case StoredState::kQueued:
    case StoredState::kRunning:
      return false;
    case StoredState::kSucceeded:
    case StoredState::kFailed:
    case StoredState::kCancelled:
      return true;
  }
  return false;
}

std::vector<StoredState> StatesOf(const JobQuery& query) {
  if (query.states.empty()) {
    return {StoredState::kQueued, StoredState::kRunning, StoredState::kSucceeded,
            StoredState::kFailed, StoredState::kCancelled};
  }
  std::vector<StoredState> states = query.states;
  std::sort(states.begin(), states.end());
  states.erase(std::unique(states.begin(), states.end()), states.end());
  return states;
}

void KeepNewest(size_t limit, std::vector<JobRow>& rows) {
  std::sort(rows.begin(), rows.end(), [](const JobRow& a, const JobRow& b) {
    return std::tie(a.created, a.id) > std::tie(b.created, b.id);
  });
  if (rows.size() > limit) rows.resize(limit);
}

}  // namespace moa
