#include "worker/rpc/session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/version.h"
#include "common/log/log.h"
#include "common/net/random_id.h"

namespace moa::worker {
namespace {

// Where Welcome names no limit, or one that cannot be meant.
constexpr absl::Duration kSilenceLimitDefault = absl::Seconds(30);
constexpr absl::Duration kSilenceLimitMin = absl::Milliseconds(100);
constexpr absl::Duration kSilenceLimitMax = absl::Minutes(10);
// Results or text in one message; more go in the next one, while this one is being parsed.
constexpr size_t kBatchBytesMax = 1 << 20;

double RandomFraction() { return static_cast<double>(RandomSeed() >> 11) * 0x1.0p-53; }

}  // namespace

Session::Session(Loop& loop, std::shared_ptr<grpc::Channel> channel, Options options,
                 const WorkerIdentity& identity, CallClient& client, Callbacks callbacks)
    : loop_(loop),
      channel_(std::move(channel)),
      stub_(v1::WorkerHub::NewStub(channel_)),
      options_(std::move(options)),
      identity_(identity),
      client_(client),
      callbacks_(std::move(callbacks)),
      attempts_(options_.limits),
      calls_(client,
             [this](AttemptTable::Key key, upstream::CallResult result) {
               attempts_.Finish(key, std::move(result));
             }),
      backoff_(options_.backoff_first, options_.backoff_longest) {}

Session::~Session() {
  MOA_CHECK(!stream_alive_);
  if (timer_ != 0) loop_.CancelTimer(timer_);
}

void Session::Start() { connect_time_ = Loop::Now(); }

void Session::Drain() {
  attempts_.StartDraining();
  status_due_ = true;
}

void Session::HandBack() {
  for (const AttemptTable::Key key : attempts_.HandBack()) calls_.Drop(key);
}

void Session::Close(bool at_once) {
  closing_ = true;
  connect_time_ = absl::InfiniteFuture();
  if (stream_ == nullptr) return;
  if (at_once || !welcomed_) {
    Break("the worker shuts down");
  }
}

void Session::Connect() {
  connect_time_ = absl::InfiniteFuture();
  opened_time_ = Loop::Now();
  stream_alive_ = true;
  writes_closed_ = false;
  HubStream::Callbacks callbacks;
  callbacks.received = [this](std::vector<v1::CoordinatorMessage>& messages) {
    OnReceived(messages);
  };
  callbacks.written = [this] { writing_ = false; };
  callbacks.broken = [this] {
    stream_->Release();
    stream_ = nullptr;
  };
  callbacks.ended = [this](const absl::Status& status) { OnEnded(status); };
  stream_ = HubStream::Open(*stub_, loop_, std::move(callbacks));
  writing_ = true;
  stream_->Write(MakeHello());
}

v1::WorkerMessage Session::MakeHello() {
  v1::WorkerMessage message;
  v1::Hello* hello = message.mutable_hello();
  hello->set_worker_id(identity_.worker_id);
  hello->set_name(identity_.name);
  hello->set_version(MoaVersion());
  told_slots_ = callbacks_.dial();
  attempts_.SetSlots(told_slots_);
  hello->set_slots(told_slots_);
  hello->mutable_models()->Assign(identity_.models.begin(), identity_.models.end());
  hello->set_draining(identity_.draining);
  hello->set_key_fingerprint(identity_.key_fingerprint);
  hello->set_provider(identity_.provider);
  hello->set_process(identity_.process);
  for (const AttemptTable::Held& held : attempts_.BeginConnection()) {
    ToProto(held, hello->add_held());
  }
  status_due_ = false;
  return message;
}

void Session::OnReceived(std::vector<v1::CoordinatorMessage>& messages) {
  received_time_ = Loop::Now();
  for (v1::CoordinatorMessage& message : messages) {
    if (stream_ == nullptr) return;
    Handle(message);
  }
}

void Session::Break(absl::string_view why) {
  if (stream_ == nullptr) return;
  LoseConnection(why);
  stream_->Release();
  stream_ = nullptr;
}

void Session::OnEnded(const absl::Status& status) {
  stream_alive_ = false;
  stream_ = nullptr;
  writing_ = false;
  LoseConnection(status.ok() ? "the coordinator closed the stream"
                             : absl::string_view(status.message()));
  if (!closing_) connect_time_ = Loop::Now() + backoff_.Next(RandomFraction());
}

void Session::LoseConnection(absl::string_view why) {
  const bool was_connected = std::exchange(welcomed_, false);
  attempts_.LoseConnection(Loop::Now());
  callbacks_.lost();
  waiting_ = 0;
  tells_demand_ = false;
  told_offers_.clear();
  calls_.StopDeltas();
  contexts_.clear();
  context_bytes_ = 0;
  heartbeat_due_ = false;
  // One line for an outage, however many tries it takes.
  if (closing_ || std::exchange(outage_logged_, true)) return;
  LogWarning(was_connected ? "lost the coordinator; its calls go on while I reconnect"
                           : "cannot reach the coordinator; I keep trying",
             {{"coordinator", options_.address}, {"reason", why}, {"running", calls_.running()}});
}

void Session::Handle(v1::CoordinatorMessage& message) {
  using Kind = v1::CoordinatorMessage::KindCase;
  // A batch may begin with the Welcome; its messages are looked at one by one.
  const bool may_come_first =
      message.kind_case() == Kind::kWelcome || message.kind_case() == Kind::kBatch;
  if (!welcomed_ && !may_come_first) return;
  switch (message.kind_case()) {
    case Kind::kWelcome:
      if (!welcomed_ && stream_ != nullptr) HandleWelcome(message.welcome());
      break;
    case Kind::kPutContext:
      HandleContext(message.put_context());
      break;
    case Kind::kDropContexts:
      for (const uint64_t key : message.drop_contexts().keys()) {
        const auto it = contexts_.find(key);
        if (it == contexts_.end()) continue;
        context_bytes_ -= it->second.size();
        contexts_.erase(it);
      }
      break;
    case Kind::kRunTask:
      HandleRunTask(message.run_task());
      break;
    case Kind::kCancel:
      calls_.Cancel(attempts_.FindRunning(FromProto(message.cancel().ref())));
      break;
    case Kind::kDurable:
      for (const v1::AttemptRef& ref : message.durable().refs()) {
        attempts_.MarkDurable(FromProto(ref));
      }
      break;
    case Kind::kStreamDeltas:
      calls_.SetDeltas(attempts_.FindRunning(FromProto(message.stream_deltas().ref())),
                       message.stream_deltas().on());
      break;
    case Kind::kBatch:
      for (v1::CoordinatorMessage& one : *message.mutable_batch()->mutable_messages()) {
        if (!one.has_batch()) Handle(one);  // batches are not nested: no depth to run into
      }
      break;
    case Kind::kClaim:
      HandleClaim(message.claim());
      break;
    case Kind::kSlotsConfirmed:
      tells_demand_ = true;
      callbacks_.slots_confirmed(message.slots_confirmed().slots());
      break;
    case Kind::kDemand:
      tells_demand_ = true;
      waiting_ = message.demand().waiting();
      break;
    case Kind::kHeartbeat:
    case Kind::KIND_NOT_SET:  // of a newer version
      break;
  }
}

void Session::HandleWelcome(const v1::Welcome& welcome) {
  welcomed_ = true;
  offers_changed_ = true;
  outage_logged_ = false;
  backoff_.Reset();
  sent_time_ = received_time_;
  const uint64_t limit_us =
      std::min<uint64_t>(welcome.silence_limit_us(), absl::ToInt64Microseconds(kSilenceLimitMax));
  silence_limit_ = limit_us == 0 ? kSilenceLimitDefault
                                 : std::max(absl::Microseconds(limit_us), kSilenceLimitMin);
  std::vector<AttemptRef> keep;
  keep.reserve(welcome.keep_size());
  for (const v1::AttemptRef& ref : welcome.keep()) keep.push_back(FromProto(ref));
  std::vector<AttemptRef> undecided;
  for (const v1::AttemptRef& ref : welcome.undecided()) undecided.push_back(FromProto(ref));
  const std::vector<AttemptTable::Key> closed = attempts_.Welcomed(keep, undecided, Loop::Now());
  for (const AttemptTable::Key key : closed) calls_.Drop(key);
  LogInfo("connected to the coordinator", {{"coordinator", options_.address},
                                           {"coordinator_id", welcome.coordinator_id()},
                                           {"slots", attempts_.slots()},
                                           {"kept", keep.size()},
                                           {"undecided", undecided.size()},
                                           {"closed", closed.size()}});
  callbacks_.welcomed(welcome.coordinator_id());
}

void Session::HandleContext(const v1::PutContext& context) {
  if (contexts_.contains(context.key())) return;
  upstream::MessagesJson json = client_.Encode(context);
  if (context_bytes_ + json.size() > options_.context_bytes_max) {
    LogWarning("contexts fill their memory; tasks that need this one are refused",
               {{"coordinator", options_.address}, {"held_bytes", context_bytes_}});
    return;
  }
  context_bytes_ += json.size();
  contexts_.emplace(context.key(), std::move(json));
}

void Session::HandleRunTask(const v1::RunTask& task) {
  const AttemptRef ref = FromProto(task.ref());
  AttemptTable::Key key = 0;
  if (attempts_.Admit(ref, task.input_hash(), &key) != AttemptTable::Verdict::kStart) return;
  upstream::Timeouts timeouts;
  timeouts.total = options_.call_timeout;
  if (task.timeout_us() > 0) {
    const uint64_t us =
        std::min<uint64_t>(task.timeout_us(), absl::ToInt64Microseconds(options_.call_timeout));
    timeouts.total = absl::Microseconds(us);
  }
  timeouts.first_byte = std::min(options_.first_byte_timeout, timeouts.total);
  const absl::Status status = calls_.Start(key, ref, task, contexts_, timeouts);
  if (status.ok()) return;
  attempts_.Finish(key, MakeErrorResult(upstream::ErrorCode::kInternal, status.message(), true));
}

void Session::SetGrant(uint32_t told, uint32_t usable) {
  attempts_.SetSlots(usable);
  if (std::exchange(told_slots_, told) != told) status_due_ = true;
}

void Session::HandleClaim(const v1::ClaimAttempts& claim) {
  for (const v1::AttemptRef& proto : claim.refs()) {
    const AttemptRef ref = FromProto(proto);
    told_offers_.erase(ref);
    if (!attempts_.Claim(ref) && !callbacks_.bring_here(ref)) attempts_.RefuseClaim(ref);
  }
}

bool Session::Move(Session& from, Session& to, const AttemptRef& ref) {
  std::optional<AttemptTable::Moved> moved = from.attempts_.TakeOffered(ref);
  if (!moved.has_value()) return false;
  const AttemptTable::Key key = to.attempts_.Adopt(std::move(moved->held));
  if (moved->key != 0) from.calls_.MoveTo(to.calls_, moved->key, key);
  return true;
}

void Session::MoveAll(Session& from, Session& to) {
  for (const AttemptTable::Held& held : from.attempts_.OnOffer()) {
    if (!to.attempts_.Has(held.ref)) Move(from, to, held.ref);
  }
}

bool Session::NextOffer(v1::OfferAttempts* message) {
  if (offers_.empty() && told_offers_.empty()) return false;
  absl::flat_hash_set<AttemptRef> now;
  for (const AttemptTable::Held& held : offers_) {
    now.insert(held.ref);
    if (told_offers_.contains(held.ref)) continue;
    v1::HeldAttempt* offered = message->add_held();
    ToProto(held.ref, offered->mutable_ref());
    offered->set_input_hash(held.input_hash);
  }
  for (const AttemptRef& ref : told_offers_) {
    if (!now.contains(ref)) ToProto(ref, message->add_withdrawn());
  }
  told_offers_ = std::move(now);
  return message->held_size() > 0 || message->withdrawn_size() > 0;
}

bool Session::NextDeltas(absl::Time now, v1::WorkerMessage* message) {
  std::vector<v1::AttemptDelta> deltas = calls_.TakeDeltas(now, kBatchBytesMax);
  if (deltas.empty()) return false;
  if (deltas.size() == 1) {
    *message->mutable_delta() = std::move(deltas.front());
    return true;
  }
  auto* batch = message->mutable_delta_batch()->mutable_deltas();
  for (v1::AttemptDelta& delta : deltas) *batch->Add() = std::move(delta);
  return true;
}

bool Session::NextMessage(absl::Time now, v1::WorkerMessage* message) {
  if (std::exchange(status_due_, false)) {
    v1::WorkerStatus* status = message->mutable_status();
    status->set_slots(told_slots_);
    status->mutable_models()->Assign(identity_.models.begin(), identity_.models.end());
    status->set_draining(identity_.draining);
    status->set_key_fingerprint(identity_.key_fingerprint);
    return true;
  }
  if (std::exchange(offers_changed_, false) && NextOffer(message->mutable_offer())) return true;
  message->Clear();
  // The last text of an attempt comes before its result.
  if (calls_.has_last_deltas()) return NextDeltas(now, message);
  if (attempts_.has_unreported()) {
    const std::vector<FinishedPtr> batch = attempts_.TakeUnreported(kBatchBytesMax);
    if (batch.size() == 1) {
      ToProto(*batch.front(), message->mutable_finished());
    } else {
      for (const FinishedPtr& finished : batch) {
        ToProto(*finished, message->mutable_finished_batch()->add_attempts());
      }
    }
    return true;
  }
  if (NextDeltas(now, message)) return true;
  if (!std::exchange(heartbeat_due_, false)) return false;
  message->mutable_heartbeat()->set_progressing(calls_.CountProgressing(heartbeat_time_));
  heartbeat_time_ = now;
  return true;
}

void Session::Pump() {
  const absl::Time now = Loop::Now();
  Advance(now);
  if (welcomed_ && stream_ != nullptr && !writing_ && !writes_closed_) {
    v1::WorkerMessage message;
    if (NextMessage(now, &message)) {
      writing_ = true;
      sent_time_ = now;
      stream_->Write(std::move(message));
    } else if (closing_) {
      // The coordinator ends the stream in answer; the Worker does not wait long for it.
      writes_closed_ = true;
      stream_->CloseWrites();
    }
  }
  ArmTimer();
}

void Session::Advance(absl::Time now) {
  if (now >= connect_time_) Connect();
  for (const AttemptTable::Key key : attempts_.ExpireOrphans(now)) calls_.Drop(key);
  if (stream_ == nullptr) return;
  if (!welcomed_) {
    if (now >= opened_time_ + options_.welcome_timeout)
      Break("it accepts streams but says nothing");
    return;
  }
  if (now >= received_time_ + silence_limit_) {
    Break(absl::StrCat("it has been silent for ", absl::FormatDuration(silence_limit_)));
    return;
  }
  if (now >= sent_time_ + silence_limit_ / 3) heartbeat_due_ = true;
}

absl::Time Session::NextDeadline() const {
  absl::Time next = std::min(connect_time_, attempts_.orphan_deadline());
  if (stream_ == nullptr) return next;
  if (!welcomed_) return std::min(next, opened_time_ + options_.welcome_timeout);
  next = std::min(next, received_time_ + silence_limit_);
  // While a write is in flight its end wakes the loop; until then neither can be sent.
  if (!writing_ && !writes_closed_) {
    next = std::min(next, sent_time_ + silence_limit_ / 3);
    next = std::min(next, calls_.NextDeltaTime());
  }
  return next;
}

void Session::ArmTimer() {
  const absl::Time next = NextDeadline();
  // A timer that fires early costs one empty turn; moving it at every message would cost more.
  if (next >= timer_time_) return;
  if (timer_ != 0) loop_.CancelTimer(timer_);
  timer_time_ = next;
  timer_ = loop_.CallAt(next, [this] {
    timer_ = 0;
    timer_time_ = absl::InfiniteFuture();  // Pump, which follows, arms it anew
  });
}

}  // namespace moa::worker
