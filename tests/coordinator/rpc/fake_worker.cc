#include "tests/coordinator/rpc/fake_worker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "tests/coordinator/rpc/test_coordinator.h"

namespace moa {

using Kind = v1::CoordinatorMessage::KindCase;

FakeWorker::FakeWorker(v1::WorkerHub::Stub& stub, Options options)
    : context_(TestContext()), stream_(stub.Connect(context_.get())) {
  v1::WorkerMessage message;
  v1::Hello* hello = message.mutable_hello();
  hello->set_worker_id(options.id);
  hello->set_name(options.id);
  hello->set_slots(options.slots);
  for (const std::string& model : options.models) hello->add_models(model);
  hello->set_process(options.process);
  for (const v1::HeldAttempt& held : options.held) *hello->add_held() = held;
  Send(message);
  welcome_ = Next(Kind::kWelcome).welcome();
}

FakeWorker::~FakeWorker() {
  if (finished_) return;
  context_->TryCancel();
  stream_->Finish();
}

void FakeWorker::Take(v1::CoordinatorMessage message) {
  if (message.has_batch()) {
    for (v1::CoordinatorMessage& one : *message.mutable_batch()->mutable_messages()) {
      Take(std::move(one));
    }
    return;
  }
  if (message.has_put_context()) {
    ++contexts_;
    context_texts_.push_back(message.put_context());
  }
  inbox_.push_back(std::move(message));
}

v1::CoordinatorMessage FakeWorker::Next(Kind kind) {
  while (true) {
    const auto it = std::find_if(inbox_.begin(), inbox_.end(),
                                 [&](const auto& m) { return m.kind_case() == kind; });
    if (it != inbox_.end()) {
      v1::CoordinatorMessage message = std::move(*it);
      inbox_.erase(it);
      return message;
    }
    v1::CoordinatorMessage message;
    if (!stream_->Read(&message)) {
      ADD_FAILURE() << "the stream ended before a message of kind " << kind;
      return {};
    }
    Take(std::move(message));
  }
}

v1::RunTask FakeWorker::NextRun() { return Next(Kind::kRunTask).run_task(); }
v1::AttemptRef FakeWorker::NextCancel() { return Next(Kind::kCancel).cancel().ref(); }
v1::AttemptRef FakeWorker::NextDurable() {
  const v1::CoordinatorMessage message = Next(Kind::kDurable);
  EXPECT_GE(message.durable().refs_size(), 1);
  return message.durable().refs(0);
}
v1::PutContext FakeWorker::NextContext() { return Next(Kind::kPutContext).put_context(); }
v1::StreamDeltas FakeWorker::NextStreamDeltas() {
  return Next(Kind::kStreamDeltas).stream_deltas();
}

void FakeWorker::Send(const v1::WorkerMessage& message) { EXPECT_TRUE(stream_->Write(message)); }

void FakeWorker::Succeed(const v1::RunTask& task, const std::string& content) {
  v1::WorkerMessage message;
  v1::AttemptFinished* finished = message.mutable_finished();
  *finished->mutable_ref() = task.ref();
  finished->mutable_completion()->set_content(content);
  finished->mutable_completion()->set_finish_reason("stop");
  finished->mutable_completion()->mutable_usage()->set_prompt_tokens(10);
  finished->mutable_completion()->mutable_usage()->set_completion_tokens(5);
  finished->set_run_us(1000);
  Send(message);
}

void FakeWorker::Fail(const v1::RunTask& task, v1::ErrorCode code, bool retryable) {
  v1::WorkerMessage message;
  v1::AttemptFinished* finished = message.mutable_finished();
  *finished->mutable_ref() = task.ref();
  finished->mutable_error()->mutable_error()->set_code(code);
  finished->mutable_error()->mutable_error()->set_message("as the test wishes");
  finished->mutable_error()->set_retryable(retryable);
  Send(message);
}

void FakeWorker::Delta(const v1::RunTask& task, uint64_t offset, const std::string& content) {
  v1::WorkerMessage message;
  *message.mutable_delta()->mutable_ref() = task.ref();
  message.mutable_delta()->set_content_offset(offset);
  message.mutable_delta()->set_content(content);
  Send(message);
}

void FakeWorker::Deltas(const std::vector<v1::RunTask>& tasks, uint64_t offset,
                        const std::string& content) {
  v1::WorkerMessage message;
  for (const v1::RunTask& task : tasks) {
    v1::AttemptDelta* delta = message.mutable_delta_batch()->add_deltas();
    *delta->mutable_ref() = task.ref();
    delta->set_content_offset(offset);
    delta->set_content(content);
  }
  Send(message);
}

grpc::Status FakeWorker::Finish() {
  finished_ = true;
  v1::CoordinatorMessage message;
  while (stream_->Read(&message)) {
  }
  return stream_->Finish();
}

std::string FakeWorker::PromptOf(const v1::RunTask& task) const {
  std::string text;
  const auto add = [&](const v1::Message& message) {
    if (!text.empty()) text += "|";
    text += message.content();
  };
  for (const v1::PromptPart& part : task.prompt()) {
    if (part.has_message()) {
      add(part.message());
      continue;
    }
    for (const v1::PutContext& context : context_texts_) {
      if (context.key() != part.context_key()) continue;
      for (const v1::Message& message : context.messages()) add(message);
    }
  }
  return text;
}

}  // namespace moa
