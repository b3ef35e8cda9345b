#include "tests/bench/arguments.h"

#include <exception>
#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"

namespace moa::bench {
namespace {

// False when an argument is not known or not a number.
bool Read(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i < argc; ++i) {
    absl::string_view name = argv[i];
    if (name == "--") {
      arguments.coordinator.assign(argv + i + 1, argv + argc);
      return true;
    }
    if (!absl::ConsumePrefix(&name, "--")) return false;
    if (name == "json") {
      arguments.json = true;
      continue;
    }
    int64_t value = 0;
    if (++i == argc || !absl::SimpleAtoi(argv[i], &value) || value < 0) return false;
    const auto own = arguments.numbers.find(std::string(name));
    if (own != arguments.numbers.end()) {
      own->second = value;
    } else if (name == "repeat" && value > 0) {
      arguments.repeat = value;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

int RunBenchmark(int argc, char** argv, std::map<std::string, int64_t> numbers,
                 const std::function<Report(const Arguments&)>& run) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  Arguments arguments;
  arguments.numbers = std::move(numbers);
  if (!Read(argc, argv, arguments)) {
    std::cerr << "usage: " << argv[0] << " [--repeat N] [--json]";
    for (const auto& [name, value] : arguments.numbers) {
      std::cerr << absl::StrCat(" [--", name, " ", value, "]");
    }
    std::cerr << " [-- FLAGS OF THE COORDINATOR]\n";
    return 2;
  }
  try {
    const Report report = run(arguments);
    std::cout << (arguments.json ? report.Json() + "\n" : report.Text());
  } catch (const std::exception& error) {
    std::cerr << argv[0] << ": " << error.what() << "\n";
    return 1;
  }
  return 0;
}

}  // namespace moa::bench
