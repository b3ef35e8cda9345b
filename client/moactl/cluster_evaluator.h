#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "client/lib/moa_client.h"
#include "client/moactl/evaluator.h"
#include "moa/v1/job.pb.h"

namespace moa {

// Runs trials as jobs of a coordinator: the base's job with the trial's MoA, then a job that grades its answer.
//
// A job that was submitted under its key before, by whatever process, is found again and not paid for twice. One that was
// cancelled, or failed through no fault of its own (the provider was busy, a key was wrong), is followed by another one
// under the key with a number behind it; three such in a row are an error. A job that the coordinator refuses, or that
// fails because of what it asks for, is a trial that failed.
//
// Thread-safe. The client outlives it.
class ClusterEvaluator final : public Evaluator {
 public:
  // `name` begins the jobs' names. `told` is called, on any thread, with what is waited for; it may be empty.
  ClusterEvaluator(Client& client, v1::JobSpec base, v1::Grader grader, std::string rewriter,
                   std::string name, std::function<void(const std::string&)> told = nullptr);

  absl::StatusOr<TrialResult> Run(const Trial& trial, const std::string& key,
                                  std::stop_token stop) override;
  absl::StatusOr<ReflectionReply> Rewrite(const ReflectionRequest& request, const std::string& key,
                                          std::stop_token stop) override;

 private:
  struct Spent {
    uint64_t tokens = 0;
    double cost_usd = 0;
  };
  // Runs a job until one under this key has ended by itself. kInvalidArgument: the coordinator refuses it.
  absl::StatusOr<v1::Job> RunKeyed(const v1::JobSpec& spec, const std::string& key,
                                   const std::stop_token& stop, Spent& spent);
  // Calls again while the coordinator is full or away, for as long as one that restarts may take.
  template <typename Call>
  auto Patiently(const Call& call, const std::stop_token& stop) -> decltype(call());
  absl::Status WaitFor(const std::string& job_id, const std::stop_token& stop);
  absl::Status Grade(const v1::Job& job, const std::string& name, const std::string& key,
                     const std::stop_token& stop, TrialResult& result);

  Client& client_;
  const v1::JobSpec base_;
  const v1::Grader grader_;
  const std::string rewriter_;
  const std::string name_;
  const std::function<void(const std::string&)> told_;
};

}  // namespace moa
