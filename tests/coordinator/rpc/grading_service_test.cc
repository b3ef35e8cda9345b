// What clients ask of graders: jobs that grade, the grades that are kept, and workers that can.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "common/grading/shipped_graders.h"
#include "coordinator/rpc/rpc_errors.h"
#include "coordinator/rpc/worker_list.h"
#include "tests/coordinator/rpc/fake_worker.h"
#include "tests/coordinator/rpc/test_coordinator.h"

namespace moa {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

constexpr char kOwnGrader[] =
    "name: mine\nfunction: f\n"
    "checks: [{id: a, args: [], score: [{points: 1, when: {returns: true}}]}]\n";
constexpr char kGrade[] = R"({"total":96,"max":120,"grade":"B","score":8,"accept":false,)"
                          R"("feedback":"","checks":{}})";

grpc::Status Try(TestCoordinator& coordinator, const v1::JobSpec& job,
                 v1::SubmitJobResponse* response) {
  v1::SubmitJobRequest request;
  *request.mutable_job() = job;
  return coordinator.jobs().SubmitJob(TestContext().get(), request, response);
}

std::string Refusal(TestCoordinator& coordinator, const v1::JobSpec& job) {
  v1::SubmitJobResponse response;
  const grpc::Status status = Try(coordinator, job, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  return status.error_message();
}

v1::JobSpec GradingJob(const std::string& text) {
  v1::JobSpec job = SmallJob(1, text);
  job.mutable_moa()->clear_layers();
  job.mutable_moa()->clear_aggregator();
  job.mutable_moa()->mutable_aggregator()->mutable_grader()->set_name("user-metrics");
  return job;
}

v1::JobSpec GradingJobOf(const std::string& id) {
  v1::JobSpec job = GradingJob("");
  job.clear_messages();
  job.set_grades(id);
  return job;
}

// A job that has answered "def f(): pass".
std::string AnsweredJob(TestCoordinator& coordinator, FakeWorker& worker) {
  v1::JobSpec job = SmallJob(1);
  job.set_name("attempt");
  job.mutable_moa()->clear_layers();
  const std::string id = coordinator.Submit(job);
  worker.Succeed(worker.NextRun(), "def f(): pass");
  coordinator.Wait(id);
  return id;
}

class GradingServiceTest : public testing::Test {
 protected:
  v1::ListGradesResponse Grades(const v1::ListGradesRequest& request = {}) {
    v1::ListGradesResponse response;
    const grpc::Status status =
        coordinator_.jobs().ListGrades(TestContext().get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  void Grade(const std::string& id) {
    const std::string grading = coordinator_.Submit(GradingJobOf(id));
    grader_.Succeed(grader_.NextRun(), kGrade);
    EXPECT_EQ(coordinator_.Wait(grading).state(), v1::JOB_STATE_SUCCEEDED);
  }

  TestCoordinator coordinator_;
  FakeWorker models_{coordinator_.workers(), {.id = "w"}};
  FakeWorker grader_{coordinator_.workers(),
                     {.id = "g", .slots = 2, .models = {"grader"}, .process = "w"}};
};

TEST_F(GradingServiceTest, ATaskOfAGraderGoesToWhoGradesWithItsWholeDefinition) {
  const std::string id = coordinator_.Submit(GradingJob("def f(): pass"));
  const v1::RunTask task = grader_.NextRun();
  EXPECT_EQ(task.model(), "grader");
  EXPECT_EQ(task.grader(), ShippedGraderText("user-metrics"));
  EXPECT_EQ(grader_.PromptOf(task), "def f(): pass");
  grader_.Succeed(task, kGrade);
  const v1::Job job = coordinator_.Wait(id);
  EXPECT_EQ(job.answer().content(), kGrade);
  EXPECT_EQ(job.usage().upstream_calls(), 0u);
  EXPECT_EQ(job.spec().moa().aggregator().grader().definition(), ShippedGraderText("user-metrics"));
  EXPECT_THAT(Grades().grades(), IsEmpty()) << "it graded no job";
}

TEST_F(GradingServiceTest, TheAnswerOfAJobIsGradedAndTheGradeIsKept) {
  const std::string id = AnsweredJob(coordinator_, models_);
  const std::string grading = coordinator_.Submit(GradingJobOf(id));
  const v1::RunTask task = grader_.NextRun();
  EXPECT_EQ(grader_.PromptOf(task), "def f(): pass");
  grader_.Succeed(task, kGrade);
  coordinator_.Wait(grading);
  const v1::ListGradesResponse kept = Grades();
  ASSERT_THAT(kept.grades(), SizeIs(1));
  const v1::Grade& grade = kept.grades(0);
  EXPECT_EQ(grade.job_id(), grading);
  EXPECT_EQ(grade.graded_job_id(), id);
  EXPECT_EQ(grade.grader(), "user-metrics");
  EXPECT_EQ(grade.total(), 96u);
  EXPECT_EQ(grade.max(), 120u);
  EXPECT_EQ(grade.graded().name(), "attempt");
  EXPECT_THAT(grade.graded().config(), SizeIs(8));
  EXPECT_EQ(grade.graded().upstream_calls(), 1u);
}

TEST_F(GradingServiceTest, TheLeaderboardIsOfOneGrader) {
  const std::string id = AnsweredJob(coordinator_, models_);
  Grade(id);
  Grade(id);
  v1::GetLeaderboardRequest request;
  request.mutable_grader()->set_name("user-metrics");
  v1::GetLeaderboardResponse board;
  ASSERT_TRUE(coordinator_.jobs().GetLeaderboard(TestContext().get(), request, &board).ok());
  ASSERT_THAT(board.rows(), SizeIs(1));
  EXPECT_EQ(board.rows(0).attempts(), 2u);
  EXPECT_EQ(board.rows(0).mean(), 96);
  EXPECT_EQ(board.rows(0).best_job_id(), id);
  board.Clear();
  request.mutable_grader()->set_name("");
  request.mutable_grader()->set_definition(kOwnGrader);
  ASSERT_TRUE(coordinator_.jobs().GetLeaderboard(TestContext().get(), request, &board).ok());
  EXPECT_THAT(board.rows(), IsEmpty());
  request.mutable_grader()->set_definition("name: [");
  const grpc::Status status =
      coordinator_.jobs().GetLeaderboard(TestContext().get(), request, &board);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("grader.definition: line "));
}

TEST_F(GradingServiceTest, PagesOfGradesMeet) {
  const std::string id = AnsweredJob(coordinator_, models_);
  for (int i = 0; i < 3; ++i) Grade(id);
  v1::ListGradesRequest request;
  request.set_page_size(2);
  const v1::ListGradesResponse first = Grades(request);
  request.set_page_token(first.next_page_token());
  const v1::ListGradesResponse second = Grades(request);
  EXPECT_THAT(first.grades(), SizeIs(2));
  EXPECT_THAT(second.grades(), SizeIs(1));
  EXPECT_THAT(second.next_page_token(), IsEmpty());
  request.set_page_token("x");
  v1::ListGradesResponse none;
  EXPECT_EQ(coordinator_.jobs().ListGrades(TestContext().get(), request, &none).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(GradingServiceTest, AGraderOfOnesOwnIsKnownByItsNameAndAHash) {
  v1::JobSpec job = GradingJob("x");
  v1::Grader& grader = *job.mutable_moa()->mutable_aggregator()->mutable_grader();
  grader.clear_name();
  grader.set_definition(kOwnGrader);
  const std::string id = coordinator_.Submit(job);
  const v1::JobSpec accepted = coordinator_.Get(id).spec();
  EXPECT_THAT(accepted.moa().aggregator().grader().name(), StartsWith("mine@"));
  // The same again, as it was accepted.
  v1::SubmitJobResponse response;
  EXPECT_TRUE(Try(coordinator_, accepted, &response).ok());
}

TEST_F(GradingServiceTest, MistakesOfGradersAreToldWithTheirPlaces) {
  v1::JobSpec job = GradingJob("x");
  v1::Grader& grader = *job.mutable_moa()->mutable_aggregator()->mutable_grader();
  grader.set_name("no-such");
  EXPECT_THAT(Refusal(coordinator_, job), HasSubstr("moa.aggregator.grader: names a grader that"));
  EXPECT_THAT(Refusal(coordinator_, job), HasSubstr("user-metrics"));
  grader.clear_name();
  EXPECT_THAT(Refusal(coordinator_, job), HasSubstr("names no grader and has no definition"));
  grader.set_definition("name: mine\nfunction: f\nchecks: []\n");
  EXPECT_THAT(Refusal(coordinator_, job), HasSubstr("moa.aggregator.grader.definition: line 3"));
  grader.set_definition(kOwnGrader);
  grader.set_name("yours");
  EXPECT_THAT(Refusal(coordinator_, job), HasSubstr("calls itself mine"));
  grader.clear_name();
  grader.set_definition(std::string(300'000, ' '));
  EXPECT_THAT(Refusal(coordinator_, job), HasSubstr("at most 262144"));
  std::string forged(ShippedGraderText("user-metrics"));
  forged += "# 120 for all\n";
  grader.set_definition(forged);
  EXPECT_THAT(Refusal(coordinator_, job), HasSubstr("give it a name of its own"));
}

TEST_F(GradingServiceTest, OnlyAnAnswerOfOnesOwnIsGraded) {
  const std::string id = AnsweredJob(coordinator_, models_);
  v1::JobSpec job = GradingJobOf(id);
  job.set_tenant("other");
  EXPECT_THAT(Refusal(coordinator_, job), HasSubstr("grades: names a job of another tenant"));
  job = GradingJobOf(coordinator_.Submit(SmallJob(1)));
  EXPECT_THAT(Refusal(coordinator_, job), HasSubstr("has an answer to grade"));
  job = GradingJob("text");
  job.set_grades(id);
  EXPECT_THAT(Refusal(coordinator_, job), HasSubstr("is given beside messages"));
  job = GradingJobOf(id);
  job.set_follows(id);
  EXPECT_THAT(Refusal(coordinator_, job), HasSubstr("is given beside follows"));
  job = SmallJob(1);
  job.clear_messages();
  job.set_grades(id);
  EXPECT_THAT(Refusal(coordinator_, job), HasSubstr("the aggregator is no grader"));
}

TEST_F(GradingServiceTest, NobodyCanSayWhatAGradedJobTook) {
  v1::JobSpec job = GradingJob("x");
  job.mutable_graded()->set_name("forged");
  const std::string id = coordinator_.Submit(job);
  EXPECT_FALSE(coordinator_.Get(id).spec().has_graded());
  grader_.Succeed(grader_.NextRun(), kGrade);
  coordinator_.Wait(id);
  EXPECT_THAT(Grades().grades(), IsEmpty());
}

TEST_F(GradingServiceTest, AProcessThatGradesTooIsOneWorker) {
  v1::ListWorkersResponse workers;
  ASSERT_TRUE(coordinator_.jobs().ListWorkers(TestContext().get(), {}, &workers).ok());
  ASSERT_THAT(workers.workers(), SizeIs(1));
  EXPECT_EQ(workers.workers(0).worker_id(), "w");
  EXPECT_EQ(workers.workers(0).slots(), 8u);
  EXPECT_EQ(workers.workers(0).grading_slots(), 2u);
  EXPECT_THAT(workers.workers(0).models(), ElementsAre("gpt-oss-120b", "qwen-3.8-27b"));
  v1::ListModelsResponse models;
  ASSERT_TRUE(coordinator_.jobs().ListModels(TestContext().get(), {}, &models).ok());
  for (const v1::Model& model : models.models()) EXPECT_NE(model.id(), "grader");
}

}  // namespace
}  // namespace moa
