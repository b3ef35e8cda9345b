#include "tests/bench/bench_cluster.h"

#include <simdjson.h>

#include <chrono>
#include <stdexcept>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace moa::bench {
namespace {

constexpr char kKey[] = "bench-key";
constexpr uint64_t kCallsPerPage = 20'000;

cluster::Args Joined(cluster::Args first, const cluster::Args& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

std::string Text(const simdjson::dom::element& object, const char* name) {
  return std::string(std::string_view(object[name]));
}

}  // namespace

int64_t MonotonicNs() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool CoordinatorHas(absl::string_view flag) {
  const cluster::MiniCluster place;  // a directory for the output
  const cluster::CommandResult help =
      cluster::RunToEnd({.program = cluster::ProgramPath("moa-coordinator"),
                         .args = {"--help"},
                         .environment = {},
                         .output_path = place.Path("help.out"),
                         .log_path = place.Path("help.err")});
  return absl::StrContains(help.out, absl::StrCat(flag, " "));
}

BenchCluster::BenchCluster(const Options& options) {
  processes_.StartSimulator(Joined({"--record", "300000"}, options.simulator));
  if (options.replicas == 0) processes_.StartCoordinator(options.coordinator);
  for (int i = 0; i < options.replicas; ++i) {
    processes_.StartReplica(std::string(1, static_cast<char>('a' + i)), options.coordinator);
  }
  for (int i = 1; i <= options.workers; ++i) {
    processes_.StartWorker(absl::StrCat("worker-", i), options.worker,
                           {{"CEREBRAS_API_KEY", kKey}});
  }
  processes_.WaitForWorkers(options.workers);
  absl::StatusOr<std::unique_ptr<Client>> client =
      Client::Connect({.address = processes_.coordinator_address()});
  if (!client.ok()) throw std::runtime_error(client.status().ToString());
  client_ = *std::move(client);
}

std::string BenchCluster::Control(absl::string_view method, const std::string& path,
                                  absl::string_view body) {
  const cluster::HttpReply reply =
      cluster::HttpCall(processes_.simulator_address(), method, path, body);
  if (reply.status == 200) return reply.body;
  throw std::runtime_error(absl::StrCat("the simulator refuses ", path, ": ", reply.body));
}

void BenchCluster::SetFaults(const std::vector<std::string>& specs) {
  std::string body = absl::StrCat("{\"faults\":[", specs.empty() ? "" : "\"",
                                  absl::StrJoin(specs, "\",\""), specs.empty() ? "" : "\"", "]}");
  Control("POST", "/sim/faults", body);
}

void BenchCluster::SetLimits(int64_t requests_per_minute, int64_t tokens_per_minute) {
  Control("POST", "/sim/limits",
          absl::StrCat("{\"requests_per_minute\":", requests_per_minute,
                       ",\"tokens_per_minute\":", tokens_per_minute, "}"));
}

void BenchCluster::CallDirectly() {
  const cluster::HttpReply reply =
      cluster::HttpCall(processes_.simulator_address(), "POST", "/v1/chat/completions",
                        R"({"model":"gpt-oss-120b","max_completion_tokens":1,)"
                        R"("messages":[{"role":"user","content":"hi"}]})",
                        absl::StrCat("Authorization: Bearer ", kKey, "\r\n"));
  if (reply.status != 200) throw std::runtime_error(absl::StrCat("a direct call: ", reply.body));
}

SimulatorStats BenchCluster::Stats() {
  simdjson::dom::parser parser;
  const std::string text = Control("GET", "/sim/stats");
  const simdjson::dom::element root = parser.parse(text);
  return {root["requests_total"], root["admitted"], root["running"], root["connections"]};
}

std::vector<Call> BenchCluster::Calls(absl::string_view mark) {
  std::vector<Call> calls;
  simdjson::dom::parser parser;
  const auto last = static_cast<uint64_t>(Stats().requests);
  for (uint64_t after = 0;; after += kCallsPerPage) {
    const std::string text = Control("GET", absl::StrCat("/sim/requests?bodies=0&after=", after,
                                                         "&until=", after + kCallsPerPage,
                                                         "&limit=", kCallsPerPage, "&mark=", mark));
    const simdjson::dom::array records = parser.parse(text)["requests"];
    for (const simdjson::dom::element record : records) {
      calls.push_back({Text(record, "mark"), Text(record, "digest"), Text(record, "outcome"),
                       record["status"], record["started_ns"], record["ended_ns"],
                       record["prompt_tokens"], record["cached_tokens"],
                       record["generated_tokens"]});
    }
    if (after >= last && records.size() == 0) return calls;
  }
}

std::optional<double> BenchCluster::CoordinatorGauge(absl::string_view name) {
  const std::string address = processes_.coordinator().Address("metrics");
  const std::string text = cluster::HttpCall(address, "GET", "/metrics").body;
  if (!absl::StrContains(text, absl::StrCat("# TYPE ", name, " "))) return std::nullopt;
  return cluster::MetricValue(address, name);
}

}  // namespace moa::bench
