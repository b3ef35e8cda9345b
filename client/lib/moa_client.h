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

// The C++ client of a coordinator: submit jobs, follow them, list what is there.
//
//   auto client = moa::Client::Connect({.address = "moa.example:7070"});
//   if (!client.ok()) …
//   moa::v1::JobSpec job;
//   job.set_preset("moa");
//   auto* message = job.add_messages();
//   message->set_role(moa::v1::ROLE_USER);
//   message->set_content("Plan an afternoon in San Francisco for two.");
//   auto submitted = (*client)->Submit(job);
//   auto status = (*client)->Watch(submitted->job_id(), {},
//                                  [](const moa::v1::WatchUpdate& update) {
//                                    return true;  // go on
//                                  });
//   auto done = (*client)->Get(submitted->job_id());
//   std::cout << done->answer().content();
//
// The messages are those of moa/v1/job.proto and moa.proto, whose comments say what each field
// means.
//
// Errors are absl::Status with the coordinator's code. What to do:
//   kInvalidArgument     mend the job; ViolationsOf lists every mistake with its field
//   kNotFound            no such job
//   kAlreadyExists       the idempotency key was used for a different job
//   kResourceExhausted   the queue is full; RetryDelayOf says when to come back, where known
//   kUnavailable         not reachable (the message names the address), or draining: try again later
//   kDeadlineExceeded    no answer within the call's timeout
namespace moa {

struct ClientOptions {
  // HOST:PORT; the host may be a name or [an IPv6 address]. Of several, with commas between them, any answers: when one
  // is not available the next is asked.
  std::string address = "127.0.0.1:7070";

  // PEM files. `tls_ca`, who signed the coordinator's certificate, turns TLS on; the other two are
  // shown to a coordinator that asks its clients for a certificate. All empty: no TLS.
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;

  // Of every call but Watch, its retries included: a coordinator that hangs must not hang its
  // clients.
  absl::Duration call_timeout = absl::Seconds(30);
  // For how long a call is repeated while nobody answers at the address (a coordinator restarts
  // within a second or two). Zero: not at all.
  absl::Duration retry_for = absl::Seconds(5);
};

struct ListOptions {
  std::string tenant;                // empty: every tenant's
  std::vector<v1::JobState> states;  // empty: every state
  uint32_t page_size = 0;  // 0: the coordinator's default. Jobs fetched at once, not a limit
};

struct WatchOptions {
  uint64_t after_sequence = 0;  // 0: from the beginning
  // Also task starts and token deltas, which are not stored: after a reconnect the text so far of
  // running tasks comes again, as a delta at offset 0.
  bool progress = true;
  // The coordinator cancels the job when this program goes away, or its connection breaks, before the end.
  bool cancel_on_disconnect = false;
  // For how long Watch tries to come back after it had been connected.
  absl::Duration reconnect_for = absl::InfiniteDuration();
  // Called when the connection was lost, before Watch tries again. May be empty.
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

// A connection to a coordinator, or to several of one store. All methods block until they have an answer, and all may be
// called from several threads at once. Destroy it after the last call has returned.
class Client {
 public:
  // Does not dial: an address where nobody listens shows in the first call. kInvalidArgument or
  // kNotFound: the address or a TLS file is wrong.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Hands the job over. When this returns OK, the job is stored durably and will end. A lost answer
  // is asked for again with the same idempotency key, so that it never makes two jobs; where
  // `idempotency_key` is empty, a new one is made for this call. Give one of your own (at most 128
  // bytes) to be safe across restarts of your program as well.
  absl::StatusOr<v1::SubmitJobResponse> Submit(const v1::JobSpec& job,
                                               absl::string_view idempotency_key = "");

  // What the job would do: its stages, the most that it may cost, and each prompt as its agent would
  // get it. Nothing is accepted or sent to a model.
  absl::StatusOr<v1::InspectJobResponse> Inspect(const v1::JobSpec& job);

  // The job as it stands, with all that its agents have answered.
  absl::StatusOr<v1::Job> Get(absl::string_view job_id);

  // Calls `on_job` for each job, newest first, fetching page after page, until it returns false.
  absl::Status List(const ListOptions& options,
                    const std::function<bool(const v1::JobSummary&)>& on_job);

  // How many jobs there are by state, of a tenant or, with "", of all.
  absl::StatusOr<v1::CountJobsResponse> Count(absl::string_view tenant = "");

  // Calls `on_update` with everything that happened to the job and what happens from now on, and
  // returns OK after the job's last event. A lost connection is made anew and goes on from the last
  // sequence seen: each durable event arrives exactly once and in order. `on_update` runs on this
  // thread; when it returns false, Watch ends with OK. kCancelled: `options.stop` asked for it. The
  // job itself never depends on being watched.
  absl::Status Watch(absl::string_view job_id, const WatchOptions& options,
                     const std::function<bool(const v1::WatchUpdate&)>& on_update);

  // Ends the job; one that has ended is returned as it is. `reason` is for people.
  absl::StatusOr<v1::Job> Cancel(absl::string_view job_id, absl::string_view reason = "");

  absl::StatusOr<std::vector<v1::Worker>> Workers();
  absl::StatusOr<std::vector<v1::Model>> Models();
  absl::StatusOr<std::vector<v1::Preset>> Presets();

  // OK when the coordinator serves; kUnavailable when it says that it does not, or is not
  // reachable.
  absl::Status Health();

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);

  const std::unique_ptr<State> state_;
};

}  // namespace moa
