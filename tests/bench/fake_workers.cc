#include "tests/bench/fake_workers.h"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/loop/mutex.h"
#include "moa/v1/worker.grpc.pb.h"

namespace moa::bench {
namespace {

constexpr absl::Duration kWelcomeWithin = absl::Minutes(1);

void Answer(v1::RunTask* task, v1::AttemptFinished* finished) {
  *finished->mutable_ref() = std::move(*task->mutable_ref());
  v1::Completion* completion = finished->mutable_completion();
  completion->set_content("A walk along the bay, a museum, and dinner in North Beach.");
  completion->set_finish_reason("stop");
  completion->mutable_usage()->set_prompt_tokens(120);
  completion->mutable_usage()->set_completion_tokens(16);
  completion->mutable_usage()->set_total_tokens(136);
  finished->set_run_us(1000);
}

}  // namespace

// One worker: reads tasks, answers those that came together with one message, and beats when the coordinator does.
class FakeWorkers::Stream final
    : public grpc::ClientBidiReactor<v1::WorkerMessage, v1::CoordinatorMessage> {
 public:
  Stream(const std::string& coordinator, const Options& options, int64_t number) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
    stub_ = v1::WorkerHub::NewStub(
        grpc::CreateCustomChannel(coordinator, grpc::InsecureChannelCredentials(), arguments));
    v1::Hello* hello = out_.mutable_hello();
    hello->set_worker_id(absl::StrCat("fake-worker-0123456789-", number));
    hello->set_name(absl::StrCat("fake-", number));
    hello->set_slots(options.slots);
    hello->add_models(options.model);
    hello->set_key_fingerprint("0123456789abcdef");
    stub_->async()->Connect(&context_, this);
    AddHold();  // for writes that begin outside a reaction
    StartWrite(&out_);
    StartRead(&in_);
    StartCall();
  }

  ~Stream() override {
    context_.TryCancel();
    RemoveHold();
    MutexLock lock(mutex_);
    while (!done_) changed_.Wait(mutex_);
  }

  bool WaitForWelcome() {
    const absl::Time deadline = absl::Now() + kWelcomeWithin;
    MutexLock lock(mutex_);
    while (!welcome_ && !done_ && absl::Now() < deadline) {
      changed_.WaitFor(mutex_, std::chrono::milliseconds(100));
    }
    return welcome_;
  }

  int64_t calls() const { return calls_.load(); }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    {
      MutexLock lock(mutex_);
      Take(&in_);
      WriteNext();
    }
    StartRead(&in_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return;
    MutexLock lock(mutex_);
    writing_ = false;
    WriteNext();
  }

  void OnDone(const grpc::Status& /*status*/) override {
    MutexLock lock(mutex_);
    done_ = true;
    changed_.NotifyAll();
  }

  void Take(v1::CoordinatorMessage* message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (message->has_batch()) {
      for (v1::CoordinatorMessage& one : *message->mutable_batch()->mutable_messages()) Take(&one);
    } else if (message->has_welcome()) {
      welcome_ = true;
      changed_.NotifyAll();
    } else if (message->has_run_task()) {
      Answer(message->mutable_run_task(), finished_.add_attempts());
      calls_.fetch_add(1);
    } else if (message->has_heartbeat()) {
      beat_ = true;
    }
  }

  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || (finished_.attempts_size() == 0 && !beat_)) return;
    out_.Clear();
    if (finished_.attempts_size() > 0) {
      *out_.mutable_finished_batch() = std::move(finished_);
      finished_.Clear();
    } else {
      out_.mutable_heartbeat();
      beat_ = false;
    }
    writing_ = true;
    StartWrite(&out_);
  }

  std::unique_ptr<v1::WorkerHub::Stub> stub_;
  grpc::ClientContext context_;
  v1::CoordinatorMessage in_;
  v1::WorkerMessage out_;
  std::atomic<int64_t> calls_{0};
  Mutex mutex_;
  CondVar changed_;
  v1::AttemptsFinished finished_ ABSL_GUARDED_BY(mutex_);
  bool beat_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = true;  // Hello
  bool welcome_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
};

FakeWorkers::FakeWorkers(const std::string& coordinator, const Options& options) {
  for (int64_t i = 0; i < options.workers; ++i) {
    streams_.push_back(std::make_unique<Stream>(coordinator, options, i));
  }
  for (const auto& stream : streams_) {
    if (!stream->WaitForWelcome()) throw std::runtime_error("a worker was not made welcome");
  }
}

FakeWorkers::~FakeWorkers() = default;

int64_t FakeWorkers::calls() const {
  int64_t calls = 0;
  for (const auto& stream : streams_) calls += stream->calls();
  return calls;
}

}  // namespace moa::bench
