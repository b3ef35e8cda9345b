#include "worker/rpc/worker.h"

#include <algorithm>
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
    : options_(options),
      loop_("worker"),
      metrics_(registry),
      sessions_({.loop = loop_,
                 .options = options_,
                 .identity = identity_,
                 .metrics = metrics_,
                 .lost = [this] {
                   if (names_ != nullptr) names_->Hurry();
                 }}) {}

absl::Status Worker::Open() {
  identity_.worker_id = RandomId();
  identity_.name = options_.name;
  MOA_ASSIGN_OR_RETURN(upstream_,
                       upstream::UpstreamClient::Create(loop_, MakeUpstreamOptions(options_)));
  identity_.provider = std::string(upstream_->provider().name);
  metrics_.SetProvider(identity_.provider);
  identity_.key_fingerprint = upstream_->key_fingerprint();
  MOA_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ChannelCredentials> credentials,
                       MakeChannelCredentials(options_.tls));
  sessions_.Open(*upstream_, credentials);
  std::vector<Address> entries;
  for (const std::string& text : options_.coordinators) {
    MOA_ASSIGN_OR_RETURN(Address entry, ParseAddress(text));
    entries.push_back(std::move(entry));
  }
  coordinators_ = CoordinatorNames(entries);
  sessions_.SetAddresses(coordinators_.addresses());
  return absl::OkStatus();
}

Worker::~Worker() {
  loop_.Post([this] {
    draining_ = true;
    if (phase_ != Phase::kClosed) EnterPhase(Phase::kClosing, absl::ZeroDuration());
    OnRound();
  });
  WaitUntilDrained();
  // The client goes before the sessions: ending its last calls calls into them. All of it on the loop.
  loop_.Post([this] {
    names_.reset();
    upstream_.reset();
    sessions_.Clear();
  });
  loop_.Stop();
}

void Worker::Start() {
  loop_.Post([this] {
    loop_.SetBatchHook([this] { OnRound(); });
    if (absl::StartsWith(options_.base_url, "http://") && !options_.api_key.empty()) {
      LogDebug("the API is called without TLS", {{"base_url", options_.base_url}});
    }
    upstream_->WarmUp(static_cast<size_t>(std::min(options_.warm_connections, options_.slots)));
    RefreshModels();
    if (!options_.api_key_file.empty()) WatchKeyFile();
    sessions_.Start();
    names_ = std::make_unique<NameWatch>(loop_, coordinators_, options_.names,
                                         [this](std::vector<CoordinatorAddress> addresses) {
                                           sessions_.SetAddresses(std::move(addresses));
                                         });
  });
}

void Worker::Drain() {
  loop_.Post([this] {
    if (phase_ != Phase::kRunning) return;
    LogInfo("draining", {{"timeout", absl::FormatDuration(options_.drain_timeout)}});
    draining_ = true;
    identity_.draining = true;
    sessions_.Drain();
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
  sessions_.OnRound();
  if (phase_ != Phase::kRunning) AdvanceDrain(Loop::Now());
  UpdateGauges();
}

void Worker::EnterPhase(Phase phase, absl::Duration limit) {
  phase_ = phase;
  phase_deadline_ = Loop::Now() + limit;
  loop_.CallAt(phase_deadline_, [] {});  // what follows each turn of the loop does the work
}

void Worker::AdvanceDrain(absl::Time now) {
  if (phase_ == Phase::kDraining) {
    const size_t running = sessions_.running();
    if (running > 0 && now < phase_deadline_) return;
    if (running > 0) {
      LogWarning("the drain timeout is over: handing back what still runs", {{"running", running}});
      sessions_.HandBack();
    }
    EnterPhase(Phase::kSettling, options_.settle_timeout);
    sessions_.Pump();
  }
  if (phase_ == Phase::kSettling) {
    if (!sessions_.IsSettled() && now < phase_deadline_) return;
    EnterPhase(Phase::kClosing, kCloseTimeout);
    sessions_.Close(false);
    sessions_.Pump();
  }
  if (phase_ != Phase::kClosing) return;
  if (now >= phase_deadline_) sessions_.Close(true);
  if (!sessions_.closed()) return;
  phase_ = Phase::kClosed;
  MutexLock lock(mutex_);
  closed_ = true;
  closed_cond_.NotifyAll();
}

void Worker::UpdateGauges() {
  const size_t connected = sessions_.connected();
  metrics_.SetSlots(sessions_.running(), static_cast<size_t>(options_.slots));
  metrics_.SetSessions(connected, sessions_.size());
  metrics_.SetResultsDropped(sessions_.dropped_results());
  connected_ = connected > 0;
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
  sessions_.AnnounceStatus();
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
      sessions_.AnnounceStatus();
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
