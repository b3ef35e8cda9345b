#include "tests/bench/load.h"

#include <atomic>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/bench/bench_cluster.h"

namespace moa::bench {
namespace {

void SetAgent(const JobShape& shape, v1::Agent* agent) {
  agent->set_model("gpt-oss-120b");
  agent->set_max_completion_tokens(shape.max_completion_tokens);
}

JobOutcome RunJob(Client& client, const v1::JobSpec& job, std::string mark,
                  const std::stop_token& stop) {
  JobOutcome outcome;
  outcome.mark = std::move(mark);
  outcome.tenant = job.tenant();
  outcome.submitted_ns = MonotonicNs();
  const absl::StatusOr<v1::SubmitJobResponse> submitted = client.Submit(job);
  if (!submitted.ok()) {
    outcome.error = submitted.status().ToString();
    return outcome;
  }
  outcome.id = submitted->job_id();
  const absl::Status watched = client.Watch(
      outcome.id, {.progress = false, .stop = stop}, [&](const v1::WatchUpdate& update) {
        if (!update.event().has_ended()) return true;
        const v1::JobEnded& ended = update.event().ended();
        outcome.state = ended.state();
        outcome.error = ended.error().message();
        outcome.latency_ms = static_cast<double>(ended.latency_us()) / 1000;
        outcome.ended_ns = MonotonicNs();
        return true;
      });
  if (outcome.state == v1::JOB_STATE_UNSPECIFIED) {
    outcome.error = absl::StrCat("not ended when time was up: ", watched.ToString());
  }
  return outcome;
}

// Asks for a stop when time is up; its end calls that off.
class Alarm {
 public:
  explicit Alarm(absl::Duration limit)
      : thread_([this, limit](const std::stop_token& called_off) {
          std::unique_lock<std::mutex> lock(mutex_);
          const bool ended = changed_.wait_for(lock, called_off, absl::ToChronoMilliseconds(limit),
                                               [&] { return called_off.stop_requested(); });
          if (!ended) source_.request_stop();
        }) {}

  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::jthread thread_;
};

}  // namespace

v1::JobSpec MakeJob(const JobShape& shape, absl::string_view mark) {
  v1::JobSpec job;
  job.set_tenant(shape.tenant);
  job.mutable_deadline()->set_seconds(absl::ToInt64Seconds(shape.deadline));
  v1::Message* message = job.add_messages();
  message->set_role(v1::ROLE_USER);
  message->set_content(absl::StrCat(
      "[mark ", mark,
      "] Plan an afternoon in San Francisco for two people who like to walk, with a view of the "
      "bay and a place to eat that does not need a reservation."));
  for (int l = 0; l < shape.layers; ++l) {
    v1::Layer* layer = job.mutable_moa()->add_layers();
    for (int a = 0; a < shape.agents; ++a) {
      v1::Agent* agent = layer->add_agents();
      agent->set_name(absl::StrCat("agent", a));
      SetAgent(shape, agent);
    }
  }
  SetAgent(shape, job.mutable_moa()->mutable_aggregator());
  return job;
}

std::vector<JobOutcome> RunJobs(Client& client, const Load& load) {
  std::atomic<int64_t> next{0};
  std::mutex mutex;
  std::vector<JobOutcome> outcomes;
  const absl::Time last_submission = absl::Now() + load.submit_for;
  const Alarm alarm(load.time_limit);
  const auto run = [&] {
    while (!alarm.token().stop_requested() && absl::Now() < last_submission) {
      const int64_t n = next.fetch_add(1);
      if (n >= load.jobs) return;
      std::string mark = absl::StrCat("j", n);
      const v1::JobSpec job = load.make(n, mark);
      JobOutcome outcome = RunJob(client, job, std::move(mark), alarm.token());
      const std::lock_guard<std::mutex> lock(mutex);
      outcomes.push_back(std::move(outcome));
    }
  };
  std::vector<std::jthread> clients;
  for (int64_t i = 0; i < std::min(load.concurrency, load.jobs); ++i) clients.emplace_back(run);
  clients.clear();
  return outcomes;
}

v1::Job RunJob(Client& client, const v1::JobSpec& spec) {
  const auto submitted = client.Submit(spec);
  if (!submitted.ok()) throw std::runtime_error(submitted.status().ToString());
  client.Watch(submitted->job_id(), {}, [](const v1::WatchUpdate&) { return true; }).IgnoreError();
  const absl::StatusOr<v1::Job> job = client.Get(submitted->job_id());
  if (!job.ok()) throw std::runtime_error(job.status().ToString());
  return *job;
}

int64_t Failures(const std::vector<JobOutcome>& outcomes) {
  int64_t failures = 0;
  for (const JobOutcome& outcome : outcomes) {
    if (outcome.state == v1::JOB_STATE_SUCCEEDED) continue;
    if (++failures <= 3) std::cerr << "job " << outcome.id << ": " << outcome.error << "\n";
  }
  return failures;
}

std::vector<double> Latencies(const std::vector<JobOutcome>& outcomes) {
  std::vector<double> latencies;
  for (const JobOutcome& outcome : outcomes) {
    if (outcome.state == v1::JOB_STATE_SUCCEEDED) latencies.push_back(outcome.latency_ms);
  }
  return latencies;
}

}  // namespace moa::bench
