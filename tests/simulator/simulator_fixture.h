#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status_matchers.h"
#include "simulator/simulator.h"
#include "tests/common/http/raw_client.h"

namespace moa::simulator {

// A key that every simulator without keys of its own takes.
inline constexpr char kKey[] = "Authorization: Bearer csk-test\r\n";

// A chat request with `more` properties.
inline std::string Chat(absl::string_view more = "", absl::string_view model = "gpt-oss-120b") {
  return absl::StrCat(R"({"model":")", model, R"(","messages":[{"role":"user","content":"hi"}])",
                      more.empty() ? "" : ",", more, "}");
}

// A simulator behind its real HTTP server, asked over sockets.
class SimulatorFixture : public testing::Test {
 protected:
  void Start(SimulatorOptions options) {
    simulator_ = std::make_unique<Simulator>(std::move(options));
    HttpServerOptions http;
    http.body_bytes_max = 100'000;
    http.error_response = Simulator::ErrorResponse;
    absl::StatusOr<std::unique_ptr<HttpServer>> server =
        HttpServer::Start(http, [this](const HttpRequest& request, HttpResponder responder) {
          simulator_->Handle(request, std::move(responder));
        });
    ASSERT_OK(server);
    server_ = *std::move(server);
    simulator_->Observe(*server_);
  }
  static SimulatorOptions Instant() {
    SimulatorOptions options;
    options.time_scale = 0;
    return options;
  }
  void StartWithFault(absl::string_view spec) {
    SimulatorOptions options = Instant();
    absl::StatusOr<FaultSpec> fault = ParseFault(spec);
    ASSERT_OK(fault);
    options.faults.push_back(*std::move(fault));
    Start(std::move(options));
  }
  void TearDown() override {
    if (server_ != nullptr) server_->Stop(absl::ZeroDuration());
  }

  int port() const { return server_->port(); }
  std::string Post(absl::string_view body, absl::string_view header_lines = kKey,
                   absl::string_view path = "/v1/chat/completions") {
    return Fetch(port(), "POST", path, body, header_lines);
  }
  std::string Get(absl::string_view path, absl::string_view header_lines = kKey) {
    return Fetch(port(), "GET", path, "", header_lines);
  }
  // A request whose answer is not waited for; it ends when the client closes.
  std::unique_ptr<RawClient> PostAndLeave(absl::string_view body) {
    auto client = std::make_unique<RawClient>(port());
    client->Send(absl::StrCat("POST /v1/chat/completions HTTP/1.1\r\n", kKey,
                              "Content-Length: ", body.size(), "\r\n\r\n", body));
    return client;
  }
  // Waits for what the simulator notices on its own thread.
  std::string WaitForRequests(absl::string_view text) {
    const absl::Time deadline = absl::Now() + absl::Seconds(10);
    std::string body;
    do {
      body = BodyOf(Get("/sim/requests"));
    } while (!absl::StrContains(body, text) && absl::Now() < deadline);
    return body;
  }

  std::unique_ptr<Simulator> simulator_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace moa::simulator
