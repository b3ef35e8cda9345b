#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/client/lib/fake_coordinator.h"
#include "tests/client/moactl/program.h"

namespace moa {

inline constexpr char kAnswer[] = "Go to the park and then to the old pier.";

// Runs the real binary against a scripted coordinator, with its output at hand.
class MoactlTest : public testing::Test {
 protected:
  // A coordinator that takes every job and has finished it.
  void ServeFinishedJobs() {
    fake_.submit = [](const v1::SubmitJobRequest&, v1::SubmitJobResponse* response) {
      response->set_job_id("J1");
      response->set_state(v1::JOB_STATE_QUEUED);
      return grpc::Status::OK;
    };
    fake_.get = [](const v1::GetJobRequest& request, v1::Job* job) {
      if (request.job_id() != "J1") return grpc::Status(grpc::StatusCode::NOT_FOUND, "no job");
      *job = FinishedJob("J1");
      return grpc::Status::OK;
    };
    fake_.watch = [](const v1::WatchJobRequest& request, grpc::ServerContext*,
                     grpc::ServerWriter<v1::WatchJobResponse>* writer) {
      for (const v1::WatchUpdate& update : FinishedJobEvents()) {
        if (request.progress() || update.has_event()) Send(writer, update);
      }
      return grpc::Status::OK;
    };
  }

  // A coordinator whose job ended in another way.
  void ServeJobsEnded(v1::JobState state) {
    ServeFinishedJobs();
    fake_.get = [state](const v1::GetJobRequest&, v1::Job* job) {
      *job = FinishedJob("J1");
      job->set_state(state);
      job->clear_answer();
      job->mutable_error()->set_code(v1::ERROR_CODE_DEADLINE_EXCEEDED);
      job->mutable_error()->set_message("took longer than 30s");
      return grpc::Status::OK;
    };
  }

  int Run(std::vector<std::string> args, const std::string& input = "", bool terminal = false,
          std::vector<std::string> environment = {}) {
    environment.push_back("MOA_COORDINATOR=" + fake_.address());
    Program program({std::move(args), input, std::move(environment), terminal});
    const int status = program.Wait();
    out_ = program.out();
    err_ = program.err();
    screen_ = program.screen();
    return status;
  }

  std::string File(const std::string& name, const std::string& content) {
    const std::string path = absl::StrCat(testing::TempDir(), "/moactl_", getpid(), "_", name);
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  FakeCoordinator fake_;
  std::string out_;
  std::string err_;
  std::string screen_;
};

}  // namespace moa
