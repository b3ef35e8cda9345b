#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/document/document.h"
#include "tests/client/moactl/moactl_fixture.h"
#include "tests/common/trace/trace_sample.h"

namespace moa {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class TraceCommandTest : public MoactlTest {
 protected:
  void ServeTracedJobs() {
    fake_.get = [](const v1::GetJobRequest& request, v1::Job* job) {
      if (request.job_id() != "J1") return grpc::Status(grpc::StatusCode::NOT_FOUND, "no job");
      *job = TracedJob();
      return grpc::Status::OK;
    };
    fake_.watch = [](const v1::WatchJobRequest&, grpc::ServerContext*,
                     grpc::ServerWriter<v1::WatchJobResponse>* writer) {
      const EventLog log = TracedEvents();
      for (const v1::JobEvent& event : log.events()) SendEvent(event, writer);
      return grpc::Status::OK;
    };
  }

  static void SendEvent(const v1::JobEvent& event,
                        grpc::ServerWriter<v1::WatchJobResponse>* writer) {
    v1::WatchUpdate update;
    *update.mutable_event() = event;
    Send(writer, update);
  }

  static std::string Content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_F(TraceCommandTest, PrintsAChartOfWhatIsStored) {
  ServeTracedJobs();
  fake_.Start();
  EXPECT_EQ(Run({"trace", "J1"}), 0) << err_;
  EXPECT_THAT(out_,
              AllOf(HasSubstr("job J1 SUCCEEDED (degraded) after 1.00 s"), HasSubstr("* planner"),
                    HasSubstr("where the time went"), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(err_, "");
  EXPECT_FALSE(fake_.watched().at(0).progress());
}

TEST_F(TraceCommandTest, UsesColoursInATerminalUnlessToldNotTo) {
  ServeTracedJobs();
  fake_.Start();
  EXPECT_EQ(Run({"trace", "J1"}, "", true), 0) << screen_;
  EXPECT_THAT(screen_, HasSubstr("\x1b[32m█"));
  EXPECT_EQ(Run({"trace", "J1"}, "", true, {"NO_COLOR=1"}), 0);
  EXPECT_THAT(screen_, AllOf(HasSubstr("█"), Not(HasSubstr("\x1b"))));
}

TEST_F(TraceCommandTest, WritesJsonAndChromesFormat) {
  ServeTracedJobs();
  fake_.Start();
  EXPECT_EQ(Run({"trace", "J1", "-o", "json"}), 0) << err_;
  Problems problems;
  const auto json = ReadJson(out_, "out.json", problems);
  ASSERT_TRUE(json.has_value()) << problems.ToString();
  EXPECT_EQ(json->Nearest("sums.calls_ms").text, "850.0");
  EXPECT_EQ(Run({"trace", "J1", "--chrome", "-"}), 0) << err_;
  const std::string chrome = out_;
  EXPECT_TRUE(ReadJson(chrome, "chrome.json", problems).has_value()) << problems.ToString();
  const std::string path = File("chrome.json", "what was there before");
  EXPECT_EQ(Run({"trace", "J1", "--chrome", path}), 0) << err_;
  EXPECT_EQ(out_, "");
  EXPECT_EQ(Content(path), chrome);
}

// Its events come while it runs, and none after those that are stored.
TEST_F(TraceCommandTest, DoesNotWaitForAJobThatRuns) {
  ServeTracedJobs();
  fake_.get = [](const v1::GetJobRequest&, v1::Job* job) {
    *job = TracedJob();
    job->set_state(v1::JOB_STATE_RUNNING);
    job->set_last_sequence(2);
    return grpc::Status::OK;
  };
  fake_.watch = [](const v1::WatchJobRequest&, grpc::ServerContext* context,
                   grpc::ServerWriter<v1::WatchJobResponse>* writer) {
    for (int i = 0; i < 2; ++i) SendEvent(TracedEvents().events()[i], writer);
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  };
  fake_.Start();
  EXPECT_EQ(Run({"trace", "J1"}), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("job J1 RUNNING"), HasSubstr("unfinished")));
}

TEST_F(TraceCommandTest, SaysWhyThereIsNone) {
  ServeTracedJobs();
  fake_.Start();
  EXPECT_EQ(Run({"trace"}), 2);
  EXPECT_THAT(err_, HasSubstr("JOB"));
  EXPECT_EQ(Run({"trace", "J2"}), 2);
  EXPECT_EQ(err_, "moactl: no job\n");
  EXPECT_EQ(Run({"trace", "J1", "--chrome", "/nonexistent/trace.json"}), 2);
  EXPECT_EQ(err_, "/nonexistent/trace.json: cannot be written: No such file or directory\n");
  EXPECT_EQ(Run({"trace", "J1", "--chrome", "/dev/full"}), 2);
  EXPECT_THAT(err_, HasSubstr("/dev/full: cannot be written: No space left on device\n"));
  fake_.Stop();
  EXPECT_EQ(Run({"trace", "J1"}), 3);
  EXPECT_THAT(err_, HasSubstr(fake_.address()));
}

}  // namespace
}  // namespace moa
