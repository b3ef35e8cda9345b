#include "coordinator/store/job_store.h"

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

}  // namespace moa
