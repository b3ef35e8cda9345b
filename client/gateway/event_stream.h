#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/gateway/coordinators.h"
#include "client/gateway/job_watch.h"
#include "client/gateway/reply.h"
#include "common/trace/job_names.h"

namespace moa::gateway {

// One GET of a job's events: follows the job and sends each as a server-sent event with its sequence as id, so that a
// client that comes back names the last one it saw. The job does not depend on it. Where nothing is left to tell, the
// answer is 204, on which an EventSource does not come back.
//
// Owner: its own callbacks, until the reply has ended. Loop thread only.
class EventStream final : public std::enable_shared_from_this<EventStream> {
 public:
  struct Options {
    std::string job_id;
    uint64_t after_sequence = 0;
    bool progress = false;
    absl::Duration keep_alive;
  };
  static void Start(Coordinators& coordinators, Options options, std::shared_ptr<Reply> reply);

 private:
  EventStream(Coordinators& coordinators, Options options, std::shared_ptr<Reply> reply)
      : coordinators_(coordinators), options_(std::move(options)), reply_(std::move(reply)) {}

  void Begin();
  void Updated(const v1::WatchUpdate& update);
  void Ended(const absl::Status& status);
  void SetTimer();
  // What is gathered, as one piece: with many agents that stream, one for each update would cost more than the text.
  void Write();
  void Close();

  Coordinators& coordinators_;
  const Options options_;
  const std::shared_ptr<Reply> reply_;
  std::unique_ptr<JobWatch> watch_;
  TaskIds tasks_;
  bool over_ = false;
  std::string gathered_;
  absl::Time written_at_ = Loop::Now();
  Loop::TimerId timer_ = 0;  // 0: none
};

}  // namespace moa::gateway
