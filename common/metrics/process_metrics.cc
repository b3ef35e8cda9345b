#include "common/metrics/process_metrics.h"

#include <dirent.h>
#include <prometheus/metric_family.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace moa {
namespace {

void AddFamily(std::vector<prometheus::MetricFamily>& families, const char* name, const char* help,
               prometheus::MetricType type, double value) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family.metric.push_back(std::move(metric));
  families.push_back(std::move(family));
}

// The fields of /proc/self/stat after the command's name, which may itself hold blanks and parentheses;
// [0] is field 3 (state) of proc(5).
std::vector<std::string> ReadStatFields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const size_t end = line.rfind(')');
  if (end == std::string::npos || end + 2 >= line.size()) return {};
  return absl::StrSplit(line.substr(end + 2), ' ');
}

double BootTimeSeconds() {
  std::ifstream file("/proc/stat");
  std::string key;
  double value = 0;
  while (file >> key) {
    if (key == "btime" && file >> value) return value;
    std::getline(file, key);
  }
  return 0;
}

int CountOpenFds() {
  DIR* const directory = opendir("/proc/self/fd");
  if (directory == nullptr) return -1;
  int count = -3;  // ".", ".." and the descriptor of this listing
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count;
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessMetrics::Collect() const {
  using prometheus::MetricType;
  std::vector<prometheus::MetricFamily> families;
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
  const std::vector<std::string> fields = ReadStatFields();
  const auto field = [&fields](size_t number) {  // as proc(5) numbers them
    double value = 0;
    return absl::SimpleAtod(fields[number - 3], &value) ? value : 0.0;
  };
  if (fields.size() > 21) {
    AddFamily(families, "process_cpu_seconds_total",
              "Seconds of CPU time that the process has used, user and system together.",
              MetricType::Counter, (field(14) + field(15)) / ticks);
    AddFamily(families, "process_resident_memory_bytes", "Bytes of memory that are resident.",
              MetricType::Gauge, field(24) * page);
    AddFamily(families, "process_virtual_memory_bytes", "Bytes of address space that are mapped.",
              MetricType::Gauge, field(23));
    AddFamily(families, "process_threads", "Threads of the process.", MetricType::Gauge, field(20));
    AddFamily(families, "process_start_time_seconds",
              "When the process started, in seconds since the epoch.", MetricType::Gauge,
              BootTimeSeconds() + field(22) / ticks);
  }
  if (const int fds = CountOpenFds(); fds >= 0) {
    AddFamily(families, "process_open_fds", "File descriptors that are open.", MetricType::Gauge,
              fds);
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    AddFamily(families, "process_max_fds", "File descriptors that may be open at most.",
              MetricType::Gauge, static_cast<double>(limit.rlim_cur));
  }
  return families;
}

}  // namespace moa
