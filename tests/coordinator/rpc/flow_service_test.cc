// What clients ask of flows: presets with changes, jobs that follow others, inspections, and how verdicts are shown.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/coordinator/rpc/fake_worker.h"
#include "tests/coordinator/rpc/test_coordinator.h"

namespace moa {
namespace {

using testing::HasSubstr;
using testing::Not;

grpc::Status TrySubmit(TestCoordinator& coordinator, const v1::JobSpec& job,
                       v1::SubmitJobResponse* response) {
  v1::SubmitJobRequest request;
  *request.mutable_job() = job;
  return coordinator.jobs().SubmitJob(TestContext().get(), request, response);
}

v1::InspectJobResponse Inspected(TestCoordinator& coordinator, const v1::JobSpec& job) {
  v1::InspectJobRequest request;
  *request.mutable_job() = job;
  v1::InspectJobResponse response;
  const grpc::Status status =
      coordinator.jobs().InspectJob(TestContext().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

TEST(FlowServiceTest, AMoaBesideAPresetChangesPartsOfIt) {
  TestCoordinator coordinator;
  v1::JobSpec job = SmallJob(1);
  job.clear_moa();
  job.set_preset("small");
  job.mutable_moa()->add_layers()->add_agents()->set_samples(3);
  job.mutable_moa()->mutable_aggregator()->set_temperature(0.25);
  v1::SubmitJobResponse response;
  const grpc::Status status = TrySubmit(coordinator, job, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const v1::Moa moa = coordinator.Get(response.job_id()).spec().moa();
  EXPECT_EQ(moa.layers(0).agents(0).samples(), 3u);
  EXPECT_FALSE(moa.layers(0).agents(0).name().empty()) << "the rest is the preset's";
  EXPECT_EQ(moa.aggregator().temperature(), 0.25);
  EXPECT_FALSE(moa.aggregator().model().empty());
}

TEST(FlowServiceTest, AJobGoesOnFromTheOneItFollows) {
  TestCoordinator coordinator;
  FakeWorker worker(coordinator.workers(), {});
  v1::JobSpec job = SmallJob(1);
  job.mutable_moa()->clear_layers();
  const std::string first = coordinator.Submit(job);
  worker.Succeed(worker.NextRun(), "A day in Paris.");
  coordinator.Wait(first);
  job.set_follows(first);
  job.mutable_messages(0)->set_content("And with children?");
  const std::string second = coordinator.Submit(job);
  const v1::RunTask task = worker.NextRun();
  EXPECT_THAT(worker.PromptOf(task), HasSubstr("Plan a trip."));
  EXPECT_THAT(worker.PromptOf(task), HasSubstr("A day in Paris."));
  EXPECT_THAT(worker.PromptOf(task), HasSubstr("And with children?"));
  worker.Succeed(task, "The zoo.");
  const v1::Job ended = coordinator.Wait(second);
  EXPECT_EQ(ended.spec().messages_size(), 3);
  EXPECT_EQ(ended.spec().follows(), first);
}

TEST(FlowServiceTest, OnlyAnOwnJobThatHasSucceededCanBeFollowed) {
  TestCoordinator coordinator;
  const std::string running = coordinator.Submit(SmallJob(1));
  v1::SubmitJobResponse response;
  v1::JobSpec job = SmallJob(1);
  job.set_follows(running);
  grpc::Status status = TrySubmit(coordinator, job, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("only one that has SUCCEEDED"));
  job.set_tenant("other");
  EXPECT_THAT(TrySubmit(coordinator, job, &response).error_message(), HasSubstr("another tenant"));
  job.set_follows("nonsense");
  EXPECT_THAT(TrySubmit(coordinator, job, &response).error_message(), HasSubstr("no such job"));
  job.set_follows("01J00000000000000000000000");
  EXPECT_EQ(TrySubmit(coordinator, job, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(FlowServiceTest, AnInspectionShowsPromptsAndSendsNothing) {
  TestCoordinator coordinator;
  FakeWorker worker(coordinator.workers(), {});
  const v1::InspectJobResponse found = Inspected(coordinator, SmallJob(2));
  EXPECT_EQ(found.calls_max(), 3u);
  ASSERT_EQ(found.stages_size(), 2);
  EXPECT_EQ(found.stages(1).kind(), v1::STAGE_KIND_AGGREGATE);
  EXPECT_THAT(found.stages(1).agents(0).messages(1).content(), HasSubstr("‹the answer of "));
  EXPECT_GT(found.cost_usd_max(), 0);
  v1::ListJobsResponse jobs;
  ASSERT_TRUE(coordinator.jobs().ListJobs(TestContext().get(), {}, &jobs).ok());
  EXPECT_EQ(jobs.jobs_size(), 0);
}

TEST(FlowServiceTest, RetiredModelsAreToldWithTheAcknowledgement) {
  TestCoordinator coordinator;
  v1::JobSpec job = SmallJob(1);
  job.mutable_moa()->mutable_aggregator()->set_model("llama3.1-8b");
  v1::SubmitJobResponse response;
  ASSERT_TRUE(TrySubmit(coordinator, job, &response).ok());
  ASSERT_EQ(response.warnings_size(), 1);
  EXPECT_THAT(response.warnings(0), HasSubstr("moa.aggregator.model: llama3.1-8b is an alias"));
}

// Critics are asked in the API's own form, and what they said is shown with the answers.
TEST(FlowServiceTest, VerdictsAreAskedForByASchemaAndShown) {
  TestCoordinator coordinator;
  FakeWorker worker(coordinator.workers(), {});
  v1::JobSpec job = SmallJob(2);
  v1::Agent* critic = job.mutable_moa()->mutable_layers(0)->mutable_critique()->add_critics();
  critic->set_name("critic");
  critic->set_model("gpt-oss-120b");
  const std::string id = coordinator.Submit(job);
  for (int i = 0; i < 2; ++i) {
    const v1::RunTask task = worker.NextRun();
    worker.Succeed(task, absl::StrCat("answer ", task.ref().task_index()));
  }
  for (int i = 0; i < 2; ++i) {
    const v1::RunTask task = worker.NextRun();
    EXPECT_EQ(task.parameters().response_format().name(), "verdict");
    EXPECT_TRUE(task.parameters().response_format().strict());
    const bool first = task.ref().task_index() == 2;
    worker.Succeed(task, first ? R"({"accept": true, "score": 9, "feedback": "fine"})"
                               : R"({"accept": false, "score": 2, "feedback": "wrong"})");
  }
  const v1::RunTask last = worker.NextRun();
  EXPECT_THAT(worker.PromptOf(last), HasSubstr("answer 0"));
  EXPECT_THAT(worker.PromptOf(last), Not(HasSubstr("answer 1")));
  worker.Succeed(last, "the end");
  const v1::Job ended = coordinator.Wait(id);
  ASSERT_EQ(ended.layers_size(), 3);
  EXPECT_EQ(ended.layers(1).kind(), v1::STAGE_KIND_CRITIQUE);
  EXPECT_EQ(ended.layers(1).tasks(1).verdicts(0).feedback(), "wrong");
  EXPECT_EQ(ended.layers(1).tasks(1).task().judges(), 1u);
  EXPECT_EQ(ended.layers(0).tasks(0).score(), 9);
  EXPECT_TRUE(ended.layers(0).tasks(0).accepted());
  EXPECT_TRUE(ended.layers(0).tasks(0).handed_on());
  EXPECT_FALSE(ended.layers(0).tasks(1).handed_on());
  EXPECT_THAT(ended.layers(2).notes(0), HasSubstr("handed on: "));
}

}  // namespace
}  // namespace moa
