// A gateway over real sockets between a scripted coordinator and clients that read byte for byte.
#include "client/gateway/gateway.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/client/lib/fake_coordinator.h"
#include "tests/common/http/raw_client.h"

namespace moa::gateway {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

using Writer = grpc::ServerWriter<v1::WatchJobResponse>;

constexpr char kChat[] = R"({"model":"m","messages":[{"role":"user","content":"Why?"}]})";
constexpr char kStream[] =
    R"({"model":"m","stream":true,"messages":[{"role":"user","content":"Why?"}]})";

// Waits until `condition` holds; false when it did not in time.
template <typename Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

v1::WatchUpdate Delta(uint32_t attempt, uint64_t offset, const std::string& content) {
  v1::WatchUpdate update;
  v1::TaskDelta* delta = update.mutable_task_delta();
  delta->mutable_task()->set_kind(v1::STAGE_KIND_AGGREGATE);
  delta->set_attempt(attempt);
  delta->set_content_offset(offset);
  delta->set_content(content);
  return update;
}

v1::WatchUpdate Accepted() {
  v1::WatchUpdate update;
  update.mutable_event()->set_sequence(1);
  update.mutable_event()->mutable_time()->set_seconds(7);
  update.mutable_event()->mutable_accepted();
  return update;
}

v1::WatchUpdate Aggregated(const std::string& content) {
  v1::WatchUpdate update;
  update.mutable_event()->set_sequence(2);
  v1::TaskResult* task = update.mutable_event()->mutable_task_finished();
  task->mutable_task()->set_kind(v1::STAGE_KIND_AGGREGATE);
  task->set_state(v1::TASK_STATE_SUCCEEDED);
  task->mutable_completion()->set_content(content);
  return update;
}

v1::WatchUpdate Ended(v1::JobState state = v1::JOB_STATE_SUCCEEDED,
                      v1::ErrorCode code = v1::ERROR_CODE_UNSPECIFIED) {
  v1::WatchUpdate update;
  update.mutable_event()->set_sequence(3);
  v1::JobEnded* ended = update.mutable_event()->mutable_ended();
  ended->set_state(state);
  if (code != v1::ERROR_CODE_UNSPECIFIED) ended->mutable_error()->set_code(code);
  return update;
}

grpc::Status Gone() { return {grpc::StatusCode::UNAVAILABLE, "going"}; }

class GatewayTest : public testing::Test {
 protected:
  GatewayTest() {
    fake_.presets = [](v1::ListPresetsResponse*) { return grpc::Status::OK; };
    fake_.submit = [](const v1::SubmitJobRequest&, v1::SubmitJobResponse* response) {
      response->set_job_id("J1");
      return grpc::Status::OK;
    };
    fake_.cancel = [this](const v1::CancelJobRequest& request, v1::Job*) {
      if (request.job_id() == "J1") ++cancels_;
      return grpc::Status::OK;
    };
  }

  ~GatewayTest() override {
    if (server_ != nullptr) server_->Stop(absl::ZeroDuration());
    if (coordinators_ != nullptr) coordinators_->Close();
    loop_.Stop();
  }

  // Each call of WatchJob is answered by the next of `scripts`.
  using Script = std::function<grpc::Status(Writer*, grpc::ServerContext*)>;
  void Watches(std::vector<Script> scripts) {
    fake_.watch = [this, scripts = std::move(scripts)](
                      const v1::WatchJobRequest&, grpc::ServerContext* context, Writer* writer) {
      const size_t turn = static_cast<size_t>(watches_++);
      return turn < scripts.size() ? scripts[turn](writer, context) : Gone();
    };
  }

  // `before`: where nobody listens.
  void Start(HttpServerOptions http = {}, std::vector<std::string> before = {}) {
    fake_.Start();
    before.push_back(fake_.address());
    coordinators_ = *Coordinators::Create(
        loop_, {.addresses = std::move(before), .retry_for = absl::Milliseconds(300)});
    gateway_ = std::make_unique<Gateway>(
        *coordinators_, access_, metrics_,
        Gateway::Options{.keep_alive = absl::Seconds(100), .keep_presets = absl::Seconds(100)});
    server_ = *HttpServer::Start(std::move(http),
                                 [this](const HttpRequest& request, HttpResponder responder) {
                                   gateway_->Handle(request, std::move(responder));
                                 });
  }

  std::string Ask(const char* body, const std::string& headers = "") {
    return Fetch(server_->port(), "POST", "/v1/chat/completions", body, headers);
  }

  std::string Respond(const char* body) {
    return Fetch(server_->port(), "POST", "/v1/responses", body, "");
  }

  static std::string RequestOf(const std::string& body, const std::string& headers = "") {
    return absl::StrCat("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n", headers,
                        "Content-Length: ", body.size(), "\r\n\r\n", body);
  }

  FakeCoordinator fake_;
  std::atomic<int> watches_{0};
  std::atomic<int> cancels_{0};
  Loop loop_{"gateway-test"};
  const Access access_{nullptr, {"http://test"}};  // RawClient's Host
  GatewayMetrics metrics_;
  std::unique_ptr<Coordinators> coordinators_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(GatewayTest, AnswersWithWhatTheAggregatorSaid) {
  Watches({[](Writer* writer, grpc::ServerContext*) {
    for (const auto& update : {Accepted(), Aggregated("Because."), Ended()}) Send(writer, update);
    return grpc::Status::OK;
  }});
  Start();
  const std::string reply = Ask(kChat);
  EXPECT_THAT(reply, HasSubstr("HTTP/1.1 200 OK"));
  EXPECT_THAT(reply, HasSubstr("X-Moa-Job-Id: J1\r\n"));
  EXPECT_THAT(BodyOf(reply), HasSubstr(R"("created":7,"model":"m")"));
  EXPECT_THAT(BodyOf(reply), HasSubstr(R"("content":"Because.")"));
  // Deltas are not asked for where nobody sees them.
  EXPECT_FALSE(fake_.watched()[0].progress());
  EXPECT_TRUE(fake_.watched()[0].cancel_on_disconnect());
  EXPECT_FALSE(fake_.submitted()[0].idempotency_key().empty());
}

TEST_F(GatewayTest, AWatchThatBreaksGoesOnWhereItWas) {
  Watches({[](Writer* writer, grpc::ServerContext*) {
             for (const auto& update : {Accepted(), Delta(1, 0, "Be")}) Send(writer, update);
             return Gone();
           },
           [](Writer* writer, grpc::ServerContext*) {
             for (const auto& update :
                  {Delta(1, 0, "Becau"), Delta(1, 5, "se"), Aggregated("Because."), Ended()}) {
               Send(writer, update);
             }
             return grpc::Status::OK;
           }});
  Start();
  const std::string body = BodyOf(Ask(kStream));
  for (const char* piece : {"Be", "cau", "se", "."}) {
    EXPECT_THAT(body, HasSubstr(absl::StrCat(R"("delta":{"content":")", piece, R"("})")));
  }
  EXPECT_THAT(body, EndsWith("data: [DONE]\n\n"));
  EXPECT_EQ(fake_.watched()[1].after_sequence(), 1u);
}

// The attempt whose text was shown is lost, and the next one says something else.
TEST_F(GatewayTest, WhatWasShownIsNotContradicted) {
  Watches({[](Writer* writer, grpc::ServerContext* context) {
    for (const auto& update : {Accepted(), Delta(1, 0, "Be"), Delta(2, 0, "No")}) {
      Send(writer, update);
    }
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  }});
  Start();
  const std::string body = BodyOf(Ask(kStream));
  EXPECT_THAT(body, HasSubstr(R"("content":"Be")"));
  EXPECT_THAT(body, Not(HasSubstr("No")));
  EXPECT_THAT(body, HasSubstr(R"(data: {"error":{"message":"the model's call broke off)"));
  EXPECT_THAT(body, HasSubstr(R"("code":"answer_interrupted")"));
  EXPECT_THAT(body, Not(HasSubstr("[DONE]")));
}

TEST_F(GatewayTest, AStreamThatFailsBeforeItsFirstTokenHasAStatus) {
  Watches({[](Writer* writer, grpc::ServerContext*) {
    Send(writer, Ended(v1::JOB_STATE_FAILED, v1::ERROR_CODE_DEADLINE_EXCEEDED));
    return grpc::Status::OK;
  }});
  Start();
  const std::string reply = Ask(kStream);
  EXPECT_THAT(reply, HasSubstr("HTTP/1.1 504 "));
  EXPECT_THAT(reply, HasSubstr("X-Moa-Job-Id: J1\r\n"));
  EXPECT_THAT(BodyOf(reply), HasSubstr(R"("code":"deadline_exceeded")"));
}

// No aggregator has answered: another agent's answer is the job's.
TEST_F(GatewayTest, AsksTheJobForAnAnswerThatStandsIn) {
  Watches({[](Writer* writer, grpc::ServerContext*) {
    Send(writer, Ended());
    return grpc::Status::OK;
  }});
  fake_.get = [](const v1::GetJobRequest&, v1::Job* job) {
    job->mutable_answer()->set_content("Instead.");
    return grpc::Status::OK;
  };
  Start();
  EXPECT_THAT(BodyOf(Ask(kStream)), HasSubstr(R"("content":"Instead.")"));
}

// What a request names of earlier responses is put into its job; each job is asked for once.
TEST_F(GatewayTest, FillsInWhatARequestNamesOfEarlierResponses) {
  Watches({[](Writer* writer, grpc::ServerContext*) {
    for (const auto& update : {Accepted(), Aggregated("Because."), Ended()}) Send(writer, update);
    return grpc::Status::OK;
  }});
  std::atomic<int> gets{0};
  fake_.get = [&](const v1::GetJobRequest& request, v1::Job* job) {
    ++gets;
    if (request.job_id() != "J0") return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such job");
    job->set_state(v1::JOB_STATE_SUCCEEDED);
    job->mutable_answer()->set_content("So.");
    job->mutable_answer()->set_reasoning("Hm.");
    return grpc::Status::OK;
  };
  Start();
  const std::string found = Respond(
      R"({"model":"m","input":[{"type":"item_reference","id":"rs_J0"},{"type":"item_reference",)"
      R"("id":"msg_J0"},{"role":"user","content":"Why?"}]})");
  EXPECT_THAT(found, HasSubstr("HTTP/1.1 200 OK"));
  EXPECT_THAT(BodyOf(found), HasSubstr(R"("id":"resp_J1","object":"response")"));
  EXPECT_EQ(gets, 1);
  const v1::Message message = fake_.submitted()[0].job().messages(0);
  EXPECT_EQ(message.content(), "So.");
  EXPECT_EQ(message.reasoning(), "Hm.");

  const std::string lost =
      Respond(R"({"model":"m","input":[{"type":"item_reference","id":"msg_J9"},{"role":"user",)"
              R"("content":"Why?"}]})");
  EXPECT_THAT(lost, HasSubstr("HTTP/1.1 400 "));
  EXPECT_THAT(BodyOf(lost), HasSubstr(R"("param":"input[0]","code":"item_not_found")"));
  EXPECT_EQ(fake_.submitted().size(), 1u);
}

// A client of responses that was shown a part gets the end of it in that form, too.
TEST_F(GatewayTest, AResponseThatBreaksOffHasFailed) {
  Watches({[](Writer* writer, grpc::ServerContext* context) {
    for (const auto& update : {Accepted(), Delta(1, 0, "Be"), Delta(2, 0, "No")}) {
      Send(writer, update);
    }
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  }});
  Start();
  const std::string body = BodyOf(Respond(R"({"model":"m","stream":true,"input":"Why?"})"));
  EXPECT_THAT(body, HasSubstr("event: response.failed\n"));
  EXPECT_THAT(body, HasSubstr(R"("error":{"code":"answer_interrupted")"));
  EXPECT_THAT(body, Not(HasSubstr("No")));
}

TEST_F(GatewayTest, AClientThatLeavesEndsTheWatch) {
  std::atomic<bool> cancelled{false};
  Watches({[&](Writer* writer, grpc::ServerContext* context) {
    for (const auto& update : {Accepted(), Delta(1, 0, "Be")}) Send(writer, update);
    cancelled = Eventually([context] { return context->IsCancelled(); });
    return grpc::Status::CANCELLED;
  }});
  Start();
  RawClient client(server_->port());
  client.Send(RequestOf(kStream));
  client.ReadUntil("Be");
  client.Close();
  EXPECT_TRUE(Eventually([&] { return cancelled.load(); }));
  EXPECT_TRUE(fake_.watched()[0].cancel_on_disconnect());
  // Of the text only the answer's.
  EXPECT_TRUE(fake_.watched()[0].progress());
  EXPECT_TRUE(fake_.watched()[0].answer_only());
}

// A watch that was only just opened may be ended before the coordinator hears of it.
TEST_F(GatewayTest, AClientThatLeavesBeforeTheWatchHasBroughtAnythingCancelsTheJob) {
  std::atomic<bool> watching{false};
  Watches({[&](Writer*, grpc::ServerContext* context) {
    watching = true;
    Eventually([context] { return context->IsCancelled(); });
    return grpc::Status::CANCELLED;
  }});
  Start();
  RawClient client(server_->port());
  client.Send(RequestOf(kStream));
  EXPECT_TRUE(Eventually([&] { return watching.load(); }));
  client.Close();
  EXPECT_TRUE(Eventually([&] { return cancels_ == 1; }));
}

TEST_F(GatewayTest, AClientWithAKeyCanLeaveAndComeBack) {
  Watches({[](Writer* writer, grpc::ServerContext*) {
    for (const auto& update : {Aggregated("Because."), Ended()}) Send(writer, update);
    return grpc::Status::OK;
  }});
  Start();
  EXPECT_THAT(Ask(kChat, "Idempotency-Key: k1\r\n"), HasSubstr("200 OK"));
  EXPECT_EQ(fake_.submitted()[0].idempotency_key(), "k1");
  EXPECT_FALSE(fake_.watched()[0].cancel_on_disconnect());
}

// The job is accepted when its client has gone already.
TEST_F(GatewayTest, AJobThatNobodyWaitsForIsCancelled) {
  std::atomic<bool> asked{false};
  std::atomic<bool> go_on{false};
  fake_.submit = [&](const v1::SubmitJobRequest&, v1::SubmitJobResponse* response) {
    asked = true;
    Eventually([&] { return go_on.load(); });
    response->set_job_id("J1");
    return grpc::Status::OK;
  };
  Start();
  {
    RawClient client(server_->port());
    client.Send(RequestOf(kChat));
    ASSERT_TRUE(Eventually([&] { return asked.load(); }));
  }
  ASSERT_TRUE(Eventually([&] { return server_->stats().connections == 0; }));
  go_on = true;
  EXPECT_TRUE(Eventually([&] { return cancels_ == 1; }));
  EXPECT_EQ(watches_, 0);
}

// Its buffer is bounded: beyond it the connection is reset and the watch ended.
TEST_F(GatewayTest, AClientThatDoesNotReadIsCutOff) {
  std::atomic<bool> cancelled{false};
  Watches({[&](Writer* writer, grpc::ServerContext* context) {
    const std::string piece(16 << 10, 'x');
    for (uint64_t i = 0; i < 10'000 && !context->IsCancelled(); ++i) {
      Send(writer, Delta(1, i * piece.size(), piece));
    }
    cancelled = context->IsCancelled();
    return grpc::Status::CANCELLED;
  }});
  HttpServerOptions http;
  http.write_queue_bytes_max = 256 << 10;
  Start(http);
  RawClient client(server_->port());
  client.Send(RequestOf(kStream));
  EXPECT_TRUE(Eventually([&] { return cancelled.load(); }));
  EXPECT_TRUE(Eventually([&] { return server_->stats().connections == 0; }));
}

TEST_F(GatewayTest, AnotherTryIsMadeWhileNobodyAnswers) {
  std::atomic<int> tries{0};
  fake_.submit = [&](const v1::SubmitJobRequest&, v1::SubmitJobResponse*) {
    ++tries;
    return Gone();
  };
  Start();
  const std::string reply = Ask(kChat);
  EXPECT_THAT(reply, HasSubstr("HTTP/1.1 503 "));
  EXPECT_THAT(reply, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_GE(tries, 2);
  // The same job each time.
  const auto submitted = fake_.submitted();
  EXPECT_EQ(submitted.front().idempotency_key(), submitted.back().idempotency_key());
}

TEST_F(GatewayTest, AnotherCoordinatorIsAskedWhereOneIsAway) {
  Watches({[](Writer* writer, grpc::ServerContext*) {
    for (const auto& update : {Aggregated("Because."), Ended()}) Send(writer, update);
    return grpc::Status::OK;
  }});
  Start({}, {"127.0.0.1:1"});
  EXPECT_THAT(Ask(kChat), HasSubstr("200 OK"));
  EXPECT_TRUE(coordinators_->Reachable().ok());
}

// Who asks whether to send requests here is not told yes before that is known.
TEST_F(GatewayTest, NobodyIsReachableBeforeSomebodyWasReached) {
  Start();
  const auto lost = Coordinators::Create(loop_, {.addresses = {"127.0.0.1:1"}});
  ASSERT_TRUE(lost.ok());
  EXPECT_FALSE((*lost)->Reachable().ok());
  const auto found = Coordinators::Create(loop_, {.addresses = {"127.0.0.1:1", fake_.address()}});
  ASSERT_TRUE(found.ok());
  EXPECT_FALSE((*found)->Reachable().ok());
  EXPECT_TRUE(Eventually([&] { return (*found)->Reachable().ok(); }));
  EXPECT_FALSE((*lost)->Reachable().ok());
  (*lost)->Close();
  (*found)->Close();
}

// Between two attempts, which would come after what they use is gone.
TEST_F(GatewayTest, CloseEndsCallsThatWaitForTheirNextAttempt) {
  Start();
  std::atomic<int> ended{0};
  {
    const auto lost = Coordinators::Create(loop_, {.addresses = {"127.0.0.1:1"},
                                                   .call_timeout = absl::Hours(1),
                                                   .retry_for = absl::Hours(1)});
    ASSERT_TRUE(lost.ok());
    loop_.Post([&] {
      for (int i = 0; i < 20; ++i) {
        (*lost)->Call<v1::ListModelsRequest, v1::ListModelsResponse>(
            &Coordinators::Methods::ListModels, {}, {},
            [&](const absl::StatusOr<v1::ListModelsResponse>& models) {
              EXPECT_EQ(models.status().code(), absl::StatusCode::kUnavailable);
              ++ended;
            });
      }
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    (*lost)->Close();
  }
  EXPECT_EQ(ended, 20);
}

TEST_F(GatewayTest, PresetsAreAskedForOnce) {
  std::atomic<int> asked{0};
  fake_.presets = [&](v1::ListPresetsResponse* response) {
    ++asked;
    response->add_presets()->set_name("m");
    return grpc::Status::OK;
  };
  Watches({[](Writer* writer, grpc::ServerContext*) {
             for (const auto& update : {Aggregated("A"), Ended()}) Send(writer, update);
             return grpc::Status::OK;
           },
           [](Writer* writer, grpc::ServerContext*) {
             for (const auto& update : {Aggregated("A"), Ended()}) Send(writer, update);
             return grpc::Status::OK;
           }});
  Start();
  Ask(kChat);
  Ask(kChat);
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(fake_.submitted()[1].job().preset(), "m");
}

}  // namespace
}  // namespace moa::gateway
