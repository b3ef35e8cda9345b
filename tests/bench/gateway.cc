// What the gateway adds to the first token of an answer, and what it costs to hold clients that wait.
//
//   gateway [--requests 400] [--streams 10000] [--repeat 5] [--json] [-- FLAGS OF THE COORDINATOR]
//
// A cluster on loopback whose models answer at once. `requests` questions to one model, one after the other, each asked
// twice in turns: of the gateway (a chat completion, streamed, on a kept connection) and of the coordinator itself (gRPC:
// submit, then watch), until the first text is there:
//
//   gRPC ms, gateway ms     medians and 99th percentiles
//   added ms                their differences: what the way over the gateway costs
//
// Then `streams` connections, each following the events of a job that is stuck:
//
//   KiB a stream            of the gateway's resident memory, and of the coordinator's
//   resident MiB            the gateway with all of them
//   idle CPU ms a s         of the gateway; keep-alive comments are written every 15 s
//   added ms with streams   as above, while they are held (a tenth of the requests)

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "client/lib/moa_client.h"
#include "tests/bench/arguments.h"
#include "tests/bench/load.h"
#include "tests/bench/report.h"

namespace moa::bench {
namespace {

constexpr char kModel[] = "gpt-oss-120b";
constexpr absl::Duration kIdle = absl::Seconds(5);
constexpr int kWaitMs = 20'000;

// A connection to the gateway. Blocks, and throws std::runtime_error when it takes too long.
class HttpConnection {
 public:
  explicit HttpConnection(const std::string& address) {
    const std::vector<std::string> parts = absl::StrSplit(address, ':');
    sockaddr_in to{};
    int port = 0;
    if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &port)) throw std::runtime_error(address);
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET, parts[0].c_str(), &to.sin_addr);
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    if (fd_ < 0 || connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
      throw std::runtime_error(absl::StrCat("cannot connect to ", address));
    }
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~HttpConnection() { close(fd_); }
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  void Send(absl::string_view method, absl::string_view path, absl::string_view body) {
    const std::string request = absl::StrCat(
        method, " ", path, " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ", body.size(),
        "\r\n\r\n", body);
    if (write(fd_, request.data(), request.size()) != static_cast<ssize_t>(request.size())) {
      throw std::runtime_error("the gateway took no request");
    }
    received_.clear();
  }
  // Reads until `text` has come.
  void ReadTo(absl::string_view text) {
    while (!absl::StrContains(received_, text)) {
      pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
      char piece[16384];
      const ssize_t size = poll(&ready, 1, kWaitMs) == 1 ? read(fd_, piece, sizeof piece) : 0;
      if (size <= 0) throw std::runtime_error(absl::StrCat("no ", text, " in: ", received_));
      received_.append(piece, static_cast<size_t>(size));
    }
  }

 private:
  int fd_ = -1;
  std::string received_;
};

double MsSince(absl::Time start) { return absl::ToDoubleMilliseconds(absl::Now() - start); }

// Until the first text of the answer.
double AskGateway(HttpConnection& connection, int64_t number) {
  const absl::Time start = absl::Now();
  connection.Send("POST", "/v1/chat/completions",
                  absl::StrCat(R"({"model":")", kModel, R"(","stream":true,"messages":[{"role":)",
                               R"("user","content":"gateway )", number, R"("}]})"));
  connection.ReadTo("\"content\":\"");
  const double ms = MsSince(start);
  connection.ReadTo("data: [DONE]\n\n");
  return ms;
}

double AskCoordinator(Client& client, int64_t number) {
  v1::JobSpec job;
  v1::Message* message = job.add_messages();
  message->set_role(v1::ROLE_USER);
  message->set_content(absl::StrCat("coordinator ", number));
  job.mutable_moa()->mutable_aggregator()->set_model(kModel);
  const absl::Time start = absl::Now();
  double ms = 0;
  const auto submitted = client.Submit(job);
  if (!submitted.ok()) throw std::runtime_error(submitted.status().ToString());
  const absl::Status watched =
      client.Watch(submitted->job_id(), {.progress = true}, [&](const v1::WatchUpdate& update) {
        const bool text = update.has_task_delta() && !update.task_delta().content().empty();
        if (ms == 0 && (text || update.event().has_task_finished())) ms = MsSince(start);
        return true;
      });
  if (!watched.ok()) throw std::runtime_error(watched.ToString());
  return ms;
}

class GatewayBench {
 public:
  GatewayBench(const Arguments& arguments, Report& report)
      : numbers_(arguments.numbers), report_(report) {
    cluster_.StartSimulator({"--time-scale", "0"});
    cluster::Args args = {"--hedge=false", "--max-watchers",
                          absl::StrCat(numbers_.at("streams") + 1000)};
    args.insert(args.end(), arguments.coordinator.begin(), arguments.coordinator.end());
    cluster_.StartCoordinator(args);
    cluster_.StartWorker();
    cluster_.WaitForWorkers(1);
    gateway_ = &cluster_.Start("gateway", "moa-gateway",
                               {"--coordinator", cluster_.coordinator_address(), "--listen",
                                "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"});
    address_ = gateway_->Address("http");
    auto client = Client::Connect({.address = cluster_.coordinator_address()});
    if (!client.ok()) throw std::runtime_error(client.status().ToString());
    client_ = *std::move(client);
  }

  void Run() {
    Ask("no streams", numbers_.at("requests"));
    const std::vector<std::unique_ptr<HttpConnection>> streams = Hold();
    Ask(absl::StrCat(numbers_.at("streams"), " streams"), numbers_.at("requests") / 10);
  }

 private:
  void Ask(const std::string& variant, int64_t requests) {
    HttpConnection connection(address_);
    std::vector<double> direct;
    std::vector<double> by_gateway;
    for (int64_t i = -10; i < requests; ++i) {  // the first ones warm up
      const double one = AskCoordinator(*client_, i);
      const double other = AskGateway(connection, i);
      if (i < 0) continue;
      direct.push_back(one);
      by_gateway.push_back(other);
    }
    for (const auto& [name, share] : {std::pair("p50", 0.5), std::pair("p99", 0.99)}) {
      const double grpc = Quantile(direct, share);
      const double gateway = Quantile(by_gateway, share);
      report_.Add(variant, absl::StrCat("gRPC ms ", name), grpc);
      report_.Add(variant, absl::StrCat("gateway ms ", name), gateway);
      report_.Add(variant, absl::StrCat("added ms ", name), gateway - grpc);
    }
  }

  // Connections that follow a job of which nothing comes.
  std::vector<std::unique_ptr<HttpConnection>> Hold() {
    cluster_.SetFaults("hang");
    JobShape shape;
    const auto submitted = client_->Submit(MakeJob(shape, "stuck"));
    if (!submitted.ok()) throw std::runtime_error(submitted.status().ToString());
    const int64_t before = gateway_->ResidentBytes();
    const int64_t coordinator_before = cluster_.coordinator().ResidentBytes();
    std::vector<std::unique_ptr<HttpConnection>> streams;
    for (int64_t i = 0; i < numbers_.at("streams"); ++i) {
      streams.push_back(std::make_unique<HttpConnection>(address_));
      streams.back()->Send("GET", absl::StrCat("/v1/jobs/", submitted->job_id(), "/events"), "");
      streams.back()->ReadTo("event: layer_started");
    }
    cluster_.SetFaults("");
    const double cpu = absl::ToDoubleMilliseconds(gateway_->CpuTime());
    absl::SleepFor(kIdle);
    const double idle = absl::ToDoubleMilliseconds(gateway_->CpuTime()) - cpu;
    const std::string variant = absl::StrCat(numbers_.at("streams"), " streams");
    const auto count = static_cast<double>(numbers_.at("streams"));
    const auto kib = [count](int64_t bytes) { return static_cast<double>(bytes) / 1024 / count; };
    report_.Add(variant, "KiB a stream, gateway", kib(gateway_->ResidentBytes() - before));
    report_.Add(variant, "KiB a stream, coordinator",
                kib(cluster_.coordinator().ResidentBytes() - coordinator_before));
    report_.Add(variant, "resident MiB, gateway",
                static_cast<double>(gateway_->ResidentBytes()) / (1 << 20));
    report_.Add(variant, "idle CPU ms a s", idle / absl::ToDoubleSeconds(kIdle));
    return streams;
  }

  const std::map<std::string, int64_t>& numbers_;
  Report& report_;
  cluster::MiniCluster cluster_;
  cluster::Process* gateway_ = nullptr;
  std::string address_;
  std::unique_ptr<Client> client_;
};

Report MeasureAll(const Arguments& arguments) {
  Report report("gateway",
                absl::StrCat(arguments.numbers.at("requests"),
                             " questions to one model that answers at once, one at a time"));
  for (int64_t i = 0; i < arguments.repeat; ++i) GatewayBench(arguments, report).Run();
  return report;
}

}  // namespace
}  // namespace moa::bench

int main(int argc, char** argv) {
  return moa::bench::RunBenchmark(argc, argv, {{"requests", 400}, {"streams", 10'000}},
                                  moa::bench::MeasureAll);
}
