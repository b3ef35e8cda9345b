#include "worker/rpc/worker.h"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/log/log.h"
#include "common/net/random_id.h"

namespace moa::worker {
namespace {

using upstream::ErrorCode;

// How long a coordinator may take to end the stream in answer to ours, when we leave.
constexpr absl::Duration kCloseTimeout = absl::Seconds(1);
// What stands for a model in the tasks of graders (worker.proto, Hello.models).
constexpr char kGraderModel[] = "grader";
// Models come and go rarely; a list that could not be read is wanted sooner.
constexpr absl::Duration kModelsInterval = absl::Minutes(3);
constexpr absl::Duration kModelsRetryFirst = absl::Seconds(2);

upstream::UpstreamOptions MakeUpstreamOptions(const WorkerOptions& options) {
  upstream::UpstreamOptions made;
  made.base_url = options.base_url;
  if (!options.api_key_file.empty()) {
    made.api_key = upstream::ApiKey::FromFile(options.api_key_file);
  } else if (!options.api_key.empty()) {
    made.api_key = upstream::ApiKey::FromString(options.api_key);
  }
  made.user_agent = absl::StrCat("moa-worker/", MoaVersion());
  made.ca_file = options.upstream_ca_file;
  made.provider = options.provider;
  made.prompt_cache_key = options.prompt_cache_key;
  // "Above": one byte more is the first that is compressed.
  made.gzip_from_bytes =
      options.gzip_requests_above == 0 ? 0 : static_cast<size_t>(options.gzip_requests_above) + 1;
  made.streams_per_connection = static_cast<size_t>(options.streams_per_connection);
  made.connections_max = static_cast<size_t>(options.upstream_connections);
  // Calls that are being closed still count for a moment after their slot is free.
  made.calls_max = 2 * static_cast<size_t>(options.slots) + 16;
  return made;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Worker>> Worker::Create(const WorkerOptions& options,
                                                       prometheus::Registry& registry) {
  MOA_RETURN_IF_ERROR(CheckWorkerOptions(options));
  std::unique_ptr<Worker> worker(new Worker(options, registry));
  MOA_RETURN_IF_ERROR(worker->Open());
  return worker;
}

Worker::Worker(const WorkerOptions& options, prometheus::Registry& registry)
    : options_(options), registry_(registry), loop_("worker"), metrics_(registry) {}

SessionSet::Context Worker::ContextOf(const WorkerIdentity& identity, size_t slots) {
  return {.loop = loop_,
          .options = options_,
          .identity = identity,
          .slots = static_cast<uint32_t>(slots),
          .lost = [this] {
            if (names_ != nullptr) names_->Hurry();
          }};
}

std::vector<SessionSet*> Worker::Sets() const {
  std::vector<SessionSet*> sets;
  if (sessions_ != nullptr) sets.push_back(sessions_.get());
  if (grading_ != nullptr) sets.push_back(grading_->sessions.get());
  return sets;
}

absl::Status Worker::Open() {
  if (options_.slots > 0) MOA_RETURN_IF_ERROR(OpenModels());
  if (options_.grading_slots != 0) MOA_RETURN_IF_ERROR(OpenGrading());
  std::vector<Address> entries;
  for (const std::string& text : options_.coordinators) {
    MOA_ASSIGN_OR_RETURN(Address entry, ParseAddress(text));
    entries.push_back(std::move(entry));
  }
  coordinators_ = CoordinatorNames(entries);
  for (SessionSet* set : Sets()) set->SetAddresses(coordinators_.addresses());
  return absl::OkStatus();
}

absl::Status Worker::OpenModels() {
  identity_.worker_id = RandomId();
  identity_.name = options_.name;
  MOA_ASSIGN_OR_RETURN(upstream_,
                       upstream::UpstreamClient::Create(loop_, MakeUpstreamOptions(options_)));
  identity_.provider = std::string(upstream_->provider().name);
  metrics_.SetProvider(identity_.provider);
  identity_.key_fingerprint = upstream_->key_fingerprint();
  MOA_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ChannelCredentials> credentials,
                       MakeChannelCredentials(options_.tls));
  calls_ = std::make_unique<ModelCalls>(*upstream_, metrics_);
  sessions_ =
      std::make_unique<SessionSet>(ContextOf(identity_, static_cast<size_t>(options_.slots)));
  sessions_->Open(*calls_, credentials);
  return absl::OkStatus();
}

absl::Status Worker::OpenGrading() {
  const bool wanted = options_.grading_slots > 0;
  const size_t slots = wanted ? static_cast<size_t>(options_.grading_slots)
                              : std::max(std::thread::hardware_concurrency(), 1u);
  auto grading = std::make_unique<Grading>(Grading{.metrics = GradingMetrics(registry_)});
  sandbox::Options options;
  options.interpreter = options_.python;
  absl::StatusOr<std::unique_ptr<GradingCalls>> calls =
      GradingCalls::Create(loop_, grading->metrics, options, slots);
  if (!calls.ok()) {
    if (wanted || options_.slots == 0) {
      return absl::Status(calls.status().code(),
                          absl::StrCat("cannot grade: ", calls.status().message(),
                                       " (--grading-slots 0 does without)"));
    }
    LogInfo("this worker does not grade", {{"reason", calls.status().message()}});
    return absl::OkStatus();
  }
  grading->calls = *std::move(calls);
  grading->slots = slots;
  LogInfo("grading", {{"slots", slots}, {"sandbox", grading->calls->Layers()}});
  grading->identity = {.worker_id = RandomId(),
                       .name = options_.name,
                       .models = {kGraderModel},
                       .process = identity_.worker_id};
  MOA_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ChannelCredentials> credentials,
                       MakeChannelCredentials(options_.tls));
  grading->sessions = std::make_unique<SessionSet>(ContextOf(grading->identity, slots));
  grading->sessions->Open(*grading->calls, credentials);
  grading_ = std::move(grading);
  return absl::OkStatus();
}

Worker::~Worker() {
  loop_.Post([this] {
    draining_ = true;
    if (phase_ != Phase::kClosed) EnterPhase(Phase::kClosing, absl::ZeroDuration());
    OnRound();
  });
  WaitUntilDrained();
  // The clients go before the sessions: ending its last calls calls into them. All of it on the loop.
  loop_.Post([this] {
    names_.reset();
    upstream_.reset();
    if (grading_ != nullptr) grading_->calls.reset();
    for (SessionSet* set : Sets()) set->Clear();
  });
  loop_.Stop();
}

void Worker::Start() {
  loop_.Post([this] {
    loop_.SetBatchHook([this] { OnRound(); });
    if (upstream_ != nullptr) StartModels();
    for (SessionSet* set : Sets()) set->Start();
    names_ = std::make_unique<NameWatch>(loop_, coordinators_, options_.names,
                                         [this](const std::vector<CoordinatorAddress>& addresses) {
                                           for (SessionSet* set : Sets())
                                             set->SetAddresses(addresses);
                                         });
  });
}

void Worker::StartModels() {
  if (absl::StartsWith(options_.base_url, "http://") && !options_.api_key.empty()) {
    LogDebug("the API is called without TLS", {{"base_url", options_.base_url}});
  }
  upstream_->WarmUp(static_cast<size_t>(std::min(options_.warm_connections, options_.slots)));
  RefreshModels();
  if (!options_.api_key_file.empty()) WatchKeyFile();
}

void Worker::Drain() {
  loop_.Post([this] {
    if (phase_ != Phase::kRunning) return;
    LogInfo("draining", {{"timeout", absl::FormatDuration(options_.drain_timeout)}});
    draining_ = true;
    identity_.draining = true;
    if (grading_ != nullptr) grading_->identity.draining = true;
    for (SessionSet* set : Sets()) set->Drain();
    EnterPhase(Phase::kDraining, options_.drain_timeout);
  });
}

void Worker::WaitUntilDrained() {
  MutexLock lock(mutex_);
  while (!closed_) closed_cond_.Wait(mutex_);
}

absl::Status Worker::Ready() const {
  if (draining_) return absl::UnavailableError("draining");
  if (!connected_) return absl::UnavailableError("no coordinator is connected");
  return absl::OkStatus();
}

void Worker::OnRound() {
  for (SessionSet* set : Sets()) set->OnRound();
  if (phase_ != Phase::kRunning) AdvanceDrain(Loop::Now());
  UpdateGauges();
}

void Worker::EnterPhase(Phase phase, absl::Duration limit) {
  phase_ = phase;
  phase_deadline_ = Loop::Now() + limit;
  loop_.CallAt(phase_deadline_, [] {});  // what follows each turn of the loop does the work
}

void Worker::AdvanceDrain(absl::Time now) {
  const std::vector<SessionSet*> sets = Sets();
  if (phase_ == Phase::kDraining) {
    size_t running = 0;
    for (const SessionSet* set : sets) running += set->running();
    if (running > 0 && now < phase_deadline_) return;
    if (running > 0) {
      LogWarning("the drain timeout is over: handing back what still runs", {{"running", running}});
      for (SessionSet* set : sets) set->HandBack();
    }
    EnterPhase(Phase::kSettling, options_.settle_timeout);
    for (SessionSet* set : sets) set->Pump();
  }
  const auto all = [&sets](bool (SessionSet::*holds)() const) {
    return std::all_of(sets.begin(), sets.end(),
                       [holds](const SessionSet* set) { return (set->*holds)(); });
  };
  if (phase_ == Phase::kSettling) {
    if (!all(&SessionSet::IsSettled) && now < phase_deadline_) return;
    EnterPhase(Phase::kClosing, kCloseTimeout);
    for (SessionSet* set : sets) {
      set->Close(false);
      set->Pump();
    }
  }
  if (phase_ != Phase::kClosing) return;
  if (now >= phase_deadline_) {
    for (SessionSet* set : sets) set->Close(true);
  }
  if (!all(&SessionSet::closed)) return;
  phase_ = Phase::kClosed;
  MutexLock lock(mutex_);
  closed_ = true;
  closed_cond_.NotifyAll();
}

void Worker::UpdateGauges() {
  size_t connected = 0;
  size_t sessions = 0;
  size_t dropped = 0;
  bool ready = true;
  for (const SessionSet* set : Sets()) {
    connected += set->connected();
    sessions += set->size();
    dropped += set->dropped_results();
    ready = ready && set->connected() > 0;
  }
  if (sessions_ != nullptr) {
    metrics_.SetSlots(sessions_->running(), static_cast<size_t>(options_.slots));
  }
  if (grading_ != nullptr) {
    grading_->metrics.SetSlots(grading_->sessions->running(), grading_->slots);
  }
  metrics_.SetSessions(connected, sessions);
  metrics_.SetResultsDropped(dropped);
  connected_ = ready;
}

void Worker::WatchKeyFile() {
  loop_.CallAt(Loop::Now() + options_.key_file_interval, [this] {
    if (phase_ == Phase::kClosed) return;
    ReloadKey();
    WatchKeyFile();
  });
}

void Worker::ReloadKey() {
  // A file that cannot be read now keeps the old key: it may be in the middle of being replaced.
  const absl::Status status = upstream_->ReloadApiKey();
  if (!status.ok() && !std::exchange(key_failure_logged_, true)) {
    LogWarning("cannot read the API key again; I go on with the old one",
               {{"reason", status.message()}});
  }
  if (status.ok()) key_failure_logged_ = false;
  if (upstream_->key_fingerprint() == identity_.key_fingerprint) return;
  identity_.key_fingerprint = upstream_->key_fingerprint();
  LogInfo("the API key has changed", {{"key_fingerprint", identity_.key_fingerprint}});
  sessions_->AnnounceStatus();
  // Another key may use other models. While a list is under way its answer comes first.
  if (models_timer_ == 0) return;
  loop_.CancelTimer(models_timer_);
  models_timer_ = 0;
  RefreshModels();
}

void Worker::RefreshModels() {
  if (phase_ == Phase::kClosed) return;
  upstream_->ListModels([this](upstream::ModelsResult result) { OnModels(std::move(result)); });
}

void Worker::OnModels(upstream::ModelsResult result) {
  if (phase_ == Phase::kClosed) return;
  if (result.error.has_value()) {
    models_retry_ = std::min(std::max(2 * models_retry_, kModelsRetryFirst), kModelsInterval);
    if (!std::exchange(models_failure_logged_, true)) {
      const upstream::Error& error = result.error->error;
      if (error.code == ErrorCode::kUnauthorized) {
        LogError("the provider refused the API key: every call will fail until it is changed",
                 {{"base_url", options_.base_url}, {"reason", error.message}});
      } else {
        LogWarning("cannot read the provider's models; I keep trying",
                   {{"base_url", options_.base_url}, {"reason", error.message}});
      }
    }
  } else {
    models_retry_ = absl::ZeroDuration();
    models_failure_logged_ = false;
    metrics_.AnnounceModels(result.models);
    if (identity_.models != result.models) {
      identity_.models = std::move(result.models);
      LogInfo("the provider's models", {{"count", identity_.models.size()}});
      sessions_->AnnounceStatus();
    }
  }
  const absl::Duration wait =
      models_retry_ == absl::ZeroDuration() ? kModelsInterval : models_retry_;
  models_timer_ = loop_.CallAt(Loop::Now() + wait, [this] {
    models_timer_ = 0;
    RefreshModels();
  });
}

}  // namespace moa::worker
