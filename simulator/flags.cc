#include "simulator/flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <map>
#include <type_traits>

#include "common/http/health_probe.h"

namespace moa::simulator {
namespace {

std::string EnvironmentName(std::string flag) {
  std::replace(flag.begin(), flag.end(), '-', '_');
  for (char& c : flag) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return "CEREBRAS_SIM_" + flag;
}

template <typename T>
CLI::Option* Add(CLI::App& app, const std::string& name, T& target, const std::string& help,
                 const std::string& group) {
  CLI::Option* option = app.add_option("--" + name, target, help)
                            ->envname(EnvironmentName(name))
                            ->group(group)
                            ->capture_default_str();
  // Given twice, a flag keeps its last value, unless it is one that can be repeated.
  if constexpr (!std::is_same_v<T, std::vector<std::string>>) option->take_last();
  return option;
}

Tier TierNamed(const std::string& name) {
  if (name == "free") return Tier::kFree;
  return name == "unlimited" ? Tier::kUnlimited : Tier::kDeveloper;
}

// N or MIN-MAX.
std::string ReadReplyTokens(const std::string& text, ReplyLength& length) {
  const size_t dash = text.find('-');
  try {
    size_t used = 0;
    length.min = std::stoll(text, &used);
    length.max = length.min;
    if (dash != std::string::npos && used == dash) {
      length.max = std::stoll(text.substr(dash + 1), &used);
      used += dash + 1;
    }
    if (used == text.size() && length.min >= 1 && length.max >= length.min &&
        length.max <= 1'000'000) {
      return "";
    }
  } catch (const std::exception&) {
    // Said below.
  }
  return "--reply-tokens: '" + text + "' is not N or MIN-MAX with 1 <= MIN <= MAX <= 1000000";
}

// Throws with the flag's name.
void ReadSpecs(const std::vector<std::string>& faults,
               const std::vector<std::string>& personalities, SimulatorOptions& simulator) {
  for (const std::string& text : faults) {
    absl::StatusOr<FaultSpec> spec = ParseFault(text);
    if (!spec.ok()) {
      throw CLI::ValidationError("--fault", std::string(spec.status().message()));
    }
    simulator.faults.push_back(*std::move(spec));
  }
  if (faults.size() > Faults::kFaultsMax) throw CLI::ValidationError("--fault", "too many");
  for (const std::string& text : personalities) {
    const absl::Status status = ApplyPersonality(text, &simulator.personality);
    if (!status.ok()) throw CLI::ValidationError("--personality", std::string(status.message()));
  }
}

// Throws with the flag's name.
void OpenJournal(const std::string& path, Flags& flags) {
  if (path.empty()) return;
  absl::StatusOr<std::unique_ptr<Journal>> opened = Journal::Open(path);
  if (!opened.ok()) {
    throw CLI::ValidationError("--journal", std::string(opened.status().message()));
  }
  flags.journal = *std::move(opened);
  flags.simulator.journal = flags.journal.get();
}

void AddLimitFlags(CLI::App& app, std::string& tier, LimitOptions& limits) {
  Add(app, "tier", tier, "rate limits: free, developer or unlimited", "Limits")
      ->check(CLI::IsMember({"free", "developer", "unlimited"}));
  Add(app, "requests-per-minute", limits.requests_per_minute,
      "instead of the tier's, for every model; 0: the tier's", "Limits")
      ->check(CLI::Range(int64_t{0}, int64_t{1'000'000'000}));
  Add(app, "tokens-per-minute", limits.tokens_per_minute,
      "instead of the tier's, for every model; 0: the tier's", "Limits")
      ->check(CLI::Range(int64_t{0}, int64_t{1'000'000'000'000}));
  app.add_flag("--reset-headers", limits.reset_headers,
               "also send x-ratelimit-reset-requests-day and -tokens-minute")
      ->envname(EnvironmentName("reset-headers"))
      ->group("Limits");
}

}  // namespace

std::optional<int> ParseFlags(int argc, char** argv, Flags& flags) {
  CLI::App app(
      "cerebras-sim: a local stand-in for the Cerebras inference API. Its answers are made up; "
      "their "
      "form, timing, limits and errors are the service's.");
  app.get_formatter()->column_width(34);
  SimulatorOptions& simulator = flags.simulator;
  flags.http.listen = "127.0.0.1:8181";
  std::string tier = "developer";
  std::string reply_tokens = "40-240";
  std::string log_format = "text";
  std::string journal;
  std::vector<std::string> faults;
  std::vector<std::string> personalities;
  Add(app, "listen", flags.http.listen, "HOST:PORT to serve on; port 0 takes any", "Network");
  Add(app, "threads", flags.http.threads, "threads that serve connections", "Network")
      ->check(CLI::Range(1, 64));
  Add(app, "max-connections", flags.http.connections_max, "more are answered 503", "Network")
      ->check(CLI::Range(1, 1'000'000));
  Add(app, "api-key", simulator.api_keys,
      "accept this key only (repeatable); without it any bearer token is accepted", "Network");
  Add(app, "seed", simulator.seed, "answers and times are a function of it", "Behaviour");
  Add(app, "time-scale", simulator.time_scale, "times the service's own times; 0 answers at once",
      "Behaviour")
      ->check(CLI::Range(0.0, 1000.0));
  Add(app, "slow-queue-share", simulator.slow_queue_share,
      "share of requests that wait 0.2 to 0.5 s in the queue, times the scale", "Behaviour")
      ->check(CLI::Range(0.0, 1.0));
  Add(app, "reply-tokens", reply_tokens, "length of answers in tokens, N or MIN-MAX", "Behaviour");
  Add(app, "fault", faults, std::string("make something go wrong (repeatable): ") + kFaultHelp,
      "Behaviour")
      ->allow_extra_args(false)
      ->delimiter('\0');
  Add(app, "personality", personalities,
      std::string("what models are like (repeatable): ") + kPersonalityHelp, "Behaviour")
      ->allow_extra_args(false)
      ->delimiter('\0');
  AddLimitFlags(app, tier, simulator.limits);
  Add(app, "record", simulator.records_max, "requests kept for GET /sim/requests; 0: none", "Tests")
      ->check(CLI::Range(0, 1'000'000));
  Add(app, "journal", journal,
      "file to which two lines of JSON a request are appended: its digests, its end", "Tests");
  Add(app, "log-format", log_format, "text or json", "Tests")
      ->check(CLI::IsMember({"text", "json"}));
  std::string health;
  app.add_option(std::string("--") + kHealthFlag, health, kHealthHelp)
      ->type_name(kHealthPlaceholder);
  try {
    app.parse(argc, argv);
    if (!health.empty()) return RunHealthProbe("cerebras-sim", health);
    if (const std::string mistake = ReadReplyTokens(reply_tokens, simulator.reply_length);
        !mistake.empty()) {
      throw CLI::ValidationError(mistake);
    }
    ReadSpecs(faults, personalities, simulator);
    OpenJournal(journal, flags);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  simulator.limits.tier = TierNamed(tier);
  flags.json_log = log_format == "json";
  return std::nullopt;
}

}  // namespace moa::simulator
