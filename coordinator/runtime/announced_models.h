#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/loop/mutex.h"
#include "coordinator/engine/model_table.h"

namespace moa {

// The configured models and those that workers have announced. Thread-safe.
class AnnouncedModels {
 public:
  explicit AnnouncedModels(const ModelTable& configured)
      : table_(std::make_shared<const ModelTable>(configured)) {}

  // A snapshot.
  std::shared_ptr<const ModelTable> Get() const {
    MutexLock lock(mutex_);
    return table_;
  }
  void Announce(const std::vector<std::string>& ids) {
    MutexLock lock(mutex_);
    const ModelTable& known = *table_;
    const auto is_known = [&known](const std::string& id) {
      return id == kGraderModel || known.Find(id) != nullptr;
    };
    if (std::all_of(ids.begin(), ids.end(), is_known)) return;
    auto table = std::make_shared<ModelTable>(*table_);
    for (const std::string& id : ids) {
      if (id != kGraderModel) table->Announce(id);
    }
    table_ = std::move(table);
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const ModelTable> table_ ABSL_GUARDED_BY(mutex_);  // replaced, never changed
};

}  // namespace moa
