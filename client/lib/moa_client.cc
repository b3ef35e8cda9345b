#include "client/lib/moa_client.h"

#include <grpcpp/create_channel.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "client/lib/error_details.h"
#include "client/lib/health_check.h"
#include "common/base/status_macros.h"
#include "common/net/address.h"
#include "common/net/grpc_defaults.h"
#include "common/net/random_id.h"
#include "common/net/tls.h"
#include "common/trace/trace_context.h"
#include "moa/v1/moa.grpc.pb.h"

namespace moa {
namespace {

constexpr absl::Duration kBackoffMin = absl::Milliseconds(100);
constexpr absl::Duration kBackoffMax = absl::Seconds(2);

// The pauses between attempts: doubling from kBackoffMin to kBackoffMax.
class Backoff {
 public:
  void Reset() { next_ = kBackoffMin; }
  absl::Duration Next() { return std::exchange(next_, std::min(next_ * 2, kBackoffMax)); }

 private:
  absl::Duration next_ = kBackoffMin;
};

// False when `stop` ended the pause early. Meanwhile `channel` connects, which nothing else sees to: gRPC's own backup
// looks only every five seconds.
bool Pause(absl::Duration duration, grpc::Channel& channel, const std::stop_token& stop) {
  const absl::Time until = absl::Now() + duration;
  channel.GetState(true);
  for (absl::Time now = absl::Now(); now < until && !stop.stop_requested(); now = absl::Now()) {
    const absl::Time slice = std::min(until, now + absl::Milliseconds(50));
    if (channel.WaitForConnected(absl::ToChronoTime(slice))) {
      // It is there. The rest of the pause is for a coordinator that has answered and could not help.
      std::mutex mutex;
      std::condition_variable_any wakeup;
      std::unique_lock<std::mutex> lock(mutex);
      wakeup.wait_for(lock, stop, absl::ToChronoNanoseconds(slice - absl::Now()),
                      [] { return false; });
    }
  }
  return !stop.stop_requested();
}

// A stream that ended so may be opened again: the coordinator went away, or found this watcher too
// slow.
bool MayReconnect(absl::StatusCode code) {
  return code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kResourceExhausted ||
         code == absl::StatusCode::kCancelled;
}

}  // namespace

struct Client::State {
  // Constant after construction.
  ClientOptions options;
  struct Coordinator {
    std::string address;
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<v1::MoaService::Stub> stub;
  };
  std::vector<Coordinator> coordinators;  // any of them answers any request

  std::atomic<size_t> turn{0};  // whose turn it is, modulo their number

  size_t current() const { return turn.load() % coordinators.size(); }
  // After `failed` has not answered; of several threads that noticed it one moves on.
  void MoveOn(size_t failed) {
    size_t expected = turn.load();
    if (expected % coordinators.size() == failed)
      turn.compare_exchange_strong(expected, expected + 1);
  }

  // Adds to a transport's error what a person needs to act on it.
  absl::Status Explained(const grpc::Status& status, const std::string& address) const {
    absl::Status converted = WithDetails(status);
    if (converted.code() == absl::StatusCode::kUnavailable) {
      return Reworded(converted, absl::StrCat("coordinator ", address,
                                              " is not available: ", converted.message()));
    }
    if (converted.code() == absl::StatusCode::kDeadlineExceeded) {
      return Reworded(converted, absl::StrCat("coordinator ", address, " did not answer within ",
                                              absl::FormatDuration(AttemptTimeout())));
    }
    return converted;
  }

  static absl::Status Reworded(const absl::Status& status, absl::string_view message) {
    absl::Status reworded(status.code(), message);
    status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
      reworded.SetPayload(url, payload);
    });
    return reworded;
  }

  // With several coordinators one that hangs leaves the time to ask another.
  absl::Duration AttemptTimeout() const {
    const auto count = static_cast<int64_t>(coordinators.size());
    return count == 1 ? options.call_timeout : options.call_timeout / (count + 1);
  }

  // Makes a unary call, again while nobody answers: every method of the API is safe to repeat.
  // `call` is a function of the coordinator and the context.
  template <typename Call>
  absl::Status Unary(const Call& call) {
    const absl::Time begin = absl::Now();
    const absl::Time deadline = begin + options.call_timeout;
    const absl::Time last_retry = std::min(deadline, begin + options.retry_for);
    Backoff backoff;
    for (size_t tried = 1;; ++tried) {
      const size_t index = current();
      const Coordinator& coordinator = coordinators[index];
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(std::min(deadline, absl::Now() + AttemptTimeout())));
      const grpc::Status status = call(coordinator, context);
      if (status.ok()) return absl::OkStatus();
      absl::Status explained = Explained(status, coordinator.address);
      const bool hung = coordinators.size() > 1 && absl::Now() < deadline &&
                        explained.code() == absl::StatusCode::kDeadlineExceeded;
      // A coordinator that is just shutting down cancels what comes in.
      const bool may_pass = explained.code() == absl::StatusCode::kUnavailable ||
                            explained.code() == absl::StatusCode::kCancelled || hung;
      if (!may_pass) return explained;
      MoveOn(index);
      // Each of the others is asked at once.
      if (tried % coordinators.size() != 0) continue;
      absl::Duration pause = backoff.Next();
      if (const auto hint = RetryDelayOf(explained)) pause = std::max(pause, *hint);
      const absl::Time now = absl::Now();
      if (now >= last_retry) return explained;
      pause = std::min(pause, last_retry - now);
      Pause(pause, *coordinators[current()].channel, {});
    }
  }
};

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::~Client() = default;

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(ClientOptions options) {
  MOA_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ChannelCredentials> credentials,
                       MakeChannelCredentials({options.tls_ca, options.tls_cert, options.tls_key}));
  auto state = std::make_unique<State>();
  state->options = std::move(options);
  for (const absl::string_view text : absl::StrSplit(state->options.address, ',')) {
    MOA_ASSIGN_OR_RETURN(const Address address, ParseAddress(text));
    grpc::ChannelArguments arguments = ChannelDefaults();
    // A name may stand for several coordinators. Calls go to one after the other, so that one that is repeated because
    // the first is shutting down finds another.
    if (!IsIpAddress(address.host)) arguments.SetLoadBalancingPolicyName("round_robin");
    auto channel = grpc::CreateCustomChannel(address.ToString(), credentials, arguments);
    auto stub = v1::MoaService::NewStub(channel);
    state->coordinators.push_back(
        {.address = address.ToString(), .channel = std::move(channel), .stub = std::move(stub)});
  }
  return std::unique_ptr<Client>(new Client(std::move(state)));
}

absl::StatusOr<v1::SubmitJobResponse> Client::Submit(const v1::JobSpec& job,
                                                     absl::string_view idempotency_key,
                                                     const CallerTrace& caller) {
  v1::SubmitJobRequest request;
  *request.mutable_job() = job;
  request.set_idempotency_key(idempotency_key.empty() ? RandomId() : std::string(idempotency_key));
  const auto trace = ParseTraceContext(caller.traceparent, caller.tracestate);
  v1::SubmitJobResponse response;
  const absl::Status status =
      state_->Unary([&](const State::Coordinator& coordinator, grpc::ClientContext& context) {
        if (trace) context.AddMetadata("traceparent", TraceParent(*trace));
        if (trace && !trace->state.empty()) context.AddMetadata("tracestate", trace->state);
        return coordinator.stub->SubmitJob(&context, request, &response);
      });
  if (status.code() == absl::StatusCode::kDeadlineExceeded) {
    return State::Reworded(status, absl::StrCat(status.message(),
                                                "; whether it has the job is not known: submitting "
                                                "again with idempotency key ",
                                                request.idempotency_key(), " is safe"));
  }
  MOA_RETURN_IF_ERROR(status);
  return response;
}

absl::StatusOr<v1::Job> Client::Get(absl::string_view job_id) {
  v1::GetJobRequest request;
  request.set_job_id(std::string(job_id));
  v1::Job job;
  MOA_RETURN_IF_ERROR(
      state_->Unary([&](const State::Coordinator& coordinator, grpc::ClientContext& context) {
        return coordinator.stub->GetJob(&context, request, &job);
      }));
  return job;
}

absl::Status Client::List(const ListOptions& options,
                          const std::function<bool(const v1::JobSummary&)>& on_job) {
  v1::ListJobsRequest request;
  request.set_tenant(options.tenant);
  for (const v1::JobState state : options.states) request.add_states(state);
  request.set_page_size(options.page_size);
  request.set_search(options.search);
  do {
    v1::ListJobsResponse response;
    MOA_RETURN_IF_ERROR(
        state_->Unary([&](const State::Coordinator& coordinator, grpc::ClientContext& context) {
          return coordinator.stub->ListJobs(&context, request, &response);
        }));
    for (const v1::JobSummary& job : response.jobs()) {
      if (!on_job(job)) return absl::OkStatus();
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::Status Client::Grades(const GradeOptions& options,
                            const std::function<bool(const v1::Grade&)>& on_grade) {
  v1::ListGradesRequest request;
  request.set_tenant(options.tenant);
  if (!options.grader.name().empty() || !options.grader.definition().empty()) {
    *request.mutable_grader() = options.grader;
  }
  request.set_config(options.config);
  request.set_page_size(options.size);
  do {
    v1::ListGradesResponse response;
    MOA_RETURN_IF_ERROR(
        state_->Unary([&](const State::Coordinator& coordinator, grpc::ClientContext& context) {
          return coordinator.stub->ListGrades(&context, request, &response);
        }));
    for (const v1::Grade& grade : response.grades()) {
      if (!on_grade(grade)) return absl::OkStatus();
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::LeaderboardRow>> Client::Leaderboard(const GradeOptions& options) {
  v1::GetLeaderboardRequest request;
  request.set_tenant(options.tenant);
  *request.mutable_grader() = options.grader;
  request.set_size(options.size);
  v1::GetLeaderboardResponse response;
  MOA_RETURN_IF_ERROR(
      state_->Unary([&](const State::Coordinator& coordinator, grpc::ClientContext& context) {
        return coordinator.stub->GetLeaderboard(&context, request, &response);
      }));
  return std::vector<v1::LeaderboardRow>(response.rows().begin(), response.rows().end());
}

absl::StatusOr<v1::CountJobsResponse> Client::Count(absl::string_view tenant) {
  v1::CountJobsRequest request;
  request.set_tenant(std::string(tenant));
  v1::CountJobsResponse response;
  MOA_RETURN_IF_ERROR(
      state_->Unary([&](const State::Coordinator& coordinator, grpc::ClientContext& context) {
        return coordinator.stub->CountJobs(&context, request, &response);
      }));
  return response;
}

absl::Status Client::Watch(absl::string_view job_id, const WatchOptions& options,
                           const std::function<bool(const v1::WatchUpdate&)>& on_update) {
  v1::WatchJobRequest request;
  request.set_job_id(std::string(job_id));
  request.set_after_sequence(options.after_sequence);
  request.set_progress(options.progress);
  request.set_cancel_on_disconnect(options.cancel_on_disconnect);
  request.set_answer_only(options.answer_only);
  absl::Time outage_begin = absl::Now();
  absl::Duration patience = state_->options.retry_for;
  Backoff backoff;
  while (!options.stop.stop_requested()) {
    const absl::Time attempt_begin = absl::Now();
    grpc::ClientContext context;
    const std::stop_callback cancel(options.stop, [&context] { context.TryCancel(); });
    const size_t index = state_->current();
    const State::Coordinator& coordinator = state_->coordinators[index];
    const auto reader = coordinator.stub->WatchJob(&context, request);
    v1::WatchJobResponse response;
    bool received = false;
    while (reader->Read(&response)) {
      received = true;
      for (const v1::WatchUpdate& update : response.updates()) {
        if (update.has_event()) {
          if (update.event().sequence() <= request.after_sequence()) continue;
          request.set_after_sequence(update.event().sequence());
        }
        if (!on_update(update) || update.event().has_ended()) {
          context.TryCancel();
          reader->Finish();
          return absl::OkStatus();
        }
      }
    }
    const grpc::Status status = reader->Finish();
    // The coordinator ends the stream with OK only after the last event.
    if (status.ok()) return absl::OkStatus();
    if (options.stop.stop_requested()) break;
    absl::Status explained = state_->Explained(status, coordinator.address);
    // A stream that stood for long was connected, even if nothing happened to the job meanwhile.
    if (received || absl::Now() - attempt_begin > state_->options.retry_for) {
      patience = options.reconnect_for;
      outage_begin = absl::Now();
      backoff.Reset();
    }
    if (!MayReconnect(explained.code())) return explained;
    if (explained.code() != absl::StatusCode::kResourceExhausted) state_->MoveOn(index);
    const absl::Duration pause =
        std::max(backoff.Next(), RetryDelayOf(explained).value_or(absl::ZeroDuration()));
    if (absl::Now() + pause - outage_begin >= patience) return explained;
    if (options.on_disconnect) options.on_disconnect(explained);
    Pause(pause, *state_->coordinators[state_->current()].channel, options.stop);
  }
  return absl::CancelledError("watching was stopped; the job goes on");
}

absl::StatusOr<v1::Job> Client::Cancel(absl::string_view job_id, absl::string_view reason) {
  v1::CancelJobRequest request;
  request.set_job_id(std::string(job_id));
  request.set_reason(std::string(reason));
  v1::Job job;
  MOA_RETURN_IF_ERROR(
      state_->Unary([&](const State::Coordinator& coordinator, grpc::ClientContext& context) {
        return coordinator.stub->CancelJob(&context, request, &job);
      }));
  return job;
}

absl::StatusOr<std::vector<v1::Worker>> Client::Workers() {
  v1::ListWorkersResponse response;
  MOA_RETURN_IF_ERROR(
      state_->Unary([&](const State::Coordinator& coordinator, grpc::ClientContext& context) {
        return coordinator.stub->ListWorkers(&context, v1::ListWorkersRequest(), &response);
      }));
  return std::vector<v1::Worker>(response.workers().begin(), response.workers().end());
}

absl::StatusOr<std::vector<v1::Model>> Client::Models() {
  v1::ListModelsResponse response;
  MOA_RETURN_IF_ERROR(
      state_->Unary([&](const State::Coordinator& coordinator, grpc::ClientContext& context) {
        return coordinator.stub->ListModels(&context, v1::ListModelsRequest(), &response);
      }));
  return std::vector<v1::Model>(response.models().begin(), response.models().end());
}

absl::StatusOr<v1::InspectJobResponse> Client::Inspect(const v1::JobSpec& job) {
  v1::InspectJobRequest request;
  *request.mutable_job() = job;
  v1::InspectJobResponse response;
  MOA_RETURN_IF_ERROR(
      state_->Unary([&](const State::Coordinator& coordinator, grpc::ClientContext& context) {
        return coordinator.stub->InspectJob(&context, request, &response);
      }));
  return response;
}

absl::StatusOr<std::vector<v1::Preset>> Client::Presets() {
  v1::ListPresetsResponse response;
  MOA_RETURN_IF_ERROR(
      state_->Unary([&](const State::Coordinator& coordinator, grpc::ClientContext& context) {
        return coordinator.stub->ListPresets(&context, v1::ListPresetsRequest(), &response);
      }));
  return std::vector<v1::Preset>(response.presets().begin(), response.presets().end());
}

absl::Status Client::Health() {
  return state_->Unary([&](const State::Coordinator& coordinator, grpc::ClientContext& context) {
    return CheckHealth(coordinator.channel, context);
  });
}

}  // namespace moa
