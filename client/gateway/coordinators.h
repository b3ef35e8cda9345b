#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/loop/loop.h"
#include "common/loop/mutex.h"
#include "common/net/tls.h"
#include "moa/v1/moa.grpc.pb.h"

namespace moa::gateway {

// Metadata of a call: names and values.
using CallHeaders = std::vector<std::pair<std::string, std::string>>;

// The coordinators, of which any answers any request: when one is not available the next is asked, and all of them again
// for a while, since one that restarts is back within seconds. Calls are asynchronous; no thread waits for one.
//
// Owner: the Gateway. Loop thread only, except where said; what is called back is called on the loop.
class Coordinators {
 public:
  struct Options {
    std::vector<std::string> addresses = {"127.0.0.1:7070"};  // HOST:PORT
    ClientTlsFiles tls = {};
    absl::Duration call_timeout = absl::Seconds(30);  // of a unary call, its repetitions included
    absl::Duration retry_for = absl::Seconds(5);      // while nobody is available
  };
  using Methods = v1::MoaService::StubInterface::async_interface;
  template <typename Request, typename Response>
  using Method = void (Methods::*)(grpc::ClientContext*, const Request*, Response*,
                                   std::function<void(grpc::Status)>);

  // Does not dial. InvalidArgument or NotFound: an address or a TLS file is wrong.
  static absl::StatusOr<std::unique_ptr<Coordinators>> Create(Loop& loop, const Options& options);

  // Asks and calls `done` once, with the answer or with an error that has the coordinator's details.
  template <typename Request, typename Response>
  void Call(Method<Request, Response> method, Request request, CallHeaders headers,
            std::function<void(absl::StatusOr<Response>)> done) {
    auto call = std::make_shared<Unary>();
    auto asked = std::make_shared<Request>(std::move(request));
    auto answer = std::make_shared<Response>();
    call->headers = std::move(headers);
    call->start = [method, asked, answer](Methods& methods, grpc::ClientContext* context,
                                          std::function<void(grpc::Status)> ended) {
      answer->Clear();
      (methods.*method)(context, asked.get(), answer.get(), std::move(ended));
    };
    call->done = [asked, answer, done = std::move(done)](const absl::Status& status) {
      if (status.ok()) {
        done(std::move(*answer));
      } else {
        done(status);
      }
    };
    Begin(std::move(call));
  }

  // Whose turn it is, for calls that are streams.
  size_t current() const { return turn_ % coordinators_.size(); }
  v1::MoaService::Stub& stub(size_t index) { return *coordinators_[index].stub; }
  // After `failed` has not answered.
  void MoveOn(size_t failed);
  // Adds what a person needs to act on it.
  absl::Status Explained(const grpc::Status& status, size_t index) const;
  // Cancelled when Close is called. REQUIRES: a call of Left for each.
  void Entered(grpc::ClientContext* context);
  void Left(grpc::ClientContext* context);

  // OK while a coordinator is connected, or was until the connection went idle; begins to connect. Any thread.
  absl::Status Reachable();
  // Cancels every call and waits until all have ended; none begins any more, and no closure of this object is left on
  // the loop. Not on the loop's thread.
  void Close();
  bool closing() const { return closing_; }
  Loop& loop() { return loop_; }

 private:
  struct Coordinator {
    std::string address;
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<v1::MoaService::Stub> stub;
  };
  struct Unary {
    CallHeaders headers;
    std::function<void(Methods&, grpc::ClientContext*, std::function<void(grpc::Status)>)> start;
    std::function<void(const absl::Status&)> done;
    absl::Time deadline;
    absl::Time last_retry;
    absl::Duration pause = absl::Milliseconds(100);
    size_t tried = 0;
    Loop::TimerId timer = 0;  // of the pause before the next attempt
    std::unique_ptr<grpc::ClientContext> context;
  };

  Coordinators(Loop& loop, const Options& options) : loop_(loop), options_(options) {}
  void Begin(std::shared_ptr<Unary> call);
  void Attempt(const std::shared_ptr<Unary>& call);
  void OnAttempt(const std::shared_ptr<Unary>& call, size_t index, const grpc::Status& status);
  absl::Duration AttemptTimeout() const;
  void TellIdle();
  // Asks something, as connections make no progress while nobody waits for an answer.
  void Connect();

  Loop& loop_;
  const Options options_;
  std::vector<Coordinator> coordinators_;  // constant after Create
  size_t turn_ = 0;
  bool closing_ = false;
  std::set<grpc::ClientContext*> live_;
  std::set<std::shared_ptr<Unary>> paused_;  // between two attempts
  std::atomic<bool> reached_ = false;
  bool connecting_ = false;

  Mutex mutex_;
  CondVar idle_cond_;
  bool idle_ ABSL_GUARDED_BY(mutex_) = false;  // closing, and no call is left
};

}  // namespace moa::gateway
