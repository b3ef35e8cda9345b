#include "coordinator/rpc/worker_session.h"

#include <utility>

#include "common/log/log.h"
#include "coordinator/convert/convert.h"
#include "coordinator/rpc/ended_attempt.h"

namespace moa {
namespace {

// A context smaller than this travels in each task: naming it would cost as much.
constexpr size_t kInlineContextBytesMax = 4096;

// Results that a worker holds although they are stored: bounds its memory.
constexpr int kForgottenMax = 64;

size_t ContextBytes(const SharedContext& context) {
  size_t bytes = 0;
  for (const Message& message : context.messages) {
    bytes += message.content.size() + message.reasoning.size();
  }
  return bytes;
}

std::vector<HeldAttempt> HeldFromProto(
    google::protobuf::RepeatedPtrField<v1::HeldAttempt>* attempts) {
  std::vector<HeldAttempt> all;
  for (v1::HeldAttempt& attempt : *attempts) {
    HeldAttempt& held = all.emplace_back();
    held.ref = RefFromProto(attempt.ref());
    held.input_hash = std::move(*attempt.mutable_input_hash());
    if (attempt.has_finished()) held.finished = EndedFromProto(attempt.mutable_finished());
  }
  return all;
}

}  // namespace

WorkerSession::WorkerSession(Coordinator& coordinator, std::shared_ptr<WorkerOutlet> outlet,
                             std::string coordinator_id)
    : coordinator_(coordinator),
      outlet_(std::move(outlet)),
      coordinator_id_(std::move(coordinator_id)),
      last_received_(Loop::Now()),
      last_sent_(Loop::Now()),
      last_progress_(Loop::Now()) {}

void WorkerSession::OnMessage(v1::WorkerMessage message) {
  coordinator_.loop().AssertHeld();
  last_received_ = Loop::Now();
  if (message.has_hello() != worker_.empty()) {
    return Close("the first message of a stream, and only the first, is Hello");
  }
  switch (message.kind_case()) {
    case v1::WorkerMessage::kHello:
      return OnHello(message.mutable_hello());
    case v1::WorkerMessage::kFinished:
      last_progress_ = last_received_;
      return OnFinished(message.mutable_finished());
    case v1::WorkerMessage::kFinishedBatch:
      last_progress_ = last_received_;
      for (v1::AttemptFinished& finished : *message.mutable_finished_batch()->mutable_attempts()) {
        OnFinished(&finished);
      }
      return;
    case v1::WorkerMessage::kDelta:
      last_progress_ = last_received_;
      return OnDelta(message.mutable_delta());
    case v1::WorkerMessage::kDeltaBatch:
      last_progress_ = last_received_;
      for (v1::AttemptDelta& delta : *message.mutable_delta_batch()->mutable_deltas()) {
        OnDelta(&delta);
      }
      return;
    case v1::WorkerMessage::kStatus: {
      const v1::WorkerStatus& status = message.status();
      draining_ = status.draining();
      return coordinator_.WorkerChanged(worker_, this, status.slots(),
                                        {status.models().begin(), status.models().end()},
                                        status.draining(), status.key_fingerprint());
    }
    case v1::WorkerMessage::kOffer:
      return OnOffer(message.mutable_offer());
    case v1::WorkerMessage::kHeartbeat:
      if (message.heartbeat().progressing() > 0) last_progress_ = last_received_;
      return;
    case v1::WorkerMessage::KIND_NOT_SET:  // of a later version
      return;
  }
}

void WorkerSession::OnHello(v1::Hello* proto) {
  coordinator_.loop().AssertHeld();
  if (proto->worker_id().empty()) return Close("Hello without a worker_id");
  worker_ = WorkerId(proto->worker_id());
  WorkerHello hello{.id = worker_,
                    .name = proto->name(),
                    .version = proto->version(),
                    .slots = proto->slots(),
                    .models = {proto->models().begin(), proto->models().end()},
                    .draining = proto->draining(),
                    .key = proto->key_fingerprint(),
                    .provider = proto->provider(),
                    .process = proto->process()};
  hello.held = HeldFromProto(proto->mutable_held());
  coordinator_.WorkerJoined(std::move(hello), this);
}

void WorkerSession::OnOffer(v1::OfferAttempts* offer) {
  coordinator_.loop().AssertHeld();
  std::vector<AttemptRef> withdrawn;
  for (const v1::AttemptRef& ref : offer->withdrawn()) withdrawn.push_back(RefFromProto(ref));
  coordinator_.WorkerOffers(worker_, this, HeldFromProto(offer->mutable_held()), withdrawn);
}

void WorkerSession::OnDelta(v1::AttemptDelta* delta) {
  coordinator_.loop().AssertHeld();
  coordinator_.AttemptDelta(worker_, this, RefFromProto(delta->ref()),
                            {.content_offset = delta->content_offset(),
                             .content = Text(std::move(*delta->mutable_content())),
                             .reasoning_offset = delta->reasoning_offset(),
                             .reasoning = Text(std::move(*delta->mutable_reasoning()))});
}

void WorkerSession::OnFinished(v1::AttemptFinished* finished) {
  coordinator_.loop().AssertHeld();
  coordinator_.AttemptEnded(worker_, this, EndedFromProto(finished));
}

void WorkerSession::OnClosed() {
  coordinator_.loop().AssertHeld();
  if (!worker_.empty()) coordinator_.WorkerLeft(worker_, this);
  coordinator_.flushes().NoMore(this);
}

void WorkerSession::OnTick(absl::Time now) {
  coordinator_.loop().AssertHeld();
  if (now - last_received_ > kSilenceLimit) {
    LogWarning("worker is silent, closing its stream", {{"worker", worker_.value()}});
    return Close("nothing was heard from this worker for too long");
  }
  if (worker_.empty() || !coordinator_.RunsOn(worker_)) last_progress_ = now;
  if (now - last_progress_ > coordinator_.deaf_limit()) {
    last_progress_ = now;
    return coordinator_.WorkerIsDeaf(worker_, this);
  }
  if (!worker_.empty() && now - last_sent_ > kSilenceLimit / 3) Add().mutable_heartbeat();
  SendForgotten();
  Flush();
}

void WorkerSession::SendForgotten() {
  if (forgotten_.refs_size() == 0) return;
  *Add().mutable_durable() = std::move(forgotten_);
  forgotten_.Clear();
}

void WorkerSession::WantFlush() {
  coordinator_.loop().AssertHeld();
  if (!std::exchange(flush_wanted_, true)) coordinator_.flushes().Later(this);
}

v1::CoordinatorMessage& WorkerSession::Add() {
  WantFlush();
  return pending_.emplace_back();
}

void WorkerSession::Welcome(const std::vector<AttemptRef>& keep,
                            const std::vector<AttemptRef>& undecided) {
  v1::CoordinatorMessage message;
  v1::Welcome* welcome = message.mutable_welcome();
  welcome->set_coordinator_id(coordinator_id_);
  welcome->set_silence_limit_us(static_cast<uint64_t>(absl::ToInt64Microseconds(kSilenceLimit)));
  for (const AttemptRef& ref : keep) RefToProto(ref, welcome->add_keep());
  for (const AttemptRef& ref : undecided) RefToProto(ref, welcome->add_undecided());
  pending_.insert(pending_.begin(), std::move(message));
  WantFlush();
}

void WorkerSession::Claim(const std::vector<AttemptRef>& refs) {
  v1::ClaimAttempts* claim = Add().mutable_claim();
  for (const AttemptRef& ref : refs) RefToProto(ref, claim->add_refs());
}

void WorkerSession::ConfirmSlots(uint32_t slots) {
  Add().mutable_slots_confirmed()->set_slots(slots);
}

void WorkerSession::Demand(uint32_t waiting) { Add().mutable_demand()->set_waiting(waiting); }

uint64_t WorkerSession::ContextKey(const JobId& job, const SharedContext& context) {
  const auto [it, inserted] = contexts_[job].emplace(context.id, next_key_);
  if (!inserted) return it->second;
  v1::PutContext* put = Add().mutable_put_context();
  put->set_key(next_key_++);
  for (const Message& message : context.messages) MessageToProto(message, put->add_messages());
  return it->second;
}

bool WorkerSession::Run(const RunCommand& command) {
  bool keeps_context = false;
  v1::CoordinatorMessage message;
  v1::RunTask* run = message.mutable_run_task();
  RefToProto(command.ref, run->mutable_ref());
  run->set_input_hash(command.input_hash);
  CallToProto(*command.input, *command.spec, run);
  for (const PromptPart& part : command.input->prompt) {
    if (part.context == nullptr) {
      MessageToProto(part.message, run->add_prompt()->mutable_message());
    } else if (ContextBytes(*part.context) <= kInlineContextBytesMax) {
      for (const Message& shared : part.context->messages) {
        MessageToProto(shared, run->add_prompt()->mutable_message());
      }
    } else {
      run->add_prompt()->set_context_key(ContextKey(command.ref.job, *part.context));
      keeps_context = true;
    }
  }
  if (command.timeout < absl::InfiniteDuration()) {
    // 0 would mean no limit.
    run->set_timeout_us(
        static_cast<uint64_t>(std::max<int64_t>(1, absl::ToInt64Microseconds(command.timeout))));
  }
  run->set_prompt_cache_key(command.prompt_cache_key);
  if (!command.trace.traceparent.empty()) TraceToProto(command.trace, run->mutable_trace());
  run->set_stream(command.stream);
  run->set_stream_deltas(command.stream_deltas);
  Add() = std::move(message);  // after the contexts that it names
  return keeps_context;
}

void WorkerSession::Cancel(const AttemptRef& ref) {
  RefToProto(ref, Add().mutable_cancel()->mutable_ref());
}

void WorkerSession::Forget(const AttemptRef& ref) {
  WantFlush();
  RefToProto(ref, forgotten_.add_refs());
}

void WorkerSession::StreamDeltas(const AttemptRef& ref, bool on) {
  v1::StreamDeltas* deltas = Add().mutable_stream_deltas();
  RefToProto(ref, deltas->mutable_ref());
  deltas->set_on(on);
}

void WorkerSession::ForgetJob(const JobId& job) {
  const auto it = contexts_.find(job);
  if (it == contexts_.end()) return;
  v1::DropContexts* drop = Add().mutable_drop_contexts();
  for (const auto& [id, key] : it->second) drop->add_keys(key);
  contexts_.erase(it);
}

void WorkerSession::Flush() {
  flush_wanted_ = false;
  // Results that may be forgotten travel with what goes out anyway.
  if (!pending_.empty() || draining_ || forgotten_.refs_size() >= kForgottenMax) SendForgotten();
  if (pending_.empty()) return;
  last_sent_ = Loop::Now();
  outlet_->Send(&pending_);
}

void WorkerSession::Close(absl::string_view reason) {
  Flush();
  outlet_->Close(reason);
}

}  // namespace moa
