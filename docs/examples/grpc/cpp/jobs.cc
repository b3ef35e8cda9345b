// Submits jobs to a coordinator, follows and cancels them, with the client library.
//
//   jobs submit PRESET PROMPT    prints the job's id
//   jobs watch JOB               what happens, and the answer as it comes
//   jobs cancel JOB
//
// MOA_COORDINATOR names the coordinator (HOST:PORT, or several with commas between them).
// Exit status: 0 it went well, 1 the job did not succeed, 2 it was not taken, 3 the coordinator is not there.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>

#include "moa/moa_client.h"

namespace {

int Failed(const absl::Status& status) {
  std::cerr << absl::StatusCodeToString(status.code()) << ": " << status.message() << "\n";
  for (const moa::Violation& violation : moa::ViolationsOf(status)) {
    std::cerr << "  " << violation.field << ": " << violation.description << "\n";
  }
  return absl::IsUnavailable(status) ? 3 : 2;
}

int Submit(moa::Client& client, const std::string& preset, const std::string& prompt) {
  moa::v1::JobSpec job;
  job.set_preset(preset);
  moa::v1::Message* message = job.add_messages();
  message->set_role(moa::v1::ROLE_USER);
  message->set_content(prompt);
  // Asks again with one key while the coordinator is away, so that there is one job.
  const auto submitted = client.Submit(job);
  if (!submitted.ok()) return Failed(submitted.status());
  std::cout << submitted->job_id() << "\n";
  return 0;
}

// The aggregator's text as it comes: each byte once, whatever comes again.
class Answer {
 public:
  void Add(const moa::v1::TaskDelta& delta) {
    if (delta.task().kind() != moa::v1::STAGE_KIND_AGGREGATE || delta.attempt() < attempt_) return;
    if (delta.attempt() > attempt_) {  // it replaces what earlier ones had said
      if (!shown_.empty()) std::cout << "\n";
      attempt_ = delta.attempt();
      shown_.clear();
    }
    const uint64_t known =
        shown_.size() - std::min<uint64_t>(shown_.size(), delta.content_offset());
    if (known >= delta.content().size()) return;
    const std::string piece = delta.content().substr(known);
    shown_ += piece;
    std::cout << piece << std::flush;
  }

  // What did not come as a delta: nobody sends those of a task that has ended.
  void Complete(const std::string& content) {
    const bool goes_on = content.compare(0, shown_.size(), shown_) == 0;
    std::cout << (goes_on ? content.substr(shown_.size()) : "\n" + content) << "\n";
  }

 private:
  uint32_t attempt_ = 0;
  std::string shown_;
};

void Tell(const moa::v1::JobEvent& event) {
  if (event.has_accepted()) std::cerr << "accepted\n";
  if (event.has_degraded()) std::cerr << "degraded\n";
  if (event.has_ended()) std::cerr << "ended\n";
  if (!event.has_task_finished()) return;
  const moa::v1::TaskResult& task = event.task_finished();
  const std::string state = moa::v1::TaskState_Name(task.state()).substr(sizeof("TASK_STATE_") - 1);
  std::cerr << task.task().agent() << ": " << state << " (" << task.model() << ")\n";
}

int Watch(moa::Client& client, const std::string& job_id) {
  Answer answer;
  // Comes back by itself when the connection breaks.
  const absl::Status watched =
      client.Watch(job_id, {}, [&answer](const moa::v1::WatchUpdate& update) {
        if (update.has_task_delta()) answer.Add(update.task_delta());
        if (update.has_event()) Tell(update.event());
        return true;
      });
  if (!watched.ok()) return Failed(watched);
  const auto job = client.Get(job_id);
  if (!job.ok()) return Failed(job.status());
  if (job->state() != moa::v1::JOB_STATE_SUCCEEDED) {
    std::cerr << moa::v1::ErrorCode_Name(job->error().code()) << ": " << job->error().message()
              << "\n";
    return 1;
  }
  answer.Complete(job->answer().content());
  return 0;
}

int Cancel(moa::Client& client, const std::string& job_id) {
  const auto job = client.Cancel(job_id, "cancelled by jobs");
  if (!job.ok()) return Failed(job.status());
  std::cout << moa::v1::JobState_Name(job->state()).substr(sizeof("JOB_STATE_") - 1) << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  moa::ClientOptions options;
  if (const char* address = std::getenv("MOA_COORDINATOR")) options.address = address;
  const auto client = moa::Client::Connect(options);
  if (!client.ok()) return Failed(client.status());
  if (command == "submit" && argc == 4) return Submit(**client, argv[2], argv[3]);
  if (command == "watch" && argc == 3) return Watch(**client, argv[2]);
  if (command == "cancel" && argc == 3) return Cancel(**client, argv[2]);
  std::cerr << "usage: jobs submit PRESET PROMPT | watch JOB | cancel JOB\n";
  return 2;
}
