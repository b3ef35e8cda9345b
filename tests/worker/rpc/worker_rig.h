#pragma once

#include <prometheus/registry.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/loop/mutex.h"
#include "moa/v1/worker.pb.h"
#include "tests/worker/rpc/fake_hub.h"
#include "tests/worker/upstream/scripted_server.h"
#include "worker/rpc/worker.h"

namespace moa::worker {

// An API on a socket. It answers a chat request as its prompt says:
//
//   "echo TEXT"     with TEXT, at once
//   "hold TEXT"     with TEXT, once Release() was called
//   "stream TEXT"   as an event stream: the first half of TEXT at once, the second once Release() was called
//
// With a key, requests without it get 401. Thread-safe.
class ScriptedProvider {
 public:
  explicit ScriptedProvider(std::string key = "");
  ~ScriptedProvider();

  std::string url() const { return server_->url(); }
  void Release();
  // Waits (20 s) until so many chat requests have come, or so many were left by the worker before their
  // answer.
  bool WaitForRequests(int count);
  bool WaitForAbandoned(int count);
  int requests() const;

 private:
  void Serve(upstream::ScriptedConnection& connection);
  void Chat(upstream::ScriptedConnection& connection, const std::string& request);
  void AnswerWhenReleased(upstream::ScriptedConnection& connection, std::string reply);

  const std::string key_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool released_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<upstream::ScriptedConnection*, std::string> pending_ ABSL_GUARDED_BY(mutex_);
  int requests_ ABSL_GUARDED_BY(mutex_) = 0;
  int abandoned_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<upstream::ScriptedServer> server_;  // last: its threads use all of the above
};

// Options for a worker between a fake coordinator and a scripted provider, with short limits.
WorkerOptions RigOptions(const std::vector<std::string>& coordinators,
                         const ScriptedProvider& provider);

v1::AttemptRef MakeRef(uint32_t task, uint32_t attempt = 1);
// A task whose prompt is `prompt`.
v1::RunTask MakeTask(uint32_t task, const std::string& prompt);

}  // namespace moa::worker
