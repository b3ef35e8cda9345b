#include "tests/compat/old_worker.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace moa::compat {
namespace {

constexpr absl::Duration kHeartbeatInterval = absl::Seconds(1);

bool Same(const v1::AttemptRef& a, const v1::AttemptRef& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

}  // namespace

OldWorker::OldWorker(const std::string& address, Options options)
    : options_(std::move(options)),
      stub_(
          v1::WorkerHub::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))),
      stream_(stub_->Connect(&context_)) {
  v1::WorkerMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_worker_id(options_.id);
  hello.set_name(options_.id);
  hello.set_version("0");
  hello.set_slots(options_.slots);
  hello.add_models("gpt-oss-120b");
  hello.add_models("qwen-3.8-27b");
  {
    const MutexLock lock(mutex_);
    Send(message);
  }
  reader_ = std::jthread([this] { ReadAll(); });
  answerer_ = std::jthread([this] { Answer(); });
}

OldWorker::~OldWorker() {
  context_.TryCancel();
  reader_.join();
  answerer_.join();
  stream_->Finish();
}

int OldWorker::runs() const {
  const MutexLock lock(mutex_);
  return runs_;
}

int OldWorker::running() const {
  const MutexLock lock(mutex_);
  return static_cast<int>(calls_.size());
}

int OldWorker::running_max() const {
  const MutexLock lock(mutex_);
  return running_max_;
}

void OldWorker::Send(const v1::WorkerMessage& message) { stream_->Write(message); }

void OldWorker::ReadAll() {
  v1::CoordinatorMessage message;
  while (stream_->Read(&message)) Take(message);
  const MutexLock lock(mutex_);
  ended_ = true;
  changed_.NotifyAll();
}

void OldWorker::Take(const v1::CoordinatorMessage& message) {
  for (const v1::CoordinatorMessage& one : message.batch().messages()) Take(one);
  const MutexLock lock(mutex_);
  if (message.has_run_task()) {
    calls_.push_back({.task = message.run_task(), .ends = absl::Now() + options_.call});
    ++runs_;
    running_max_ = std::max(running_max_, static_cast<int>(calls_.size()));
  } else if (message.has_cancel()) {
    for (Call& call : calls_) {
      if (!Same(call.task.ref(), message.cancel().ref())) continue;
      call.cancelled = true;
      call.ends = absl::InfinitePast();
    }
  }
  changed_.NotifyAll();
}

void OldWorker::Answer() {
  absl::Time heartbeat = absl::Now();
  const MutexLock lock(mutex_);
  while (!ended_) {
    const auto due = std::find_if(calls_.begin(), calls_.end(),
                                  [now = absl::Now()](const Call& c) { return c.ends <= now; });
    v1::WorkerMessage message;
    if (due != calls_.end()) {
      v1::AttemptFinished& finished = *message.mutable_finished();
      *finished.mutable_ref() = due->task.ref();
      finished.set_input_hash(due->task.input_hash());
      if (due->cancelled) {
        finished.mutable_error()->mutable_error()->set_code(v1::ERROR_CODE_CANCELLED);
      } else {
        finished.mutable_completion()->set_content("an old answer");
        finished.mutable_completion()->set_finish_reason("stop");
        finished.mutable_completion()->mutable_usage()->set_prompt_tokens(10);
        finished.mutable_completion()->mutable_usage()->set_completion_tokens(5);
      }
      calls_.erase(due);
      Send(message);
    } else if (absl::Now() >= heartbeat) {
      heartbeat = absl::Now() + kHeartbeatInterval;
      message.mutable_heartbeat()->set_progressing(static_cast<uint32_t>(calls_.size()));
      Send(message);
    } else {
      changed_.WaitFor(mutex_, std::chrono::milliseconds(5));
    }
  }
}

}  // namespace moa::compat
