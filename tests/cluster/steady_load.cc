#include "tests/cluster/steady_load.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/cluster/process.h"

namespace moa::cluster {
namespace {

v1::JobSpec LoadJob(const std::string& mark) {
  v1::JobSpec job;
  v1::Message* message = job.add_messages();
  message->set_role(v1::ROLE_USER);
  message->set_content(absl::StrCat("[mark ", mark, "] Where to go in the afternoon?"));
  v1::Layer* layer = job.mutable_moa()->add_layers();
  for (const char* name : {"one", "two"}) {
    v1::Agent* agent = layer->add_agents();
    agent->set_name(name);
    agent->set_model("gpt-oss-120b");
    agent->set_system_prompt(absl::StrCat("You are number ", name, "."));
  }
  job.mutable_moa()->mutable_aggregator()->set_model("gpt-oss-120b");
  return job;
}

// Those after the nth first.
std::string Rotated(absl::string_view addresses, int n) {
  std::vector<std::string> all = absl::StrSplit(addresses, ',');
  std::rotate(all.begin(), all.begin() + n % static_cast<int>(all.size()), all.end());
  return absl::StrJoin(all, ",");
}

}  // namespace

SteadyLoad::SteadyLoad(absl::string_view addresses, int clients) {
  for (int i = 0; i < clients; ++i) {
    clients_.emplace_back(&SteadyLoad::Run, this, i, Rotated(addresses, i));
  }
}

SteadyLoad::~SteadyLoad() { stopping_ = true; }

void SteadyLoad::Run(int client, const std::string& addresses) {
  const auto connected = Client::Connect({.address = addresses});
  if (!connected.ok()) return Fail("", connected.status().ToString());
  for (int n = 0; !stopping_; ++n) RunJob(**connected, absl::StrCat("c", client, ".", n));
}

void SteadyLoad::RunJob(Client& client, const std::string& mark) {
  const auto submitted = client.Submit(LoadJob(mark));
  if (!submitted.ok()) {
    Fail(mark, absl::StrCat("Submit: ", submitted.status().ToString()));
    return;
  }
  const std::string& id = submitted->job_id();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++tally_.submitted;
  }
  int ends = 0;
  uint64_t sequence = 0;
  const absl::Status watched = client.Watch(id, {}, [&](const v1::WatchUpdate& update) {
    if (!update.has_event()) return true;
    if (update.event().sequence() != sequence + 1) {
      Fail(id, absl::StrCat("event ", update.event().sequence(), " after ", sequence));
    }
    sequence = update.event().sequence();
    if (update.event().has_ended()) ++ends;
    return true;
  });
  if (!watched.ok()) return Fail(id, absl::StrCat("Watch: ", watched.ToString()));
  if (ends != 1) return Fail(id, absl::StrCat("ended ", ends, " times"));
  const auto job = client.Get(id);
  if (!job.ok()) return Fail(id, absl::StrCat("Get: ", job.status().ToString()));
  if (job->state() != v1::JOB_STATE_SUCCEEDED) {
    return Fail(id, absl::StrCat(v1::JobState_Name(job->state()), " ", job->error().message()));
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  ++tally_.succeeded;
}

void SteadyLoad::Fail(absl::string_view id, absl::string_view what) {
  const std::lock_guard<std::mutex> lock(mutex_);
  tally_.failures.push_back(
      absl::StrCat(absl::FormatTime("%H:%M:%E3S", absl::Now(), absl::LocalTimeZone()), " (",
                   absl::FormatDuration(absl::Now() - began_), ") job ", id, ": ", what));
}

bool SteadyLoad::WaitForMore(int64_t jobs) {
  const auto succeeded = [&] {
    const std::lock_guard<std::mutex> lock(mutex_);
    return tally_.succeeded;
  };
  const int64_t before = succeeded();
  return WaitUntil([&] { return succeeded() >= before + jobs; });
}

SteadyLoad::Tally SteadyLoad::Stop() {
  stopping_ = true;
  clients_.clear();
  return tally_;
}

}  // namespace moa::cluster
