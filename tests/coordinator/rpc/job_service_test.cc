#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "moa/v1/rpc_status.pb.h"
#include "tests/coordinator/rpc/fake_worker.h"
#include "tests/coordinator/rpc/test_coordinator.h"

namespace moa {
namespace {

using testing::HasSubstr;
using testing::Not;

grpc::Status TrySubmit(TestCoordinator& coordinator, const v1::JobSpec& job,
                       v1::SubmitJobResponse* response, const std::string& key = "") {
  v1::SubmitJobRequest request;
  *request.mutable_job() = job;
  request.set_idempotency_key(key);
  return coordinator.jobs().SubmitJob(TestContext().get(), request, response);
}

template <typename Detail>
Detail DetailOf(const grpc::Status& status) {
  v1::RpcStatus details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), status.error_code());
  Detail detail;
  EXPECT_EQ(details.details_size(), 1);
  if (details.details_size() == 1) {
    EXPECT_THAT(details.details(0).type_url(), HasSubstr("type.googleapis.com/google.rpc."));
    EXPECT_TRUE(detail.ParseFromString(details.details(0).value()));
  }
  return detail;
}

// The whole way: the agents get the conversation, the aggregator gets their answers as references, and its
// answer is the job's.
TEST(JobServiceTest, AJobRunsThroughItsLayersToTheAggregatorsAnswer) {
  TestCoordinator coordinator;
  FakeWorker worker(coordinator.workers(), {});
  const std::string id = coordinator.Submit(SmallJob(2));
  for (int i = 0; i < 2; ++i) {
    const v1::RunTask task = worker.NextRun();
    EXPECT_EQ(task.model(), "gpt-oss-120b");
    EXPECT_EQ(worker.PromptOf(task), "Plan a trip.");
    EXPECT_EQ(task.ref().job_id(), id);
    EXPECT_EQ(task.input_hash().size(), 32u);
    EXPECT_GT(task.timeout_us(), 0u);
    worker.Succeed(task, absl::StrCat("answer of task ", task.ref().task_index()));
  }
  const v1::RunTask last = worker.NextRun();
  EXPECT_EQ(last.model(), "qwen-3.8-27b");
  EXPECT_THAT(worker.PromptOf(last), HasSubstr("answer of task 0"));
  EXPECT_THAT(worker.PromptOf(last), HasSubstr("answer of task 1"));
  worker.Succeed(last, "the synthesis");

  const v1::Job job = coordinator.Wait(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(job.answer().content(), "the synthesis");
  EXPECT_FALSE(job.degraded());
  ASSERT_EQ(job.layers_size(), 2);
  EXPECT_EQ(job.layers(0).tasks_size(), 2);
  EXPECT_EQ(job.layers(1).layer(), 2u);
  EXPECT_EQ(job.usage().upstream_calls(), 3u);
  EXPECT_EQ(job.usage().tokens().prompt_tokens(), 30u);
  EXPECT_GT(job.usage().cost_usd(), 0);
  EXPECT_EQ(job.critical_path_us(), 2000u);
  EXPECT_GT(job.latency_us(), 0u);
}

// Layer results are stored in order with the rest: what a restart finds is what a client was shown.
TEST(JobServiceTest, AnEndedJobReadsTheSameAfterARestart) {
  TestCoordinator coordinator;
  std::string id;
  v1::Job before;
  {
    FakeWorker worker(coordinator.workers(), {});
    id = coordinator.Submit(SmallJob(1));
    worker.Succeed(worker.NextRun(), std::string("odd \0 \xff bytes", 13));
    worker.Succeed(worker.NextRun(), "done");
    before = coordinator.Wait(id);
  }
  coordinator.Restart();
  EXPECT_EQ(coordinator.Get(id).SerializeAsString(), before.SerializeAsString());
  EXPECT_EQ(before.layers(0).tasks(0).completion().content(), std::string("odd \0 \xff bytes", 13));
}

TEST(JobServiceTest, AnInvalidJobNamesEveryMistakeAtOnce) {
  TestCoordinator coordinator;
  v1::JobSpec job = SmallJob(2);
  job.mutable_moa()->mutable_layers(0)->mutable_agents(0)->set_model("no-such-model");
  job.mutable_moa()->mutable_layers(0)->mutable_agents(1)->set_temperature(9);
  job.clear_messages();
  v1::SubmitJobResponse response;
  const grpc::Status status = TrySubmit(coordinator, job, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("3 mistakes"));
  std::set<std::string> fields;
  const auto bad = DetailOf<v1::RpcBadRequest>(status);
  for (const auto& violation : bad.field_violations()) {
    fields.insert(violation.field());
  }
  EXPECT_EQ(fields, (std::set<std::string>{"messages", "moa.layers[0].agents[0].model",
                                           "moa.layers[0].agents[1].temperature"}));
}

// gRPC's trailers hold about 8 KiB: of very many mistakes the first ones travel, with the count of all.
TEST(JobServiceTest, VeryManyMistakesStillReachTheClient) {
  TestCoordinator coordinator;
  v1::JobSpec job = SmallJob(200);
  for (v1::Agent& agent : *job.mutable_moa()->mutable_layers(0)->mutable_agents()) {
    agent.set_model(std::string(5000, 'x'));
  }
  v1::SubmitJobResponse response;
  const grpc::Status status = TrySubmit(coordinator, job, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("200 mistakes, the first"));
  const auto bad = DetailOf<v1::RpcBadRequest>(status);
  EXPECT_GE(bad.field_violations_size(), 5);
  EXPECT_LE(bad.field_violations_size(), 50);
}

TEST(JobServiceTest, APresetOrAMoaIsNeeded) {
  TestCoordinator coordinator;
  v1::SubmitJobResponse response;
  v1::JobSpec job = SmallJob(1);
  job.set_preset("small");
  job.clear_moa();
  EXPECT_TRUE(TrySubmit(coordinator, job, &response).ok());
  EXPECT_EQ(coordinator.Get(response.job_id()).spec().moa().layers_size(), 1);
  job.set_preset("unheard-of");
  EXPECT_THAT(TrySubmit(coordinator, job, &response).error_message(), HasSubstr("small"));
  job.clear_preset();
  EXPECT_THAT(TrySubmit(coordinator, job, &response).error_message(), HasSubstr("it has neither"));
}

TEST(JobServiceTest, AnIdempotencyKeyGivesTheFirstJobAgain) {
  TestCoordinator coordinator;
  const std::string id = coordinator.Submit(SmallJob(1), "key");
  v1::SubmitJobResponse again;
  // The same job, written with its defaults spelt out.
  v1::JobSpec same = SmallJob(1);
  same.set_tenant("default");
  same.mutable_moa()->mutable_layers(0)->set_cycles(1);
  ASSERT_TRUE(TrySubmit(coordinator, same, &again, "key").ok());
  EXPECT_EQ(again.job_id(), id);
  EXPECT_TRUE(again.existing());

  const grpc::Status other = TrySubmit(coordinator, SmallJob(2), &again, "key");
  EXPECT_EQ(other.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_THAT(other.error_message(), HasSubstr(id));
}

TEST(JobServiceTest, AFullQueueRefusesAndSaysWhenToComeBack) {
  TestCoordinator coordinator({.jobs_max = 2});
  coordinator.Submit(SmallJob(1));
  coordinator.Submit(SmallJob(1));
  v1::SubmitJobResponse response;
  const grpc::Status status = TrySubmit(coordinator, SmallJob(1), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("2 jobs"));
  EXPECT_GT(DetailOf<v1::RpcRetryInfo>(status).retry_delay().seconds(), 0);

  // An ended job makes room.
  FakeWorker worker(coordinator.workers(), {});
  const v1::RunTask first = worker.NextRun();
  v1::CancelJobRequest cancel;
  cancel.set_job_id(first.ref().job_id());
  v1::Job job;
  ASSERT_TRUE(coordinator.jobs().CancelJob(TestContext().get(), cancel, &job).ok());
  EXPECT_TRUE(TrySubmit(coordinator, SmallJob(1), &response).ok());
}

TEST(JobServiceTest, CancellingEndsTheJobAndReachesTheWorker) {
  TestCoordinator coordinator;
  FakeWorker worker(coordinator.workers(), {});
  const std::string id = coordinator.Submit(SmallJob(1));
  const v1::RunTask task = worker.NextRun();
  v1::CancelJobRequest cancel;
  cancel.set_job_id(id);
  cancel.set_reason("changed my mind");
  v1::Job job;
  ASSERT_TRUE(coordinator.jobs().CancelJob(TestContext().get(), cancel, &job).ok());
  EXPECT_EQ(job.state(), v1::JOB_STATE_CANCELLED);
  EXPECT_THAT(job.error().message(), HasSubstr("changed my mind"));
  EXPECT_EQ(worker.NextCancel().SerializeAsString(), task.ref().SerializeAsString());
  // Its end is of no use to anybody: the worker may forget it at once.
  worker.Fail(task, v1::ERROR_CODE_CANCELLED, false);
  EXPECT_EQ(worker.NextDurable().job_id(), id);
  // Cancelling what has ended changes nothing.
  cancel.set_reason("again");
  v1::Job same;
  ASSERT_TRUE(coordinator.jobs().CancelJob(TestContext().get(), cancel, &same).ok());
  EXPECT_EQ(same.state(), job.state());
  EXPECT_EQ(same.error().message(), job.error().message());
  EXPECT_EQ(same.last_sequence(), job.last_sequence());
}

TEST(JobServiceTest, ListsNewestFirstPageByPage) {
  TestCoordinator coordinator;
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(coordinator.Submit(SmallJob(1)));
  v1::ListJobsRequest request;
  request.set_page_size(2);
  std::vector<std::string> listed;
  do {
    v1::ListJobsResponse response;
    ASSERT_TRUE(coordinator.jobs().ListJobs(TestContext().get(), request, &response).ok());
    EXPECT_LE(response.jobs_size(), 2);
    for (const auto& job : response.jobs()) listed.push_back(job.job_id());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(listed, std::vector<std::string>(ids.rbegin(), ids.rend()));
}

TEST(JobServiceTest, FindsJobsByTheirNamesAndIds) {
  TestCoordinator coordinator;
  v1::JobSpec trip = SmallJob(1);
  std::vector<std::string> ids;
  for (const char* name : {"Trip to Rome", "Paint the house", "a TRIP again", ""}) {
    trip.set_name(name);
    ids.push_back(coordinator.Submit(trip));
  }
  const auto find = [&](const std::string& text, uint32_t page_size) {
    v1::ListJobsRequest request;
    request.set_search(text);
    request.set_page_size(page_size);
    std::vector<std::string> found;
    do {
      v1::ListJobsResponse response;
      EXPECT_TRUE(coordinator.jobs().ListJobs(TestContext().get(), request, &response).ok());
      EXPECT_LE(response.jobs_size(), static_cast<int>(page_size));
      for (const auto& job : response.jobs()) found.push_back(job.job_id());
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
    return found;
  };
  for (const uint32_t page_size : {1u, 2u, 50u}) {
    EXPECT_EQ(find("trip", page_size), (std::vector<std::string>{ids[2], ids[0]}));
    EXPECT_EQ(find(ids[3].substr(2), page_size), std::vector<std::string>{ids[3]});
    EXPECT_EQ(find("nowhere", page_size), std::vector<std::string>());
  }
}

TEST(JobServiceTest, CountsJobsByStateAndTenant) {
  TestCoordinator coordinator;
  v1::JobSpec other = SmallJob(1);
  other.set_tenant("other");
  coordinator.Submit(SmallJob(1));
  coordinator.Submit(other);
  v1::CancelJobRequest cancel;
  cancel.set_job_id(coordinator.Submit(other));
  v1::Job cancelled;
  ASSERT_TRUE(coordinator.jobs().CancelJob(TestContext().get(), cancel, &cancelled).ok());
  const auto count = [&](const std::string& tenant) {
    v1::CountJobsRequest request;
    request.set_tenant(tenant);
    v1::CountJobsResponse response;
    EXPECT_TRUE(coordinator.jobs().CountJobs(TestContext().get(), request, &response).ok());
    EXPECT_GT(response.as_of().seconds(), 0);
    std::vector<std::pair<int, uint64_t>> counts;
    for (const v1::StateCount& one : response.counts())
      counts.emplace_back(one.state(), one.jobs());
    return counts;
  };
  using Counts = std::vector<std::pair<int, uint64_t>>;
  EXPECT_EQ(count(""), (Counts{{1, 0}, {2, 2}, {3, 0}, {4, 0}, {5, 1}}));
  EXPECT_EQ(count("other"), (Counts{{1, 0}, {2, 1}, {3, 0}, {4, 0}, {5, 1}}));
}

TEST(JobServiceTest, ListRequestsThatMakeNoSenseAreRefusedByField) {
  TestCoordinator coordinator;
  v1::ListJobsResponse response;
  v1::ListJobsRequest request;
  request.set_page_size(1001);
  EXPECT_THAT(coordinator.jobs().ListJobs(TestContext().get(), request, &response).error_message(),
              HasSubstr("page_size"));
  request.set_page_size(0);
  request.set_page_token("nonsense");
  EXPECT_THAT(coordinator.jobs().ListJobs(TestContext().get(), request, &response).error_message(),
              HasSubstr("page_token"));
  request.clear_page_token();
  request.set_search(std::string(201, 'x'));
  EXPECT_THAT(coordinator.jobs().ListJobs(TestContext().get(), request, &response).error_message(),
              HasSubstr("search: has 201 bytes"));
  request.clear_search();
  request.add_states(static_cast<v1::JobState>(77));
  EXPECT_THAT(coordinator.jobs().ListJobs(TestContext().get(), request, &response).error_message(),
              HasSubstr("states"));
}

TEST(JobServiceTest, UnknownJobsAreNotFound) {
  TestCoordinator coordinator;
  v1::GetJobRequest request;
  v1::Job job;
  request.set_job_id("01ARZ3NDEKTSV4RRFFQ69G5FAV");
  EXPECT_EQ(coordinator.jobs().GetJob(TestContext().get(), request, &job).error_code(),
            grpc::StatusCode::NOT_FOUND);
  request.set_job_id("'; DROP TABLE jobs; --");
  EXPECT_EQ(coordinator.jobs().GetJob(TestContext().get(), request, &job).error_code(),
            grpc::StatusCode::NOT_FOUND);
  request.set_job_id("");
  EXPECT_EQ(coordinator.jobs().GetJob(TestContext().get(), request, &job).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(JobServiceTest, ListsModelsConfiguredAndAnnounced) {
  TestCoordinator coordinator;
  FakeWorker worker(coordinator.workers(), {});
  v1::ListModelsResponse response;
  ASSERT_TRUE(coordinator.jobs().ListModels(TestContext().get(), {}, &response).ok());
  ASSERT_EQ(response.models_size(), 2);
  for (const v1::Model& model : response.models()) {
    EXPECT_TRUE(model.configured()) << model.id();
    EXPECT_EQ(model.workers(), 1u) << model.id();
    EXPECT_GT(model.usd_per_million_prompt_tokens(), 0) << model.id();
    EXPECT_GT(model.tokens_per_second(), 0) << model.id();
    EXPECT_THAT(model.reasoning_efforts(), testing::Contains(model.default_reasoning_effort()));
    EXPECT_EQ(model.reservation_tokens_max(), 16'384u) << model.id();
    EXPECT_THAT(model.aliases(), testing::Not(testing::IsEmpty())) << model.id();
  }
}

// Two ways to name a model are one job: the same key gives the same id, and the job shows the model
// that answers.
TEST(JobServiceTest, AnAliasIsReplacedBeforeTheJobIsHashedAndStored) {
  TestCoordinator coordinator;
  v1::SubmitJobRequest request;
  *request.mutable_job() = SmallJob(1);
  request.set_idempotency_key("k");
  request.mutable_job()->mutable_moa()->mutable_aggregator()->set_model("llama3.1-8b");
  v1::SubmitJobResponse first;
  ASSERT_TRUE(coordinator.jobs().SubmitJob(TestContext().get(), request, &first).ok());
  request.mutable_job()->mutable_moa()->mutable_aggregator()->set_model("gpt-oss-120b");
  v1::SubmitJobResponse second;
  ASSERT_TRUE(coordinator.jobs().SubmitJob(TestContext().get(), request, &second).ok());
  EXPECT_TRUE(second.existing());
  EXPECT_EQ(first.job_id(), second.job_id());
  v1::GetJobRequest get;
  get.set_job_id(first.job_id());
  v1::Job job;
  ASSERT_TRUE(coordinator.jobs().GetJob(TestContext().get(), get, &job).ok());
  EXPECT_EQ(job.spec().moa().aggregator().model(), "gpt-oss-120b");
}

}  // namespace
}  // namespace moa
