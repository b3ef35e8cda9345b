#include "tests/chaos/load.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/chaos/chaos_job.h"

namespace moa::chaos {
namespace {

constexpr int kProgressEvery = 8;  // one job in so many is watched with its tokens
constexpr int kAgainEvery = 16;    // one in so many is submitted twice

int64_t NowUs() { return absl::ToUnixMicros(absl::Now()); }

}  // namespace

Load::Load(LoadOptions options)
    : options_(std::move(options)), last_submission_(absl::Now() + options_.submit_for) {
  for (const std::string& address : options_.coordinators) {
    coordinators_.push_back(std::make_unique<CoordinatorClient>(address));
  }
  const auto clients = static_cast<int>(std::min<int64_t>(options_.concurrency, options_.jobs));
  running_.store(clients);
  for (int i = 0; i < clients; ++i) clients_.emplace_back([this, i] { RunClient(i); });
}

bool Load::Beginning() const {
  return next_.load() < options_.jobs && absl::Now() < last_submission_;
}

std::vector<ClientJob> Load::Take() {
  clients_.clear();
  std::sort(jobs_.begin(), jobs_.end(),
            [](const ClientJob& a, const ClientJob& b) { return a.number < b.number; });
  return std::move(jobs_);
}

void Load::RunClient(int number) {
  auto at = static_cast<size_t>(number) % coordinators_.size();
  while (absl::Now() < last_submission_) {
    ClientJob job;
    job.number = next_.fetch_add(1);
    if (job.number >= options_.jobs) break;
    const absl::Time until = absl::Now() + options_.patience;
    at = (at + 1) % coordinators_.size();
    Submit(job, at, until);
    if (!job.id.empty()) {
      if (job.number % kAgainEvery == 0) SubmitAgain(job, at);
      Watch(job, at, until);
    }
    ended_.fetch_add(1);
    const std::lock_guard<std::mutex> lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  running_.fetch_sub(1);
}

void Load::Submit(ClientJob& job, size_t& at, absl::Time until) {
  const v1::JobSpec spec = MakeJob(job.number);
  const std::string key = KeyOf(options_.seed, job.number);
  while (absl::Now() < until) {
    const auto answer = coordinators_[at]->Submit(spec, key);
    if (answer.ok()) {
      job.id = answer->job_id();
      job.ids = {job.id};
      job.acknowledged_us = NowUs();
      return;
    }
    job.trouble = answer.status().ToString();
    at = (at + 1) % coordinators_.size();
    coordinators_[at]->Pause();
  }
}

void Load::SubmitAgain(ClientJob& job, size_t at) {
  const auto answer = coordinators_[(at + 1) % coordinators_.size()]->Submit(
      MakeJob(job.number), KeyOf(options_.seed, job.number));
  if (answer.ok()) job.ids.push_back(answer->job_id());
  // To be unavailable is a coordinator's right; to take the same job for another one is not.
  if (absl::IsAlreadyExists(answer.status())) job.ids.emplace_back("another job's");
}

void Load::Watch(ClientJob& job, size_t& at, absl::Time until) {
  uint64_t last = 0;
  job.trouble.clear();
  for (int connection = 0; absl::Now() < until && job.ended_us == 0; ++connection) {
    const absl::Status status = coordinators_[at]->Watch(
        job.id, last, job.number % kProgressEvery == 0, [&](const v1::WatchUpdate& update) {
          if (!update.has_event()) return;
          last = std::max(last, update.event().sequence());
          job.events.push_back({connection, update.event().sequence()});
          if (!update.event().has_ended()) return;
          job.state_heard = update.event().ended().state();
          job.ended_us = NowUs();
        });
    if (job.ended_us != 0) return;
    job.trouble = status.ok() ? "the watch ended before the job" : status.ToString();
    if (absl::IsDeadlineExceeded(status) && coordinators_.size() == 1) continue;
    at = (at + 1) % coordinators_.size();
    coordinators_[at]->Pause();
  }
}

}  // namespace moa::chaos
