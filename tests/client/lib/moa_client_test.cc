#include "client/lib/moa_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status_matchers.h"
#include "tests/client/lib/fake_coordinator.h"

namespace moa {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ClientTest : public testing::Test {
 protected:
  std::unique_ptr<Client> Connect() {
    ClientOptions options;
    options.address = fake_.address();
    return std::move(Client::Connect(options)).value();
  }

  FakeCoordinator fake_;
};

v1::JobSpec SmallJob() {
  v1::JobSpec job;
  job.set_preset("moa");
  job.add_messages()->set_content(std::string("a\0\xFF", 3));
  return job;
}

TEST_F(ClientTest, SubmitsWithAnIdempotencyKeyOfItsOwn) {
  fake_.submit = [](const v1::SubmitJobRequest&, v1::SubmitJobResponse* response) {
    response->set_job_id("J1");
    return grpc::Status::OK;
  };
  fake_.Start();
  const auto client = Connect();
  ASSERT_OK_AND_ASSIGN(const v1::SubmitJobResponse first, client->Submit(SmallJob()));
  EXPECT_EQ(first.job_id(), "J1");
  ASSERT_OK(client->Submit(SmallJob()));
  ASSERT_OK(client->Submit(SmallJob(), "mine"));
  const auto requests = fake_.submitted();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_GE(requests[0].idempotency_key().size(), 16u);
  EXPECT_NE(requests[0].idempotency_key(), requests[1].idempotency_key());
  EXPECT_EQ(requests[2].idempotency_key(), "mine");
  EXPECT_EQ(requests[0].job().messages(0).content(), std::string("a\0\xFF", 3));
}

TEST_F(ClientTest, InspectsAJobAsItStandsAndReportsItsMistakes) {
  std::atomic<int> calls = 0;
  fake_.inspect = [&](const v1::InspectJobRequest& request, v1::InspectJobResponse* response) {
    if (++calls == 1) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "socket closed");
    if (calls == 2) {
      response->set_calls_max(static_cast<uint32_t>(request.job().messages_size()));
      return grpc::Status::OK;
    }
    return InvalidJobStatus({{"preset", "there is no preset of that name"}});
  };
  fake_.Start();
  const auto client = Connect();
  ASSERT_OK_AND_ASSIGN(const v1::InspectJobResponse plan, client->Inspect(SmallJob()));
  EXPECT_EQ(plan.calls_max(), 1u);
  const absl::Status refused = client->Inspect(SmallJob()).status();
  ASSERT_EQ(ViolationsOf(refused).size(), 1u);
  EXPECT_EQ(ViolationsOf(refused)[0].field, "preset");
  EXPECT_TRUE(fake_.submitted().empty());
}

// The coordinator takes the job and dies before its answer is out: the client asks again with the
// same key.
TEST_F(ClientTest, RepeatsASubmitWhoseAcknowledgementWasLostWithTheSameKey) {
  std::atomic<int> calls = 0;
  fake_.submit = [&](const v1::SubmitJobRequest&, v1::SubmitJobResponse* response) {
    response->set_job_id("J1");
    return ++calls < 3 ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "socket closed")
                       : grpc::Status::OK;
  };
  fake_.Start();
  ASSERT_OK(Connect()->Submit(SmallJob()));
  const auto requests = fake_.submitted();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[0].idempotency_key(), requests[1].idempotency_key());
  EXPECT_EQ(requests[0].idempotency_key(), requests[2].idempotency_key());
}

TEST_F(ClientTest, HandsOutEveryViolationOfAnInvalidJob) {
  fake_.submit = [](const v1::SubmitJobRequest&, v1::SubmitJobResponse*) {
    return InvalidJobStatus({{"moa.layers[0].agents[2].model", "no such model"}, {"", "too big"}});
  };
  fake_.Start();
  const absl::Status status = Connect()->Submit(SmallJob()).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("2 mistakes")));
  const std::vector<Violation> violations = ViolationsOf(status);
  ASSERT_EQ(violations.size(), 2u);
  EXPECT_EQ(violations[0].field, "moa.layers[0].agents[2].model");
  EXPECT_EQ(violations[0].description, "no such model");
  EXPECT_EQ(fake_.submitted().size(), 1u);
  EXPECT_TRUE(ViolationsOf(absl::OkStatus()).empty());
  EXPECT_FALSE(RetryDelayOf(status).has_value());
}

TEST_F(ClientTest, NamesTheAddressWhereNobodyListens) {
  fake_.Start();
  const std::string address = fake_.address();
  fake_.Stop();
  ClientOptions options;
  options.address = address;
  options.retry_for = absl::Milliseconds(300);
  ASSERT_OK_AND_ASSIGN(const auto client, Client::Connect(options));
  EXPECT_THAT(client->Get("J1"), StatusIs(absl::StatusCode::kUnavailable, HasSubstr(address)));
  EXPECT_THAT(client->Health(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr(address)));
  EXPECT_THAT(client->Watch("J1", {}, [](const v1::WatchUpdate&) { return true; }),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(address)));
}

TEST_F(ClientTest, GivesUpOnACoordinatorThatHangs) {
  const auto over = std::make_shared<std::atomic<bool>>(false);  // Read after the test's body ends.
  fake_.get = [over](const v1::GetJobRequest&, v1::Job*) {
    // Bounded, and asleep: it holds one of gRPC's few threads, which serve the client as well.
    for (int i = 0; i < 5000 && !*over; ++i) absl::SleepFor(absl::Milliseconds(1));
    return grpc::Status::OK;
  };
  fake_.Start();
  ClientOptions options;
  options.address = fake_.address();
  options.call_timeout = absl::Milliseconds(200);
  ASSERT_OK_AND_ASSIGN(const auto client, Client::Connect(options));
  EXPECT_THAT(client->Get("J1"), StatusIs(absl::StatusCode::kDeadlineExceeded,
                                          HasSubstr("did not answer within 200ms")));
  *over = true;
}

TEST_F(ClientTest, RefusesAWrongAddressOrTlsFile) {
  ClientOptions options;
  options.address = "nowhere";
  EXPECT_FALSE(Client::Connect(options).ok());
  options.address = "127.0.0.1:1";
  options.tls_ca = "/nonexistent.pem";
  EXPECT_THAT(Client::Connect(options).status().ToString(), HasSubstr("/nonexistent.pem"));
}

TEST_F(ClientTest, ListsPageAfterPageUntilToldToStop) {
  fake_.list = [](const v1::ListJobsRequest& request, v1::ListJobsResponse* response) {
    const int page = request.page_token().empty() ? 0 : std::stoi(request.page_token());
    for (int i = 0; i < 2; ++i) response->add_jobs()->set_job_id(absl::StrCat("J", page * 2 + i));
    if (page < 2) response->set_next_page_token(absl::StrCat(page + 1));
    return request.tenant() == "t" ? grpc::Status::OK : grpc::Status::CANCELLED;
  };
  fake_.Start();
  std::vector<std::string> ids;
  ListOptions options;
  options.tenant = "t";
  ASSERT_OK(Connect()->List(options, [&](const v1::JobSummary& job) {
    ids.push_back(job.job_id());
    return ids.size() < 5;
  }));
  EXPECT_THAT(ids, ElementsAre("J0", "J1", "J2", "J3", "J4"));
}

// Three connections: the first breaks after two events, the second is refused, the third goes on.
TEST_F(ClientTest, WatchesFromTheLastSequenceAfterALostConnection) {
  const auto script = FinishedJobEvents();
  std::atomic<int> connection = 0;
  fake_.watch = [&](const v1::WatchJobRequest& request, grpc::ServerContext*,
                    grpc::ServerWriter<v1::WatchJobResponse>* writer) {
    const int now = ++connection;
    if (now == 2) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "draining");
    for (const v1::WatchUpdate& update : script) {
      // One event again, which the client has to drop.
      if (update.has_event() && update.event().sequence() + 1 < request.after_sequence()) continue;
      Send(writer, update);
      if (now == 1 && update.event().sequence() == 2) {
        return grpc::Status(grpc::StatusCode::UNAVAILABLE, "socket closed");
      }
    }
    return grpc::Status::OK;
  };
  fake_.Start();
  std::vector<uint64_t> sequences;
  int disconnects = 0;
  WatchOptions options;
  options.answer_only = true;
  options.on_disconnect = [&](const absl::Status&) { ++disconnects; };
  ASSERT_OK(Connect()->Watch("J1", options, [&](const v1::WatchUpdate& update) {
    if (update.has_event()) sequences.push_back(update.event().sequence());
    return true;
  }));
  std::vector<uint64_t> expected(sequences.size());
  for (size_t i = 0; i < expected.size(); ++i) expected[i] = i + 1;
  EXPECT_EQ(sequences, expected);
  EXPECT_EQ(sequences.size(), 8u);
  EXPECT_EQ(disconnects, 2);
  ASSERT_EQ(fake_.watched().size(), 3u);
  EXPECT_EQ(fake_.watched()[2].after_sequence(), 2u);
  for (const v1::WatchJobRequest& request : fake_.watched()) EXPECT_TRUE(request.answer_only());
}

TEST_F(ClientTest, StopsWatchingWhenTheCallerOrAnotherThreadSaysSo) {
  std::atomic<int> waiting = 0;
  fake_.watch = [&](const v1::WatchJobRequest&, grpc::ServerContext* context,
                    grpc::ServerWriter<v1::WatchJobResponse>* writer) {
    Send(writer, FinishedJobEvents()[0]);
    ++waiting;
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  };
  fake_.Start();
  const auto client = Connect();
  EXPECT_OK(client->Watch("J1", {}, [](const v1::WatchUpdate&) { return false; }));

  std::stop_source stop;
  WatchOptions options;
  options.stop = stop.get_token();
  std::thread stopper([&] {
    while (waiting < 2) std::this_thread::yield();
    stop.request_stop();
  });
  EXPECT_THAT(client->Watch("J1", options, [](const v1::WatchUpdate&) { return true; }),
              StatusIs(absl::StatusCode::kCancelled));
  stopper.join();
  fake_.Stop();  // before what its threads look at is gone
}

TEST_F(ClientTest, ReturnsErrorsThatWatchingAgainCannotMend) {
  fake_.watch = [](const v1::WatchJobRequest&, grpc::ServerContext*,
                   grpc::ServerWriter<v1::WatchJobResponse>*) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "no job J1");
  };
  fake_.Start();
  EXPECT_THAT(Connect()->Watch("J1", {}, [](const v1::WatchUpdate&) { return true; }),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no job J1")));
  EXPECT_EQ(fake_.watched().size(), 1u);
}

TEST_F(ClientTest, TakesMessagesFarAboveGrpcsDefaultLimit) {
  fake_.get = [](const v1::GetJobRequest&, v1::Job* job) {
    job->mutable_answer()->set_content(std::string(20 << 20, 'x'));
    return grpc::Status::OK;
  };
  fake_.Start();
  ASSERT_OK_AND_ASSIGN(const v1::Job job, Connect()->Get("J1"));
  EXPECT_EQ(job.answer().content().size(), 20u << 20);
}

TEST_F(ClientTest, AsksTheHealthService) {
  fake_.Start();
  EXPECT_OK(Connect()->Health());
  fake_.Stop();
  fake_.serving = false;
  fake_.Start(fake_.port());
  ClientOptions options;
  options.address = fake_.address();
  options.retry_for = absl::ZeroDuration();
  ASSERT_OK_AND_ASSIGN(const auto client, Client::Connect(options));
  EXPECT_THAT(client->Health(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("does not serve")));
}

}  // namespace
}  // namespace moa
