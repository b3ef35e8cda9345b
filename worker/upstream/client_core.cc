#include "worker/upstream/client_core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace moa::upstream {
namespace {

// Calls' limits that end within so short a time of each other are looked at together, so that
// thousands of calls with different limits do not make the sweep run without pause.
constexpr absl::Duration kSweepPause = absl::Milliseconds(2);
// Idle easy handles kept; each holds some kilobytes.
constexpr size_t kPoolMax = 256;

HeaderList MakeHeaderList(const std::vector<std::string>& lines) {
  curl_slist* list = nullptr;
  for (const std::string& line : lines) {
    curl_slist* longer = curl_slist_append(list, line.c_str());
    MOA_CHECK(longer != nullptr);
    list = longer;
  }
  return HeaderList(list);
}

}  // namespace

UpstreamClient::Core::Core(Loop& loop, UpstreamOptions options, std::string api_key)
    : loop_(loop),
      api_key_(std::move(api_key)),
      multi_(loop,
             {.connections_max = options.connections_max,
              .idle_connections_max = options.calls_max,
              .streams_per_connection = options.streams_per_connection},
             [this] { Turn(); }) {
  shared_.provider = options.provider == "auto" ? GuessProvider(options.base_url)
                                                : *FindProvider(options.provider);
  if (shared_.provider.prompt_cache_key == Provider::CacheKey::kIfAllowed) {
    shared_.provider.prompt_cache_key =
        options.prompt_cache_key ? Provider::CacheKey::kAlways : Provider::CacheKey::kNever;
  }
  shared_.options = std::move(options);
  BuildHeaders();
}

UpstreamClient::Core::~Core() {
  MOA_CHECK(!delivering_);
  *alive_ = false;
  if (sweep_timer_ != 0) loop_.CancelTimer(sweep_timer_);
  std::vector<CallId> ids;
  for (const auto& [id, transfer] : running_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  const absl::Time now = Loop::Now();
  for (const CallId id : ids) {
    running_[id]->muted = true;
    running_[id]->Fail(Failure::Kind::kCancelled, "");
    End(id, CURLE_OK, now);
  }
  while (!ended_.empty()) {
    TransferPtr transfer = std::move(ended_.front());
    ended_.pop_front();
    DeliverOne(std::move(transfer));
  }
}

void UpstreamClient::Core::BuildHeaders() {
  auto headers = std::make_shared<Transfer::Headers>();
  headers->api_key = api_key_;
  std::vector<std::string> lines = {
      "Content-Type: application/json", "Accept: application/json",
      "Expect:",  // no pause of a second before a large body
  };
  if (!api_key_.empty()) lines.push_back(absl::StrCat("Authorization: Bearer ", api_key_));
  headers->plain = MakeHeaderList(lines);
  lines.push_back("Content-Encoding: gzip");
  headers->gzip = MakeHeaderList(lines);
  headers_ = std::move(headers);
  key_fingerprint_ = KeyFingerprint(shared_.options.base_url, api_key_);
}

absl::Status UpstreamClient::Core::ReloadApiKey() {
  absl::StatusOr<std::string> key = shared_.options.api_key.Read();
  if (!key.ok()) return key.status();
  if (*key == api_key_) return absl::OkStatus();
  api_key_ = *std::move(key);
  BuildHeaders();
  return absl::OkStatus();
}

UpstreamClient::Core::TransferPtr UpstreamClient::Core::TakeFromPool() {
  if (pool_.empty()) return std::make_unique<Transfer>(shared_, multi_);
  TransferPtr transfer = std::move(pool_.back());
  pool_.pop_back();
  return transfer;
}

CallId UpstreamClient::Core::Start(ChatRequest request, ChatCallbacks callbacks) {
  MOA_CHECK(callbacks.done != nullptr);
  TransferPtr transfer = TakeFromPool();
  const CallId id = ++last_id_;
  const absl::Status sendable = transfer->BeginChat(request, id, headers_, Loop::Now());
  transfer->callbacks = std::move(callbacks);
  if (!request.stream) transfer->callbacks.delta = nullptr;
  Launch(std::move(transfer), sendable);
  return id;
}

CallId UpstreamClient::Core::ListModels(absl::AnyInvocable<void(ModelsResult result)> done) {
  MOA_CHECK(done != nullptr);
  TransferPtr transfer = TakeFromPool();
  const CallId id = ++last_id_;
  transfer->BeginGet(Transfer::Kind::kModels, id, headers_, Loop::Now());
  transfer->models_done = std::move(done);
  Launch(std::move(transfer), absl::OkStatus());
  return id;
}

void UpstreamClient::Core::WarmUp(size_t count) {
  for (; count > 0; --count) {
    TransferPtr transfer = TakeFromPool();
    transfer->BeginGet(Transfer::Kind::kWarmUp, ++last_id_, headers_, Loop::Now());
    Launch(std::move(transfer), absl::OkStatus());
  }
}

void UpstreamClient::Core::Launch(TransferPtr transfer, const absl::Status& sendable) {
  Transfer& started = *transfer;
  const bool closing = !*alive_;
  const bool full = running_.size() >= shared_.options.calls_max;
  if (closing) {
    started.Fail(Failure::Kind::kCancelled, "");
  } else if (full) {
    started.Fail(Failure::Kind::kInternal, absl::StrCat("more than ", shared_.options.calls_max,
                                                        " calls at once (calls_max)"));
  } else if (!sendable.ok()) {
    started.Fail(sendable.code() == absl::StatusCode::kInternal ? Failure::Kind::kInternal
                                                                : Failure::Kind::kRequest,
                 std::string(sendable.message()));
  }
  if (closing || full || !sendable.ok()) {
    started.Settle(CURLE_OK, Loop::Now());
    ended_.push_back(std::move(transfer));
    DeliverSoon();
    return;
  }
  const CallId id = started.id();
  running_.emplace(id, std::move(transfer));
  if (!multi_.Add(started.easy())) {
    started.Fail(Failure::Kind::kInternal, "libcurl did not take the call");
    End(id, CURLE_OK, Loop::Now());
    DeliverSoon();
    return;
  }
  ArmSweep(started.Deadline());
  CollectFinished();
  // The reply, or its first bytes, can be there already.
  if (!ended_.empty() || !shared_.delta_queue.empty()) DeliverSoon();
}

bool UpstreamClient::Core::Cancel(CallId id) {
  const auto it = running_.find(id);
  if (it == running_.end()) return false;
  it->second->muted = true;
  it->second->Fail(Failure::Kind::kCancelled, "");
  End(id, CURLE_OK, Loop::Now());
  DeliverSoon();
  return true;
}

std::optional<CallProgress> UpstreamClient::Core::Progress(CallId id) const {
  const auto it = running_.find(id);
  if (it == running_.end()) return std::nullopt;
  return it->second->progress();
}

void UpstreamClient::Core::End(CallId id, CURLcode code, absl::Time now) {
  const auto it = running_.find(id);
  MOA_CHECK(it != running_.end());
  TransferPtr transfer = std::move(it->second);
  running_.erase(it);
  multi_.Remove(transfer->easy());
  transfer->Settle(code, now);
  ended_.push_back(std::move(transfer));
}

void UpstreamClient::Core::CollectFinished() {
  CURLcode code = CURLE_OK;
  const absl::Time now = Loop::Now();
  while (CURL* easy = multi_.TakeFinished(&code)) {
    char* self = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &self);
    auto* transfer = reinterpret_cast<Transfer*>(self);
    if (transfer->TakesFreshTry(code)) {
      multi_.Remove(easy);
      if (multi_.Add(easy)) continue;
    }
    End(transfer->id(), code, now);
  }
}

void UpstreamClient::Core::Turn() {
  CollectFinished();
  if (running_.empty()) {
    shared_.earlier_deadline = absl::InfiniteFuture();
  } else if (shared_.earlier_deadline != absl::InfiniteFuture()) {
    ArmSweep(std::exchange(shared_.earlier_deadline, absl::InfiniteFuture()));
  }
  Deliver();
}

void UpstreamClient::Core::DeliverSoon() {
  if (delivery_posted_ || !*alive_) return;
  delivery_posted_ = true;
  loop_.Post([this, alive = alive_] {
    if (!*alive) return;
    delivery_posted_ = false;
    Deliver();
  });
}

void UpstreamClient::Core::Deliver() {
  delivering_ = true;
  std::vector<CallId> deltas;
  deltas.swap(shared_.delta_queue);
  for (const CallId id : deltas) {
    const auto it = running_.find(id);  // an ended one gets its text before `done`, below
    if (it != running_.end()) it->second->DeliverDelta(/*settled=*/false);
  }
  // Only what has ended by now: a callback may start a call that ends at once, and so for ever.
  for (size_t left = ended_.size(); left > 0; --left) {
    TransferPtr transfer = std::move(ended_.front());
    ended_.pop_front();
    DeliverOne(std::move(transfer));
  }
  delivering_ = false;
  if (!ended_.empty() || !shared_.delta_queue.empty()) DeliverSoon();
}

void UpstreamClient::Core::DeliverOne(TransferPtr transfer) {
  transfer->DeliverDelta(/*settled=*/true);
  switch (transfer->kind()) {
    case Transfer::Kind::kChat:
      transfer->callbacks.done(transfer->TakeResult());
      break;
    case Transfer::Kind::kModels:
      transfer->models_done(transfer->TakeModels());
      break;
    case Transfer::Kind::kWarmUp:
      break;
  }
  transfer->Recycle();
  if (pool_.size() < kPoolMax) pool_.push_back(std::move(transfer));
}

void UpstreamClient::Core::ArmSweep(absl::Time deadline) {
  if (sweep_timer_ != 0 && sweep_time_ <= deadline) return;
  if (sweep_timer_ != 0) loop_.CancelTimer(sweep_timer_);
  sweep_time_ = deadline;
  sweep_timer_ = loop_.CallAt(deadline, [this] { Sweep(); });
}

void UpstreamClient::Core::Sweep() {
  sweep_timer_ = 0;
  const absl::Time now = Loop::Now();
  std::vector<CallId> overdue;
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [id, transfer] : running_) {
    const absl::Time deadline = transfer->Deadline();
    if (deadline <= now) {
      overdue.push_back(id);
    } else {
      next = std::min(next, deadline);
    }
  }
  for (const CallId id : overdue) {
    running_[id]->FailOverdue(now);
    End(id, CURLE_OK, now);
  }
  if (next != absl::InfiniteFuture()) ArmSweep(std::max(next, now + kSweepPause));
  if (!ended_.empty()) Turn();
}

}  // namespace moa::upstream
