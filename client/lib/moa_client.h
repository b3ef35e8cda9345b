#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "moa/v1/job.pb.h"
#include "moa/v1/moa.pb.h"

// The C++ client of a coordinator: submit jobs, follow them, list what is there. docs/grpc.md shows a whole program.
//
//   const auto client = moa::Client::Connect({.address = "moa.example:7070"});
//   if (!client.ok()) return client.status();
//   moa::v1::JobSpec job;
//   job.set_preset("moa");
//   auto* message = job.add_messages();
//   message->set_role(moa::v1::ROLE_USER);
//   message->set_content("Plan an afternoon in San Francisco for two.");
//   const auto submitted = (*client)->Submit(job);
//   if (!submitted.ok()) return submitted.status();
//   const absl::Status watched = (*client)->Watch(
//       submitted->job_id(), {}, [](const moa::v1::WatchUpdate& update) { return true; /* go on */ });
//   if (!watched.ok()) return watched;
//   const auto done = (*client)->Get(submitted->job_id());
//   if (done.ok()) std::cout << done->answer().content();
//
// The messages are those of moa/v1/job.proto and moa.proto, whose comments say what each field means. A job that fails
// is no error of these methods: its state and its error are in the Job.
//
// Errors are absl::Status with the coordinator's code. What to do:
//   kInvalidArgument     mend the job, the id or the option; ViolationsOf lists every mistake of a job with its field
//   kNotFound            no such job
//   kAlreadyExists       the idempotency key was used for a different job: take a new one
//   kResourceExhausted   the queue is full, or there are too many watchers; RetryDelayOf says when to come back, where
//                        known
//   kUnavailable         not reachable (the message names the address), or draining: try again later
//   kDeadlineExceeded    no answer within the call's timeout; what was asked may have been done
//   kCancelled           Watch alone: WatchOptions::stop asked for it
//   kUnimplemented       the coordinator is older than this library
// Any other code is a defect: of the coordinator (kInternal), or of what stands between.
namespace moa {

struct ClientOptions {
  // HOST:PORT; the host may be a name or [an IPv6 address]. Of several, with commas between them, any answers: when one
  // is not available the next is asked. So it is with a name that stands for several addresses.
  std::string address = "127.0.0.1:7070";

  // Paths of PEM files, read again when they change. `tls_ca`, who signed the coordinator's certificate, turns TLS on;
  // the other two go together and are shown to a coordinator that asks its clients for a certificate. All empty: no TLS.
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;

  // Of every call but Watch, its retries included: a coordinator that hangs must not hang its clients. Positive. Of
  // several coordinators each is given a part of it, so that there is time to ask another.
  absl::Duration call_timeout = absl::Seconds(30);
  // For how long a call, or a Watch that was never connected, is tried again while nobody answers (a coordinator
  // restarts within a second or two); never beyond call_timeout for a call. Zero: each coordinator is asked once.
  absl::Duration retry_for = absl::Seconds(5);
};

// W3C Trace Context of who submits, as the two headers have it: the job's spans become part of that trace. Empty or not
// well-formed: the coordinator begins a trace.
struct CallerTrace {
  std::string traceparent;
  std::string tracestate;
};

struct ListOptions {
  std::string tenant;                // empty: every tenant's
  std::vector<v1::JobState> states;  // empty: every state
  std::string search;                // part of a name or an id; empty: every job
  // Jobs fetched at once, not a limit: 1 to 1,000; 0: the coordinator's default, 50.
  uint32_t page_size = 0;
};

struct GradeOptions {
  std::string tenant;  // empty: every tenant's
  v1::Grader grader;   // by its name or its definition; of Grades, unset: every grader's
  std::string config;  // of Grades: GradedJob.config; empty: every configuration's
  // At most so many at once: 1 to 1,000; 0: the coordinator's default, 50.
  uint32_t size = 0;
};

struct WatchOptions {
  // Events up to this one are known already. 0: from the beginning.
  uint64_t after_sequence = 0;
  // Also task starts and token deltas, which are not stored: after a reconnect the text so far of running tasks comes
  // again, as a delta at offset 0.
  bool progress = true;
  // With `progress`: no token deltas but the aggregator's, for who shows the answer alone.
  bool answer_only = false;
  // The coordinator cancels the job when this program goes away, or its connection breaks, before the end.
  bool cancel_on_disconnect = false;
  // For how long Watch tries to come back after it had been connected; then it returns why it could not. Zero: not at
  // all.
  absl::Duration reconnect_for = absl::InfiniteDuration();
  // Called on Watch's thread when the connection was lost, before Watch tries again. May be empty.
  std::function<void(const absl::Status& why)> on_disconnect;
  // Ends Watch from another thread.
  std::stop_token stop;
};

// A mistake in a submitted job.
struct Violation {
  std::string field;  // "moa.layers[0].agents[2].model"; empty for the job as a whole
  std::string description;
};

// Every mistake that came with a kInvalidArgument (the first 50 or so; the status's message counts
// them all).
std::vector<Violation> ViolationsOf(const absl::Status& status);
// When to come back, where the coordinator said so.
std::optional<absl::Duration> RetryDelayOf(const absl::Status& status);

// A connection to a coordinator, or to several of one store.
//
// Thread-safe: all methods may be called from several threads at once, which share the connection. Each blocks until it
// has an answer, at most for ClientOptions::call_timeout unless it says otherwise. What is passed in is borrowed until
// the method returns. Functions that are passed in are called on the calling thread, one call at a time, and must not
// throw; they may call other methods of the client. Owner: the program; destroyed after the last call has returned.
class Client {
 public:
  // Does not dial or block: an address where nobody listens shows in the first call. kInvalidArgument or kNotFound: the
  // address or a TLS file is wrong, and the message says which.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Hands the job over. When this returns OK, the job is stored durably and will end. A lost answer is asked for again
  // with the same idempotency key, so that it never makes two jobs; where `idempotency_key` is empty, a new one is made
  // for this call. Give one of your own (at most 128 bytes) to be safe across restarts of your program as well: the same
  // key with the same job gives the same id, `existing` set. kDeadlineExceeded: the message has the key with which to
  // ask again.
  absl::StatusOr<v1::SubmitJobResponse> Submit(const v1::JobSpec& job,
                                               absl::string_view idempotency_key = "",
                                               const CallerTrace& trace = {});

  // What the job would do: its stages, the most that it may cost, and each prompt as its agent would
  // get it. Nothing is accepted or sent to a model.
  absl::StatusOr<v1::InspectJobResponse> Inspect(const v1::JobSpec& job);

  // The job as it stands, with all that its agents have answered. kNotFound: no such job.
  absl::StatusOr<v1::Job> Get(absl::string_view job_id);

  // Calls `on_job` for each job, newest first, fetching page after page, until it returns false. Each page may take
  // call_timeout. After an error the jobs before it have been handed over.
  absl::Status List(const ListOptions& options,
                    const std::function<bool(const v1::JobSummary&)>& on_job);

  // How many jobs there are by state, of a tenant or, with "", of all.
  absl::StatusOr<v1::CountJobsResponse> Count(absl::string_view tenant = "");

  // Calls `on_grade` for each grade that a job's answer was given, newest first, until it returns false; as List.
  absl::Status Grades(const GradeOptions& options,
                      const std::function<bool(const v1::Grade&)>& on_grade);
  // Configurations by their mean points, best first.
  absl::StatusOr<std::vector<v1::LeaderboardRow>> Leaderboard(const GradeOptions& options);

  // Calls `on_update` with everything that happened to the job and what happens from now on, and returns OK after the
  // job's last event: it blocks for as long as the job takes. A lost connection is made anew and goes on from the last
  // sequence seen: each durable event arrives exactly once and in order. When `on_update` returns false, Watch ends with
  // OK; one that is slow slows nothing else down, but may lose the connection. The job itself never depends on being
  // watched, unless `options` say so. kNotFound: no such job.
  absl::Status Watch(absl::string_view job_id, const WatchOptions& options,
                     const std::function<bool(const v1::WatchUpdate&)>& on_update);

  // Ends the job and returns it once its end is durable; one that has ended is returned as it is. `reason` is for people.
  // kNotFound: no such job.
  absl::StatusOr<v1::Job> Cancel(absl::string_view job_id, absl::string_view reason = "");

  // Who works, which models jobs can name (with limits and prices) and which mixtures, as far as this coordinator knows.
  absl::StatusOr<std::vector<v1::Worker>> Workers();
  absl::StatusOr<std::vector<v1::Model>> Models();
  absl::StatusOr<std::vector<v1::Preset>> Presets();

  // OK when a coordinator serves; kUnavailable when it says that it does not, or none is reachable within retry_for.
  absl::Status Health();

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);

  const std::unique_ptr<State> state_;
};

}  // namespace moa
