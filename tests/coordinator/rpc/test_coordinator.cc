#include "tests/coordinator/rpc/test_coordinator.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "coordinator/store/sqlite/sqlite_job_store.h"

namespace moa {

TestCoordinator::TestCoordinator(Coordinator::Options options, Peers* peers, MetricsSource metrics)
    : options_(std::move(options)), peers_(peers), metrics_(std::move(metrics)) {
  std::string name = testing::TempDir() + "coordinator_XXXXXX";
  directory_ = mkdtemp(name.data());
  Start();
}

TestCoordinator::~TestCoordinator() {
  Stop();
  std::filesystem::remove_all(directory_);
}

void TestCoordinator::Start() {
  loop_ = std::make_unique<Loop>("test-loop");
  SqliteJobStoreOptions store_options;
  store_options.writer.run_callbacks = [loop = loop_.get()](std::vector<JobStore::Callback> group) {
    loop->Post([group = std::move(group)]() mutable {
      for (auto& done : group) done();
    });
  };
  auto store = OpenSqliteJobStore(directory_ + "/jobs.db", std::move(store_options));
  ASSERT_OK(store);
  store_ = *std::move(store);
  const absl::StatusOr<uint64_t> epoch = store_->NextEpoch();
  ASSERT_OK(epoch);
  Coordinator::Options options = options_;
  options.epoch = *epoch;
  coordinator_ =
      std::make_unique<Coordinator>(*loop_, *store_, observer_, ModelTable::Shipped(), options);
  ASSERT_OK(coordinator_->Recover());
  v1::Preset preset;
  preset.set_name("small");
  *preset.mutable_moa() = SmallJob().moa();
  counter_ = std::make_unique<JobCounter>(*store_);
  service_ = std::make_unique<PublicService>(*coordinator_, *counter_,
                                             std::vector<v1::Preset>{preset}, peers_, metrics_);
  hub_ = std::make_unique<WorkerHub>(*coordinator_);
  grpc::ServerBuilder builder;
  SetServerDefaults(builder);
  builder.RegisterService(service_.get());
  builder.RegisterService(hub_.get());
  auto server =
      StartServer(builder, {.host = "127.0.0.1", .port = 0}, grpc::InsecureServerCredentials());
  ASSERT_OK(server);
  server_ = *std::move(server);
  channel_ = grpc::CreateCustomChannel(server_.address.ToString(),
                                       grpc::InsecureChannelCredentials(), ChannelDefaults());
  jobs_ = v1::MoaService::NewStub(channel_);
  workers_ = v1::WorkerHub::NewStub(channel_);
}

void TestCoordinator::Stop() {
  std::promise<void> drained;
  coordinator_->Drain(absl::ZeroDuration(), [&] { drained.set_value(); });
  drained.get_future().wait();
  hub_->CloseAll("the test ends");
  server_.server->Shutdown(absl::ToChronoTime(absl::Now() + absl::Seconds(1)));
  server_.server->Wait();
  EXPECT_OK(store_->Close(absl::Seconds(10)));
  loop_->Stop();
  hub_.reset();
  service_.reset();
  coordinator_.reset();
  store_.reset();
  loop_.reset();
}

void TestCoordinator::Restart() {
  Stop();
  Start();
}

std::string TestCoordinator::Submit(const v1::JobSpec& job, const std::string& key) {
  v1::SubmitJobRequest request;
  *request.mutable_job() = job;
  request.set_idempotency_key(key);
  v1::SubmitJobResponse response;
  const grpc::Status status = jobs_->SubmitJob(TestContext().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.job_id();
}

v1::Job TestCoordinator::Get(const std::string& id) {
  v1::GetJobRequest request;
  request.set_job_id(id);
  v1::Job job;
  const grpc::Status status = jobs_->GetJob(TestContext().get(), request, &job);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return job;
}

v1::Job TestCoordinator::Wait(const std::string& id) {
  v1::WatchJobRequest request;
  request.set_job_id(id);
  const auto context = TestContext();
  const auto stream = jobs_->WatchJob(context.get(), request);
  v1::WatchJobResponse response;
  while (stream->Read(&response)) {
  }
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  return Get(id);
}

v1::JobSpec SmallJob(int agents, const std::string& prompt) {
  v1::JobSpec job;
  v1::Message* message = job.add_messages();
  message->set_role(v1::ROLE_USER);
  message->set_content(prompt);
  if (agents > 0) {
    v1::Layer* layer = job.mutable_moa()->add_layers();
    for (int i = 0; i < agents; ++i) {
      v1::Agent* agent = layer->add_agents();
      agent->set_name(absl::StrCat("agent", i));
      agent->set_model("gpt-oss-120b");
    }
  }
  job.mutable_moa()->mutable_aggregator()->set_model("qwen-3.8-27b");
  return job;
}

std::unique_ptr<grpc::ClientContext> TestContext() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(50)));
  return context;
}

}  // namespace moa
