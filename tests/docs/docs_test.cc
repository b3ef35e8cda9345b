#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "coordinator/metrics/cluster_metrics.h"
#include "tests/cluster/mini_cluster.h"
#include "tests/cluster/sample_jobs.h"
#include "tests/docs/markdown.h"

namespace moa::docs {
namespace {

using cluster::CommandResult;
using cluster::MiniCluster;
using testing::IsEmpty;
using testing::Not;

// README.md and docs/**/*.md, as paths from the repository's root.
std::vector<std::string> Documents() {
  std::vector<std::string> paths = {"README.md"};
  const std::filesystem::path root = MOA_SOURCE_DIR;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "docs")) {
    if (entry.path().extension() != ".md") continue;
    paths.push_back(std::filesystem::relative(entry.path(), root).string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string Read(const std::string& path) {
  return cluster::ReadFile(absl::StrCat(MOA_SOURCE_DIR, "/", path));
}

TEST(DocsTest, RelativeLinksPointToWhatIsThere) {
  for (const std::string& path : Documents()) {
    const auto folder = (std::filesystem::path(MOA_SOURCE_DIR) / path).parent_path();
    for (const std::string& link : RelativeLinks(Read(path))) {
      EXPECT_TRUE(std::filesystem::exists(folder / link)) << path << " links to " << link;
    }
  }
}

// A gateway to the cluster's coordinator.
cluster::Process& StartGateway(MiniCluster& cluster) {
  return cluster.Start("gateway", "moa-gateway",
                       {"--coordinator", cluster.coordinator_address(), "--listen", "127.0.0.1:0",
                        "--metrics-listen", "127.0.0.1:0"});
}

// Each block marked `sh` is run by bash from the repository's root, the programs in PATH, a cluster
// at MOA_COORDINATOR and a gateway at MOA_GATEWAY, and must end with 0.
TEST(DocsTest, EveryShellBlockRuns) {
  MiniCluster cluster;
  cluster.StartAll(1);
  cluster.StartWorker("worker-2", {"--grading-slots", "1"});
  cluster.WaitForWorkers(2);
  const std::string gateway = absl::StrCat("http://", StartGateway(cluster).Address("http"));
  int blocks = 0;
  for (const std::string& path : Documents()) {
    for (const Block& block : FencedBlocks(Read(path))) {
      if (block.language != "sh") continue;
      ++blocks;
      const std::string script =
          absl::StrCat("set -euo pipefail\ncd '", MOA_SOURCE_DIR, "'\n", block.text);
      const CommandResult result = cluster::RunToEnd(
          {.program = "/bin/bash",
           .args = {"-c", script},
           .environment = {{"PATH", absl::StrCat(MOA_BIN_DIR, ":", std::getenv("PATH"))},
                           {"MOA_COORDINATOR", cluster.coordinator_address()},
                           {"MOA_GATEWAY", gateway}},
           .output_path = cluster.Path("block.out"),
           .log_path = cluster.Path("block.err")});
      EXPECT_EQ(result.status, 0) << path << ":" << block.line << "\n" << result.out << result.err;
      EXPECT_THAT(result.out, Not(IsEmpty())) << path << ":" << block.line;
    }
  }
  EXPECT_GE(blocks, 3);
}

// Each YAML or JSON block that names an aggregator or a preset is a whole job (or begins with `presets:`
// and is a configuration, see below), and is accepted; so
// is each file in docs/examples.
TEST(DocsTest, EveryJobShownIsAccepted) {
  MiniCluster cluster;
  cluster.StartAll(0);
  int jobs = 0;
  for (const std::string& path : Documents()) {
    for (const Block& block : FencedBlocks(Read(path))) {
      const bool is_data = block.language == "yaml" || block.language == "json";
      if (!is_data || absl::StartsWith(block.text, "presets:") ||
          !(absl::StrContains(block.text, "aggregator:") ||
            absl::StrContains(block.text, "preset"))) {
        continue;
      }
      ++jobs;
      const std::string file = cluster.JobFile(absl::StrCat("job.", block.language), block.text);
      const CommandResult result = cluster.Moactl({"submit", "-f", file});
      EXPECT_EQ(result.status, 0) << path << ":" << block.line << "\n" << result.err;
    }
  }
  EXPECT_GE(jobs, 3);
  for (const auto& entry : std::filesystem::directory_iterator(MOA_SOURCE_DIR "/docs/examples")) {
    if (entry.is_directory()) continue;  // programs
    const CommandResult result = cluster.Moactl({"submit", "-f", entry.path().string()});
    EXPECT_EQ(result.status, 0) << entry.path() << "\n" << result.err;
  }
}

// A coordinator starts with each configuration shown.
TEST(DocsTest, EveryConfigurationShownIsAccepted) {
  int configurations = 0;
  for (const std::string& path : Documents()) {
    for (const Block& block : FencedBlocks(Read(path))) {
      if (!absl::StartsWith(block.text, "presets:") && !absl::StartsWith(block.text, "models:")) {
        continue;
      }
      ++configurations;
      MiniCluster cluster;
      cluster.StartCoordinator({"--config", cluster.JobFile("config.yaml", block.text)});
    }
  }
  EXPECT_GE(configurations, 2);
}

// Every flag that a document names is one of a program's (or of CMake's and protoc's few, named here).
TEST(DocsTest, EveryFlagNamedExists) {
  MiniCluster cluster;
  std::string help =
      "--build --component --install --prefix --grpc_python_out --plugin --python_out\n";
  const std::pair<const char*, std::vector<cluster::Args>> programs[] = {
      {"moa-coordinator", {{"--help"}}},
      {"moa-worker", {{"--help"}}},
      {"cerebras-sim", {{"--help"}}},
      {"moa-gateway", {{"--help"}}},
      {"../tests/moa-chaos", {{"--help"}}},
      {"moactl",
       {{"--help"},
        {"submit", "--help"},
        {"inspect", "--help"},
        {"ablate", "--help"},
        {"tune", "--help"},
        {"admin", "prune", "--help"},
        {"challenge", "grade", "--help"},
        {"challenge", "run", "--help"},
        {"challenge", "batch", "--help"},
        {"challenge", "leaderboard", "--help"},
        {"list", "--help"},
        {"watch", "--help"},
        {"trace", "--help"}}}};
  for (const auto& [program, calls] : programs) {
    for (const cluster::Args& args : calls) {
      const CommandResult result = cluster::RunToEnd({.program = cluster::ProgramPath(program),
                                                      .args = args,
                                                      .environment = {},
                                                      .output_path = cluster.Path("help.out"),
                                                      .log_path = cluster.Path("help.err")});
      EXPECT_EQ(result.status, 0) << program << " " << args[0] << "\n" << result.err;
      help += result.out + "\n";
    }
  }
  for (const std::string& path : Documents()) {
    for (const std::string& flag : WordsWithPrefix(Read(path), "--")) {
      EXPECT_THAT(help, testing::HasSubstr(flag)) << path;
    }
  }
}

// The first cells of the tables' rows, where they are code.
std::set<std::string> NamesInTables(absl::string_view markdown) {
  std::set<std::string> names;
  for (absl::string_view line : absl::StrSplit(markdown, '\n')) {
    if (absl::ConsumePrefix(&line, "| `")) names.emplace(line.substr(0, line.find('`')));
  }
  return names;
}

// docs/metrics.md is written from the programs' classes; this is whether the programs serve those.
TEST(DocsTest, MetricsListedAreTheMetricsServed) {
  MiniCluster cluster;
  cluster.StartAll(0);
  cluster.StartWorker("worker-1", {"--grading-slots", "1"});
  cluster.WaitForWorkers(1);
  ASSERT_EQ(cluster.Run(cluster.JobFile("a.yaml", cluster::kWorkshopJob)).state, "SUCCEEDED");
  cluster::Process& gateway = StartGateway(cluster);
  std::set<std::string> served;
  for (const std::string& address :
       {cluster.coordinator().Address("metrics"), cluster.process("worker-1").Address("metrics"),
        gateway.Address("metrics"), cluster.simulator_address()}) {
    const std::string text = cluster::HttpCall(address, "GET", "/metrics").body;
    for (const absl::string_view line : absl::StrSplit(text, '\n')) {
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      if (words.size() == 4 && words[1] == "TYPE") served.insert(words[2]);
    }
  }
  // Served where several coordinators share a store.
  for (const auto& family : ClusterMetrics().Collect()) served.insert(family.name);
  const std::set<std::string> listed = NamesInTables(Read("docs/metrics.md"));
  EXPECT_EQ(listed, served);
  // What other documents name is among them.
  for (const char* path : {"README.md", "docs/operations.md", "docs/capacity.md"}) {
    for (const char* prefix : {"moa_", "gen_ai_"}) {
      for (const std::string& word : WordsWithPrefix(Read(path), prefix)) {
        EXPECT_TRUE(listed.contains(word)) << path << " names " << word;
      }
    }
  }
}

}  // namespace
}  // namespace moa::docs
