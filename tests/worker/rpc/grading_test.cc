// A worker that grades: the real sandbox behind a fake coordinator.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "common/base/status_matchers.h"
#include "common/grading/grade_json.h"
#include "common/grading/shipped_graders.h"
#include "tests/worker/rpc/fake_hub.h"
#include "tests/worker/rpc/worker_rig.h"

namespace moa::worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kOwnGrader[] =
    "name: mine\nfunction: f\n"
    "checks: [{id: adds, cases: [{args: [1, 2], points: 3, equals: 3}]}]\n";

class GradingTest : public testing::Test {
 protected:
  GradingTest() {
    WorkerOptions options = RigOptions({hub_.address()}, provider_);
    options.slots = 0;
    options.grading_slots = 2;
    auto worker = Worker::Create(options, registry_);
    EXPECT_OK(worker);
    if (!worker.ok()) return;
    worker_ = *std::move(worker);
    worker_->Start();
    session_ = hub_.NextSession();
    session_->Welcome();
  }

  static v1::RunTask Task(uint32_t index, const std::string& answer,
                          const std::string& grader = kOwnGrader) {
    v1::RunTask task = MakeTask(index, answer);
    task.set_model("grader");
    task.set_grader(grader);
    return task;
  }
  Grade Graded(const v1::RunTask& task) {
    session_->Run(task);
    const v1::AttemptFinished finished = session_->NextFinished();
    EXPECT_TRUE(finished.has_completion()) << finished.error().error().message();
    const std::optional<Grade> grade = ReadGradeJson(finished.completion().content());
    EXPECT_TRUE(grade.has_value()) << finished.completion().content();
    return grade.value_or(Grade());
  }
  std::string Scrape() { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

  FakeHub hub_;
  ScriptedProvider provider_;
  prometheus::Registry registry_;
  std::unique_ptr<Worker> worker_;
  std::shared_ptr<HubSession> session_;
};

TEST_F(GradingTest, SaysThatItGradesAndGradesTheCodeInAnAnswer) {
  EXPECT_THAT(session_->hello().models(), ElementsAre("grader"));
  EXPECT_EQ(session_->hello().slots(), 2u);
  EXPECT_EQ(session_->hello().key_fingerprint(), "");
  const Grade right = Graded(Task(0, "Sure:\n```python\ndef f(a, b):\n    return a + b\n```\n"));
  EXPECT_EQ(right.total, 3);
  const Grade wrong = Graded(Task(1, "```python\ndef f(a, b):\n    return a - b\n```"));
  EXPECT_EQ(wrong.total, 0);
  EXPECT_THAT(Scrape(), HasSubstr("moa_worker_gradings_total{outcome=\"success\"} 2"));
}

TEST_F(GradingTest, ItsReplyIsACriticsVerdictToo) {
  session_->Run(Task(0, "def f(a, b): return a - b"));
  const std::string reply = session_->NextFinished().completion().content();
  EXPECT_THAT(reply, HasSubstr(R"("score":0.0,"accept":false,"feedback":"0 of 3 points.)"));
  EXPECT_THAT(reply, HasSubstr(R"(\nadds, 0 of 3: returned -1")"));
}

TEST_F(GradingTest, WhatTheCodeDoesToItselfIsAGradeAndNoFailure) {
  EXPECT_THAT(Graded(Task(0, "import os\ndef f(a, b): os._exit(0)")).reason,
              HasSubstr("the process ended"));
  EXPECT_THAT(Graded(Task(1, "There is no code.")).reason, HasSubstr("not Python"));
  EXPECT_EQ(Graded(Task(2, "def f(a, b): return a + b")).total, 3) << "the worker goes on";
}

TEST_F(GradingTest, ACancelledRunEndsAtOnceAndFreesItsThread) {
  for (uint32_t task : {0u, 1u}) {
    session_->Run(Task(task, "def f(a, b):\n    while True: pass"));
    session_->Cancel(MakeRef(task));
    const v1::AttemptFinished finished = session_->NextFinished();
    EXPECT_EQ(finished.error().error().code(), v1::ERROR_CODE_CANCELLED);
  }
  EXPECT_EQ(Graded(Task(2, "def f(a, b): return a + b")).total, 3);
}

TEST_F(GradingTest, ManyAnswersTakeTheirTurns) {
  session_->Run(Task(0, "def f(a, b): return a + b"));
  session_->Run(Task(1, "def f(a, b): return a + b"));
  EXPECT_TRUE(session_->NextFinished().has_completion());
  EXPECT_TRUE(session_->NextFinished().has_completion());
  // Beyond its slots it runs nothing.
  for (uint32_t task : {2u, 3u, 4u}) {
    session_->Run(Task(task, "import time\ndef f(a, b): time.sleep(0.2); return a + b"));
  }
  int lost = 0;
  for (int i = 0; i < 3; ++i) {
    const v1::AttemptFinished finished = session_->NextFinished();
    lost += finished.error().error().code() == v1::ERROR_CODE_WORKER_LOST ? 1 : 0;
  }
  EXPECT_EQ(lost, 1);
}

TEST_F(GradingTest, WhatItCannotDoIsSaidAndCanBeTriedElsewhere) {
  session_->Run(MakeTask(0, "echo hello"));
  v1::AttemptFinished finished = session_->NextFinished();
  EXPECT_THAT(finished.error().error().message(), HasSubstr("this worker grades"));
  EXPECT_TRUE(finished.error().retryable());
  session_->Run(Task(1, "x", "name: of a later version"));
  finished = session_->NextFinished();
  EXPECT_THAT(finished.error().error().message(), HasSubstr("cannot read the grader"));
  EXPECT_TRUE(finished.error().retryable());
}

TEST_F(GradingTest, DrainsWhileAProgramRuns) {
  session_->Run(Task(0, "import time\ndef f(a, b): time.sleep(1); return a + b"));
  // It has begun.
  const auto used = [&] { return Scrape().find("slots{state=\"used\"} 1") != std::string::npos; };
  bool begun = used();
  for (int i = 0; i < 20'000 && !begun; ++i, begun = used()) absl::SleepFor(absl::Milliseconds(1));
  ASSERT_TRUE(begun);
  worker_->Drain();
  const v1::AttemptFinished finished = session_->NextFinished();
  EXPECT_TRUE(finished.has_completion());
  session_->Durable(finished.ref());
  worker_->WaitUntilDrained();
}

TEST(GradingWorkerTest, AProcessThatDoesBothIsTwoWorkersOfOneProcess) {
  FakeHub hub;
  ScriptedProvider provider;
  prometheus::Registry registry;
  WorkerOptions options = RigOptions({hub.address()}, provider);
  options.grading_slots = 1;
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Worker> worker, Worker::Create(options, registry));
  worker->Start();
  std::shared_ptr<HubSession> models = hub.NextSession();
  std::shared_ptr<HubSession> grader = hub.NextSession();
  if (models->hello().process() != "") std::swap(models, grader);
  EXPECT_EQ(grader->hello().process(), models->hello().worker_id());
  EXPECT_EQ(grader->hello().slots(), 1u);
  models->Welcome();
  grader->Welcome();
  models->Run(MakeTask(0, "echo hello"));
  EXPECT_EQ(models->NextFinished().completion().content(), "hello");
  v1::RunTask wrong = MakeTask(1, "x");
  wrong.set_grader(kOwnGrader);
  models->Run(wrong);
  EXPECT_THAT(models->NextFinished().error().error().message(),
              HasSubstr("this worker calls models"));
}

TEST(GradingWorkerTest, WithoutASandboxItSaysWhyAndCallsModelsOnly) {
  FakeHub hub;
  ScriptedProvider provider;
  prometheus::Registry registry;
  WorkerOptions options = RigOptions({hub.address()}, provider);
  options.python = "/nowhere/python3";
  options.grading_slots = -1;
  ASSERT_OK(Worker::Create(options, registry));
  options.grading_slots = 1;
  const auto wanted = Worker::Create(options, registry);
  EXPECT_EQ(wanted.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(wanted.status().message()), HasSubstr("/nowhere/python3"));
  EXPECT_THAT(std::string(wanted.status().message()), HasSubstr("--grading-slots 0"));
}

}  // namespace
}  // namespace moa::worker
