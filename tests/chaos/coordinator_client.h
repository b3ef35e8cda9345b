#pragma once

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/lib/moa_client.h"
#include "moa/v1/moa.grpc.pb.h"

namespace moa::chaos {

// One coordinator, as an impatient client sees it. Thread-safe.
//
// Jobs are submitted and fetched through the client library. Watching is done on the bare stream, because the library
// hides what an auditor must see: an event that comes twice.
class CoordinatorClient {
 public:
  // Nobody waits longer for an answer; a stream that lasts longer is opened anew, at the next coordinator.
  static constexpr absl::Duration kPatience = absl::Seconds(3);

  explicit CoordinatorClient(const std::string& address);

  absl::StatusOr<v1::SubmitJobResponse> Submit(const v1::JobSpec& job, const std::string& key) {
    return client_->Submit(job, key);
  }
  absl::StatusOr<v1::Job> Get(const std::string& id) { return client_->Get(id); }

  // Waits a little before another try, less once there is a connection. Not by sleeping alone: nobody else drives a
  // channel whose calls all fail at once, and gRPC itself looks after it only every 5 s.
  void Pause();

  // Hands over each update that comes until the stream ends. OK: the coordinator says that nothing more will come.
  absl::Status Watch(const std::string& id, uint64_t after_sequence, bool progress,
                     const std::function<void(const v1::WatchUpdate&)>& on_update);

 private:
  std::unique_ptr<Client> client_;
  std::shared_ptr<grpc::Channel> channel_;  // shared with the stub and gRPC
  std::unique_ptr<v1::MoaService::Stub> stub_;
};

}  // namespace moa::chaos
