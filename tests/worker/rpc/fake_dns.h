#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/loop/mutex.h"
#include "worker/rpc/name_watch.h"

namespace moa::worker {

// A resolver that answers what tests tell it; names that it was not told it does not know. Thread-safe.
class FakeDns {
 public:
  void Set(const std::string& host, std::vector<std::string> ips);
  void Fail(const std::string& host);
  // Waits (20 s) until two more questions were asked: where there is one name, an answer of now has been taken then.
  bool WaitForAnAnswer();

  // May be called when this object is gone.
  NameWatch::Resolve resolve();

 private:
  struct State {
    Mutex mutex;
    CondVar asked;
    std::map<std::string, std::vector<std::string>> answers ABSL_GUARDED_BY(mutex);
    int questions ABSL_GUARDED_BY(mutex) = 0;
  };
  // Owners: this object and each `resolve`, as a NameWatch's thread may outlive the test.
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace moa::worker
