#include "coordinator/tracing/otlp_tracer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_matchers.h"
#include "common/http/http_server.h"
#include "common/loop/mutex.h"
#include "common/trace/trace_context.h"
#include "coordinator/tracing/job_spans.h"
#include "tests/common/trace/trace_sample.h"

namespace moa {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kTraceParent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr absl::Duration kPatience = absl::Seconds(60);

// Answers with the statuses it is given, then 200, and keeps what it took.
class Collector {
 public:
  Collector() {
    auto server = HttpServer::Start(
        {.listen = "127.0.0.1:0"}, [this](const HttpRequest& request, HttpResponder responder) {
          MutexLock lock(mutex_);
          int status = 200;
          if (!statuses_.empty()) {
            status = statuses_.front();
            statuses_.pop_front();
          }
          requests_.push_back(absl::StrCat(request.path, " ", request.Header("x-key"), " ",
                                           request.Header("content-type")));
          if (status == 200) bodies_.emplace_back(request.body);
          responder.Send(HttpResponse(status, "application/json", "{}"));
          changed_.NotifyAll();
        });
    server_ = *std::move(server);
  }

  std::string url() const { return absl::StrCat("http://", server_->address()); }
  void Answer(std::deque<int> statuses) {
    MutexLock lock(mutex_);
    statuses_ = std::move(statuses);
  }
  std::vector<std::string> requests() {
    MutexLock lock(mutex_);
    return requests_;
  }
  std::vector<std::string> bodies() {
    MutexLock lock(mutex_);
    return bodies_;
  }
  void Stop() { server_.reset(); }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::deque<int> statuses_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> requests_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> bodies_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<HttpServer> server_;
};

// What became of traces.
struct Counts {
  Mutex mutex;
  CondVar changed;
  size_t exported ABSL_GUARDED_BY(mutex) = 0;
  std::vector<OtlpTracer::Drop> dropped ABSL_GUARDED_BY(mutex);

  void WaitForExported(size_t wanted) {
    const absl::Time end = absl::Now() + kPatience;
    MutexLock lock(mutex);
    while (exported < wanted && absl::Now() < end) {
      changed.WaitFor(mutex, std::chrono::seconds(1));
    }
    EXPECT_EQ(exported, wanted);
  }
  void WaitForDrop(OtlpTracer::Drop why) {
    const absl::Time end = absl::Now() + kPatience;
    MutexLock lock(mutex);
    while (dropped.empty() && absl::Now() < end) changed.WaitFor(mutex, std::chrono::seconds(1));
    ASSERT_FALSE(dropped.empty());
    EXPECT_EQ(dropped.front(), why);
  }
};

class OtlpTracerTest : public testing::Test {
 protected:
  OtlpTracer::Options Options() {
    return {.endpoint = collector_.url(),
            .resource = {{"service.name", std::string("moa-coordinator")}},
            .version = "1",
            .first_pause = absl::Milliseconds(1),
            .exported =
                [this](size_t traces) {
                  MutexLock lock(counts_.mutex);
                  counts_.exported += traces;
                  counts_.changed.NotifyAll();
                },
            .dropped =
                [this](size_t traces, OtlpTracer::Drop why) {
                  MutexLock lock(counts_.mutex);
                  counts_.dropped.insert(counts_.dropped.end(), traces, why);
                  counts_.changed.NotifyAll();
                }};
  }

  std::unique_ptr<OtlpTracer> Start(OtlpTracer::Options options) {
    auto tracer = OtlpTracer::Start(std::move(options));
    EXPECT_OK(tracer.status());
    return tracer.ok() ? *std::move(tracer) : nullptr;
  }

  static EndedJob Job(const std::string& id, const std::string& traceparent = "") {
    EndedJob job{.id = JobId(id), .plan = Compile(JobSpec{}, JobLimits{}), .events = {}};
    std::vector<v1::JobEvent> events = TracedEvents().events();
    events.front().mutable_accepted()->mutable_trace()->set_traceparent(traceparent);
    for (const v1::JobEvent& event : events) job.events.emplace_back(event.SerializeAsString());
    return job;
  }

  Collector collector_;
  Counts counts_;
};

TEST_F(OtlpTracerTest, AJobThatHasEndedIsExported) {
  OtlpTracer::Options options = Options();
  options.headers = {"x-key=secret"};
  const auto tracer = Start(options);
  tracer->Ended(Job("J1", kTraceParent));
  counts_.WaitForExported(1);
  EXPECT_THAT(collector_.requests(), ElementsAre("/v1/traces secret application/json"));
  const std::string body = collector_.bodies().at(0);
  EXPECT_THAT(body, HasSubstr(R"("parentSpanId":"00f067aa0ba902b7")"));
  EXPECT_THAT(body, HasSubstr(R"("stringValue":"J1")"));
  EXPECT_THAT(body, HasSubstr("moa-coordinator"));
}

// What the model's server is told is the span that is exported.
TEST_F(OtlpTracerTest, CallsCarryTheSpanOfTheirTask) {
  const auto tracer = Start(Options());
  const TraceHeaders client{.traceparent = kTraceParent, .tracestate = "a=1"};
  const TraceHeaders call = tracer->HeadersOf(JobId("J1"), client, 3);
  const auto context = ParseTraceContext(call.traceparent, call.tracestate);
  ASSERT_TRUE(context);
  EXPECT_EQ(context->trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(context->span_id, CallSpanId(context->trace_id, "J1", 3));
  EXPECT_EQ(call.tracestate, "a=1");
  tracer->Ended(Job("J1", kTraceParent));
  counts_.WaitForExported(1);
  EXPECT_THAT(collector_.bodies().at(0),
              HasSubstr(absl::StrCat("\"spanId\":\"", context->span_id, "\"")));
}

TEST_F(OtlpTracerTest, AClientThatIsNotRecordedIsPassedOnAndItsJobNotExported) {
  OtlpTracer::Options options = Options();
  options.share = 0;
  auto tracer = Start(options);
  const std::string unrecorded = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
  EXPECT_EQ(tracer->HeadersOf(JobId("J1"), {.traceparent = unrecorded}, 0).traceparent, unrecorded);
  EXPECT_EQ(tracer->HeadersOf(JobId("J1"), {}, 0).traceparent, "");
  tracer->Ended(Job("J1", unrecorded));
  tracer->Ended(Job("J2"));
  tracer->Ended(Job("J3", kTraceParent));  // the client's word counts, not the share
  counts_.WaitForExported(1);
  tracer.reset();
  ASSERT_EQ(collector_.bodies().size(), 1u);
  EXPECT_THAT(collector_.bodies()[0], HasSubstr("J3"));
}

TEST_F(OtlpTracerTest, ACollectorThatIsBusyIsAskedAgain) {
  collector_.Answer({503, 429, 504});
  const auto tracer = Start(Options());
  tracer->Ended(Job("J1"));
  counts_.WaitForExported(1);
  EXPECT_EQ(collector_.requests().size(), 4u);
}

TEST_F(OtlpTracerTest, WhatTheCollectorRefusesIsDroppedAndTheNextIsSent) {
  collector_.Answer({400});
  const auto tracer = Start(Options());
  tracer->Ended(Job("J1"));
  counts_.WaitForDrop(OtlpTracer::Drop::kRefused);
  EXPECT_EQ(collector_.requests().size(), 1u);
  tracer->Ended(Job("J2"));
  counts_.WaitForExported(1);
}

TEST_F(OtlpTracerTest, WithoutACollectorTracesAreDroppedAndNothingWaits) {
  OtlpTracer::Options options = Options();
  collector_.Stop();
  auto tracer = Start(options);
  tracer->Ended(Job("J1"));
  counts_.WaitForDrop(OtlpTracer::Drop::kUnreachable);
}

// The queue is bounded in jobs and in bytes.
TEST_F(OtlpTracerTest, WhatDoesNotFitIntoTheQueueIsDropped) {
  OtlpTracer::Options options = Options();
  options.queue_bytes_max = 10;
  const auto tracer = Start(options);
  tracer->Ended(Job("J1"));
  counts_.WaitForDrop(OtlpTracer::Drop::kQueueFull);
  EXPECT_THAT(collector_.requests(), IsEmpty());
}

TEST_F(OtlpTracerTest, TheEndExportsWhatIsQueued) {
  auto tracer = Start(Options());
  for (int i = 0; i < 200; ++i) tracer->Ended(Job(absl::StrCat("J", i)));
  tracer.reset();
  counts_.WaitForExported(200);
}

TEST_F(OtlpTracerTest, TheEndWaitsForACollectorThatHangsNoLongerThanItSays) {
  OtlpTracer::Options options = Options();
  options.flush_timeout = absl::Milliseconds(10);
  options.tries_max = 1'000'000;
  options.first_pause = absl::Hours(1);
  collector_.Answer(std::deque<int>(1000, 503));
  auto tracer = Start(options);
  tracer->Ended(Job("J1"));
  tracer.reset();
  counts_.WaitForDrop(OtlpTracer::Drop::kUnreachable);
}

TEST(OtlpTracerStartTest, NonsenseIsSaidAndSecretsAreNot) {
  for (const char* endpoint : {"", "collector:4318", "ftp://collector", "http://", "http://a b"}) {
    EXPECT_THAT(OtlpTracer::Start({.endpoint = endpoint}).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("collector")))
        << endpoint;
  }
  const absl::Status status =
      OtlpTracer::Start({.endpoint = "http://127.0.0.1:1", .headers = {"secret"}}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), testing::Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace moa
