#include "worker/rpc/worker.h"

#include <grpcpp/create_channel.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/log/log.h"
#include "common/net/grpc_defaults.h"
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
      grants_(static_cast<uint32_t>(options.slots), options.coordinators.size()) {}

absl::Status Worker::Open() {
  identity_.worker_id = RandomId();
  identity_.name = options_.name;
  MOA_ASSIGN_OR_RETURN(upstream_,
                       upstream::UpstreamClient::Create(loop_, MakeUpstreamOptions(options_)));
  identity_.provider = std::string(upstream_->provider().name);
  identity_.key_fingerprint = upstream_->key_fingerprint();
  MOA_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ChannelCredentials> credentials,
                       MakeChannelCredentials(options_.tls));
  grpc::ChannelArguments arguments = ChannelDefaults();
  // The sessions try again within a second; the channel under them must not be the slower one.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  for (size_t i = 0; i < options_.coordinators.size(); ++i) {
    Session::Options session;
    session.address = options_.coordinators[i];
    session.limits.orphan_limit = options_.orphan_limit;
    session.call_timeout = options_.call_timeout;
    session.first_byte_timeout = options_.first_byte_timeout;
    session.welcome_timeout = options_.welcome_timeout;
    auto channel =
        grpc::CreateCustomChannel(absl::StrCat("dns:///", session.address), credentials, arguments);
    sessions_.push_back(std::make_unique<Session>(loop_, std::move(channel), std::move(session),
                                                  identity_, *upstream_, metrics_, CallbacksOf(i)));
  }
  return absl::OkStatus();
}

Worker::~Worker() {
  loop_.Post([this] {
    draining_ = true;
    if (phase_ != Phase::kClosed) EnterPhase(Phase::kClosing, absl::ZeroDuration());
    OnRound();
  });
  WaitUntilDrained();
  // The client goes first: ending its last calls calls into the sessions. All of it on the loop.
  loop_.Post([this] {
    upstream_.reset();
    sessions_.clear();
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
    for (const auto& session : sessions_) session->Start();
  });
}

void Worker::Drain() {
  loop_.Post([this] {
    if (phase_ != Phase::kRunning) return;
    LogInfo("draining", {{"timeout", absl::FormatDuration(options_.drain_timeout)}});
    draining_ = true;
    identity_.draining = true;
    for (const auto& session : sessions_) session->Drain();
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

Session::Callbacks Worker::CallbacksOf(size_t index) {
  return {.dial = [this, index] { return grants_.Dial(index, SlotStates()); },
          .lost = [this, index] { grants_.Lose(index); },
          .slots_confirmed = [this, index](uint32_t slots) { grants_.Confirm(index, slots); },
          .bring_here = [this, index](const AttemptRef& ref) { return BringTo(index, ref); }};
}

bool Worker::BringTo(size_t index, const AttemptRef& ref) {
  for (size_t i = 0; i < sessions_.size(); ++i) {
    if (i != index && Session::Move(*sessions_[i], *sessions_[index], ref)) return true;
  }
  return false;
}

std::vector<SlotGrants::State> Worker::SlotStates() const {
  std::vector<SlotGrants::State> states;
  for (const auto& session : sessions_) {
    states.push_back({.welcomed = session->connected(),
                      .running = static_cast<uint32_t>(session->attempts().running()),
                      .waiting = session->waiting(),
                      .silent = !session->tells_demand()});
  }
  return states;
}

void Worker::MoveSlots(absl::Time now) {
  if (sessions_.size() <= 1) return;  // one has them all; none is left at the end
  grants_.Rebalance(SlotStates(), now);
  for (size_t i = 0; i < sessions_.size(); ++i) {
    if (sessions_[i]->connected()) sessions_[i]->SetGrant(grants_.told(i), grants_.usable(i));
  }
  const absl::Time next = grants_.deadline();
  if (next == absl::InfiniteFuture() || (grants_timer_ > now && next >= grants_timer_)) return;
  grants_timer_ = next;
  loop_.CallAt(next, [] {});  // what follows each turn of the loop does the work
}

// Tells each coordinator what it may claim: what the others have left behind, and what it has left undecided.
void Worker::ShareOffers() {
  uint64_t version = 0;
  for (const auto& session : sessions_) version += session->attempts().offer_version();
  if (std::exchange(offers_shared_, version) == version) return;
  for (size_t i = 0; i < sessions_.size(); ++i) {
    std::vector<AttemptTable::Held> offers;
    for (size_t j = 0; j < sessions_.size(); ++j) {
      if (j == i && !sessions_[i]->connected()) continue;
      for (AttemptTable::Held& held : sessions_[j]->attempts().OnOffer()) {
        offers.push_back(std::move(held));
      }
    }
    sessions_[i]->SetOffers(std::move(offers));
  }
}

void Worker::OnRound() {
  MoveSlots(Loop::Now());
  ShareOffers();
  for (const auto& session : sessions_) session->Pump();
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
    size_t running = 0;
    for (const auto& session : sessions_) running += session->attempts().running();
    if (running > 0 && now < phase_deadline_) return;
    if (running > 0) {
      LogWarning("the drain timeout is over: handing back what still runs", {{"running", running}});
      for (const auto& session : sessions_) session->HandBack();
    }
    EnterPhase(Phase::kSettling, options_.settle_timeout);
    for (const auto& session : sessions_) session->Pump();
  }
  if (phase_ == Phase::kSettling) {
    if (!IsSettled() && now < phase_deadline_) return;
    EnterPhase(Phase::kClosing, kCloseTimeout);
    for (const auto& session : sessions_) session->Close(false);
    for (const auto& session : sessions_) session->Pump();
  }
  if (phase_ != Phase::kClosing) return;
  bool all_closed = true;
  for (const auto& session : sessions_) {
    if (now >= phase_deadline_) session->Close(true);
    all_closed = all_closed && session->closed();
  }
  if (!all_closed) return;
  phase_ = Phase::kClosed;
  MutexLock lock(mutex_);
  closed_ = true;
  closed_cond_.NotifyAll();
}

bool Worker::IsSettled() const {
  return std::all_of(sessions_.begin(), sessions_.end(), [](const auto& session) {
    return !session->attempts().has_unreported() && session->attempts().held_results() == 0;
  });
}

void Worker::UpdateGauges() {
  size_t used = 0;
  size_t connected = 0;
  size_t dropped = 0;
  for (const auto& session : sessions_) {
    used += session->attempts().running();
    connected += session->connected() ? 1 : 0;
    dropped += session->attempts().dropped_results();
  }
  metrics_.SetSlots(used, static_cast<size_t>(options_.slots));
  metrics_.SetSessions(connected, sessions_.size());
  metrics_.SetResultsDropped(dropped);
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
  for (const auto& session : sessions_) session->AnnounceStatus();
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
      for (const auto& session : sessions_) session->AnnounceStatus();
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
