#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "tests/worker/rpc/fake_hub.h"
#include "tests/worker/rpc/worker_rig.h"

namespace moa::worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A worker that is connected to one coordinator, with two slots.
class CallTest : public testing::Test {
 protected:
  CallTest() : CallTest("") {}
  explicit CallTest(const std::string& key) : provider_(key) {
    auto worker = Worker::Create(RigOptions({hub_.address()}, provider_), registry_);
    EXPECT_OK(worker);
    worker_ = *std::move(worker);
    worker_->Start();
    session_ = hub_.NextSession();
    session_->Welcome();
  }

  void Send(const v1::CoordinatorMessage& message) { session_->Send(message); }
  std::string Scrape() { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

  FakeHub hub_;
  ScriptedProvider provider_;
  prometheus::Registry registry_;
  std::unique_ptr<Worker> worker_;
  std::shared_ptr<HubSession> session_;
};

TEST_F(CallTest, HelloSaysWhoTheWorkerIsAndTheModelsFollow) {
  EXPECT_EQ(session_->hello().slots(), 2u);
  EXPECT_EQ(session_->hello().name(), "rig");
  EXPECT_FALSE(session_->hello().worker_id().empty());
  EXPECT_FALSE(session_->hello().version().empty());
  EXPECT_FALSE(session_->hello().draining());
  EXPECT_THAT(session_->hello().held(), IsEmpty());
  EXPECT_EQ(session_->hello().provider(), "compatible");
  EXPECT_EQ(session_->hello().key_fingerprint(),
            upstream::KeyFingerprint(provider_.url(), "csk-test"));
  // The list comes from the provider: in Hello when it was quick, else in a status.
  if (session_->hello().models_size() == 0) {
    EXPECT_THAT(session_->NextStatus().models(), ElementsAre("m1", "m2"));
  } else {
    EXPECT_THAT(session_->hello().models(), ElementsAre("m1", "m2"));
  }
}

TEST_F(CallTest, ATaskIsCalledAndItsResultComesBack) {
  session_->Run(MakeTask(1, "echo hello"));
  const v1::AttemptFinished finished = session_->NextFinished();
  EXPECT_EQ(finished.ref().task_index(), 1u);
  EXPECT_EQ(finished.ref().job_id(), "job-1");
  EXPECT_EQ(finished.input_hash(), "hash-1");
  EXPECT_EQ(finished.completion().content(), "hello");
  EXPECT_EQ(finished.completion().usage().total_tokens(), 8u);
  EXPECT_GT(finished.run_us(), 0u);
}

TEST_F(CallTest, SharedContextsAreSentOnceAndNamedByTheTasks) {
  v1::CoordinatorMessage message;
  message.mutable_put_context()->set_key(7);
  v1::Message* shared = message.mutable_put_context()->add_messages();
  shared->set_role(v1::ROLE_USER);
  shared->set_content("echo shared");
  Send(message);
  for (const uint32_t index : {1, 2}) {
    v1::RunTask task = MakeTask(index, "");
    task.clear_prompt();
    task.add_prompt()->set_context_key(7);
    session_->Run(task);
    EXPECT_EQ(session_->NextFinished().completion().content(), "shared");
  }
  message.Clear();
  message.mutable_drop_contexts()->add_keys(7);
  Send(message);
  v1::RunTask task = MakeTask(3, "");
  task.clear_prompt();
  task.add_prompt()->set_context_key(7);
  session_->Run(task);
  EXPECT_THAT(session_->NextFinished().error().error().message(), HasSubstr("context 7"));
  EXPECT_EQ(provider_.requests(), 2);
}

TEST_F(CallTest, MessagesThatWaitedComeInABatchAndKeepTheirOrder) {
  v1::CoordinatorMessage message;
  auto* batch = message.mutable_batch();
  *batch->add_messages()->mutable_run_task() = MakeTask(1, "hold one");
  *batch->add_messages()->mutable_cancel()->mutable_ref() = MakeRef(1);
  batch->add_messages()->mutable_batch()->add_messages();  // nested: ignored
  Send(message);
  EXPECT_EQ(session_->NextFinished().error().error().code(), v1::ERROR_CODE_CANCELLED);
}

TEST_F(CallTest, ATaskBeyondTheSlotsIsAnsweredAndRunsNothing) {
  session_->Run(MakeTask(1, "hold one"));
  session_->Run(MakeTask(2, "hold two"));
  session_->Run(MakeTask(3, "echo three"));
  const v1::AttemptFinished refused = session_->NextFinished();
  EXPECT_EQ(refused.ref().task_index(), 3u);
  EXPECT_EQ(refused.error().error().code(), v1::ERROR_CODE_WORKER_LOST);
  EXPECT_TRUE(refused.error().retryable());
  ASSERT_TRUE(provider_.WaitForRequests(2));
  provider_.Release();
  const std::set<std::string> answers = {session_->NextFinished().completion().content(),
                                         session_->NextFinished().completion().content()};
  EXPECT_THAT(answers, ElementsAre("one", "two"));
  EXPECT_EQ(provider_.requests(), 2);
}

TEST_F(CallTest, ADuplicateTaskIsCalledOnceAndFinishedOnce) {
  session_->Run(MakeTask(1, "hold one"));
  session_->Run(MakeTask(1, "hold one"));
  ASSERT_TRUE(provider_.WaitForRequests(1));
  provider_.Release();
  EXPECT_EQ(session_->NextFinished().completion().content(), "one");
  session_->Run(MakeTask(1, "hold one"));  // its result is held: nothing is to be said
  session_->Run(MakeTask(2, "echo two"));
  EXPECT_EQ(session_->NextFinished().ref().task_index(), 2u);
  EXPECT_EQ(provider_.requests(), 2);
}

TEST_F(CallTest, CancellingClosesTheConnectionToTheProvider) {
  session_->Run(MakeTask(1, "hold one"));
  ASSERT_TRUE(provider_.WaitForRequests(1));
  session_->Cancel(MakeRef(1));
  EXPECT_TRUE(provider_.WaitForAbandoned(1));
  const v1::AttemptFinished finished = session_->NextFinished();
  EXPECT_EQ(finished.ref().task_index(), 1u);
  EXPECT_EQ(finished.error().error().code(), v1::ERROR_CODE_CANCELLED);
}

TEST_F(CallTest, WhatItDoesNotKnowIsIgnored) {
  session_->Cancel(MakeRef(77));
  session_->Durable(MakeRef(77));
  v1::CoordinatorMessage message;
  *message.mutable_stream_deltas()->mutable_ref() = MakeRef(77);
  message.mutable_stream_deltas()->set_on(true);
  Send(message);
  Send(v1::CoordinatorMessage());  // a kind of a newer version looks like none
  session_->Run(MakeTask(1, "echo still-here"));
  EXPECT_EQ(session_->NextFinished().completion().content(), "still-here");
}

TEST_F(CallTest, DeltasComeBeforeTheResultAndMakeItsText) {
  v1::RunTask task = MakeTask(1, "stream abcdefgh");
  task.set_stream_deltas(true);
  session_->Run(task);
  std::string text;
  v1::WorkerMessage message = session_->Next();
  while (message.has_status()) message = session_->Next();
  ASSERT_TRUE(message.has_delta());
  EXPECT_EQ(message.delta().content_offset(), 0u);
  EXPECT_EQ(message.delta().content(), "abcd") << "the first piece is not held back";
  text = message.delta().content();
  provider_.Release();
  for (message = session_->Next(); message.has_delta(); message = session_->Next()) {
    EXPECT_EQ(message.delta().content_offset(), text.size());
    text += message.delta().content();
  }
  ASSERT_TRUE(message.has_finished());
  EXPECT_EQ(message.finished().completion().content(), "abcdefgh");
  EXPECT_GT(message.finished().ttft_us(), 0u);
  EXPECT_EQ(text, "abcdefgh");
}

TEST_F(CallTest, DeltasThatAreAskedForLateBeginWithTheTextSoFar) {
  v1::RunTask task = MakeTask(1, "stream abcdefgh");
  task.set_stream_deltas(true);
  session_->Run(task);
  v1::WorkerMessage message = session_->Next();
  while (!message.has_delta()) message = session_->Next();
  v1::CoordinatorMessage again;
  *again.mutable_stream_deltas()->mutable_ref() = MakeRef(1);
  again.mutable_stream_deltas()->set_on(true);
  Send(again);
  message = session_->Next();
  ASSERT_TRUE(message.has_delta());
  EXPECT_EQ(message.delta().content_offset(), 0u);
  EXPECT_EQ(message.delta().content(), "abcd");
}

TEST_F(CallTest, DeltasOfSeveralCallsComeInOneMessage) {
  for (const uint32_t index : {1, 2}) {
    v1::RunTask task = MakeTask(index, "stream abcdefgh");
    task.set_stream_deltas(true);
    session_->Run(task);
  }
  int begun = 0;
  while (begun < 2) {
    const v1::WorkerMessage message = session_->Next();
    ASSERT_NE(message.kind_case(), v1::WorkerMessage::KIND_NOT_SET);
    begun += message.has_delta() ? 1 : message.delta_batch().deltas_size();
  }
  v1::CoordinatorMessage again;
  for (const uint32_t index : {1, 2}) {
    v1::StreamDeltas* deltas = again.mutable_batch()->add_messages()->mutable_stream_deltas();
    *deltas->mutable_ref() = MakeRef(index);
    deltas->set_on(true);
  }
  Send(again);
  v1::WorkerMessage message = session_->Next();
  while (message.has_status()) message = session_->Next();
  std::set<uint32_t> tasks;
  for (const v1::AttemptDelta& delta : message.delta_batch().deltas()) {
    EXPECT_EQ(delta.content(), "abcd");
    tasks.insert(delta.ref().task_index());
  }
  EXPECT_THAT(tasks, ElementsAre(1, 2));
}

TEST_F(CallTest, NobodyWatchingMeansNoDeltas) {
  provider_.Release();
  session_->Run(MakeTask(1, "stream abcdefgh"));
  v1::WorkerMessage message = session_->Next();
  while (message.has_status()) message = session_->Next();
  EXPECT_FALSE(message.has_delta());
}

TEST_F(CallTest, ATasksTimeoutEndsTheCall) {
  v1::RunTask task = MakeTask(1, "hold one");
  task.set_timeout_us(50'000);
  session_->Run(task);
  const v1::AttemptFinished finished = session_->NextFinished();
  EXPECT_EQ(finished.error().error().code(), v1::ERROR_CODE_UPSTREAM_TIMEOUT);
  EXPECT_TRUE(provider_.WaitForAbandoned(1));
}

TEST_F(CallTest, MetricsShowTheCallUnderItsAnnouncedModel) {
  if (session_->hello().models_size() == 0) session_->NextStatus();
  session_->Run(MakeTask(1, "echo hello"));
  session_->NextFinished();
  EXPECT_THAT(Scrape(), HasSubstr("moa_worker_attempts_total{model=\"m1\",outcome=\"success\"} 1"));
  EXPECT_THAT(Scrape(), HasSubstr("moa_worker_sessions{state=\"connected\"} 1"));
  EXPECT_OK(worker_->Ready());
}

class WrongKeyTest : public CallTest {
 protected:
  WrongKeyTest() : CallTest("csk-another") {}
};

TEST_F(WrongKeyTest, FailsAtOnceAndIsNotRetryable) {
  session_->Run(MakeTask(1, "echo hello"));
  const v1::AttemptFinished finished = session_->NextFinished();
  EXPECT_EQ(finished.error().error().code(), v1::ERROR_CODE_UNAUTHORIZED);
  EXPECT_FALSE(finished.error().retryable());
  EXPECT_EQ(finished.error().error().http_status(), 401u);
  EXPECT_EQ(finished.error().error().message().find("csk-test"), std::string::npos);
}

// A new key is announced without a restart, and the next call carries it.
TEST(KeyFileTest, AChangedKeyIsAnnounced) {
  const std::string path = absl::StrCat(testing::TempDir(), "/moa_key.", getpid());
  const auto write = [&](absl::string_view key) {
    std::ofstream(path + ".new") << key;
    std::filesystem::rename(path + ".new", path);
  };
  write("csk-one");
  FakeHub hub;
  ScriptedProvider provider("csk-two");
  prometheus::Registry registry;
  WorkerOptions options = RigOptions({hub.address()}, provider);
  options.api_key_file = path;
  options.key_file_interval = absl::Milliseconds(5);
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Worker> worker, Worker::Create(options, registry));
  worker->Start();
  const std::shared_ptr<HubSession> session = hub.NextSession();
  session->Welcome();
  EXPECT_EQ(session->hello().key_fingerprint(),
            upstream::KeyFingerprint(provider.url(), "csk-one"));
  write("csk-two");
  const v1::WorkerStatus status = session->NextStatus();
  EXPECT_EQ(status.key_fingerprint(), upstream::KeyFingerprint(provider.url(), "csk-two"));
  // The models that only the new key may list are not waited for.
  if (status.models_size() == 0) {
    EXPECT_THAT(session->NextStatus().models(), ElementsAre("m1", "m2"));
  }
  session->Run(MakeTask(1, "echo hello"));
  const v1::AttemptFinished finished = session->NextFinished();
  EXPECT_EQ(finished.completion().content(), "hello");
  EXPECT_EQ(finished.received_bytes(), 5u);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace moa::worker
