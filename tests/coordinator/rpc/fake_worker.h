#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "moa/v1/worker.grpc.pb.h"

namespace moa {

// A worker whose every message the test writes and reads. Externally synchronised; reads block until the
// stream's deadline, so a message that never comes fails the test instead of hanging it.
class FakeWorker {
 public:
  struct Options {
    std::string id = "worker-1";
    uint32_t slots = 8;
    std::vector<std::string> models = {"gpt-oss-120b", "qwen-3.8-27b"};
    std::string process;
    std::vector<v1::HeldAttempt> held;
  };
  // Connects, says Hello and reads the Welcome.
  FakeWorker(v1::WorkerHub::Stub& stub, Options options);
  // Breaks the stream.
  ~FakeWorker();

  const v1::Welcome& welcome() const { return welcome_; }

  // The next message of that kind; others that come before it are kept for later calls.
  v1::RunTask NextRun();
  v1::AttemptRef NextCancel();
  v1::AttemptRef NextDurable();
  v1::PutContext NextContext();
  v1::StreamDeltas NextStreamDeltas();
  // How many PutContext messages have been read so far.
  int contexts() const { return contexts_; }

  void Send(const v1::WorkerMessage& message);
  void Succeed(const v1::RunTask& task, const std::string& content);
  void Fail(const v1::RunTask& task, v1::ErrorCode code, bool retryable);
  void Delta(const v1::RunTask& task, uint64_t offset, const std::string& content);
  // The same for several tasks at once.
  void Deltas(const std::vector<v1::RunTask>& tasks, uint64_t offset, const std::string& content);

  // The stream's status; reads what is left.
  grpc::Status Finish();
  // The texts of a task's prompt, joined by "|"; contexts are put in where they were sent.
  std::string PromptOf(const v1::RunTask& task) const;

 private:
  v1::CoordinatorMessage Next(v1::CoordinatorMessage::KindCase kind);
  void Take(v1::CoordinatorMessage message);

  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::WorkerMessage, v1::CoordinatorMessage>> stream_;
  v1::Welcome welcome_;
  std::deque<v1::CoordinatorMessage> inbox_;
  std::vector<v1::PutContext> context_texts_;
  int contexts_ = 0;
  bool finished_ = false;
};

}  // namespace moa
