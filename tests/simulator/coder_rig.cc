#include "tests/simulator/coder_rig.h"

#include <numeric>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/prompt.h"
#include "simulator/coder_reply.h"
#include "simulator/prompt.h"
#include "tests/simulator/coder_oracle.h"

namespace moa::simulator::coder {
namespace {

constexpr const char* kKeepName =
    " Keep the function's name, calculate_user_metrics, and return the whole function.";

AgentCall Agent(const std::string& model, const std::string& system, double temperature,
                const std::string& effort = "") {
  return {.model = model, .system = system, .temperature = temperature, .effort = effort};
}

AgentCall Specialist(const std::string& model, std::initializer_list<Issue> issues,
                     double temperature, const std::string& effort = "") {
  std::string system = "You are a specialist.";
  for (const Issue issue : issues) absl::StrAppend(&system, " ", AdviceOn(issue));
  return Agent(model, absl::StrCat(system, kKeepName), temperature, effort);
}

std::string AllAdvice() {
  std::string system = "Write careful code.";
  for (const Issue issue : kIssues) absl::StrAppend(&system, " ", AdviceOn(issue));
  return absl::StrCat(system, kKeepName);
}

// The request of the aggregator's call.
ChatRequest LastRequest(const Mixture& mixture, uint64_t seed, uint64_t simulator_seed) {
  std::vector<std::string> answers;
  int64_t call = 0;
  for (int cycle = 0; cycle < (mixture.agents.empty() ? 0 : mixture.cycles); ++cycle) {
    std::vector<std::string> next;
    for (const AgentCall& agent : mixture.agents) {
      const auto own_seed = static_cast<int64_t>(seed) * 100 + ++call;
      next.push_back(ReplyTo(RequestOf(agent, own_seed, answers), simulator_seed).content);
    }
    answers = std::move(next);
  }
  return RequestOf(mixture.aggregator, static_cast<int64_t>(seed), answers);
}

}  // namespace

const char* const kTask =
    "Write a Python function calculate_user_metrics(users, start_date, end_date). Each user is a "
    "dict with last_login (an "
    "ISO date), posts, comments, likes and days_active. A user is active when last_login lies "
    "within the range. "
    "Engagement is (posts * 2 + comments * 1.5 + likes * 0.1) / days_active. Return a dict with "
    "average_engagement of "
    "the active users, top_performers (at most five, best first) and active_count.";

ChatRequest RequestOf(const AgentCall& call, int64_t seed) { return RequestOf(call, seed, {}); }

ChatRequest RequestOf(const AgentCall& call, int64_t seed,
                      const std::vector<std::string>& answers) {
  ChatRequest request;
  request.model = call.model;
  if (!call.system.empty()) request.messages.push_back({"system", call.system, "", 0});
  request.messages.push_back({"user", kTask, "", 0});
  if (!answers.empty()) {
    std::vector<Reference> references;
    for (const std::string& answer : answers) references.push_back({Text(answer)});
    request.messages.push_back(
        {"user", std::string(RenderReferencesMessage(references).view()), "", 0});
  }
  request.temperature = call.temperature;
  request.reasoning_effort = call.effort;
  request.max_completion_tokens = call.max_completion_tokens;
  request.seed = seed;
  return request;
}

ReplyChoice ReplyTo(const ChatRequest& request, uint64_t simulator_seed) {
  const Model& model = *FindModel(request.model);
  return ReplyGenerator(simulator_seed, {})
      .Generate(request, model, RenderPrompt(request, model.id))
      .front();
}

Program ProgramIn(const ChatRequest& request, uint64_t simulator_seed) {
  const Model& model = *FindModel(request.model);
  return ProgramFor(request, model, simulator_seed, RenderPrompt(request, model.id).digest);
}

std::string AnswerOf(const Mixture& mixture, uint64_t seed,
                     std::optional<uint64_t> simulator_seed) {
  const uint64_t simulator = simulator_seed.value_or(seed);
  return ReplyTo(LastRequest(mixture, seed, simulator), simulator).content;
}

Program ProgramOf(const Mixture& mixture, uint64_t seed, std::optional<uint64_t> simulator_seed) {
  const uint64_t simulator = simulator_seed.value_or(seed);
  return ProgramIn(LastRequest(mixture, seed, simulator), simulator);
}

int TotalOf(const Program& program) {
  const auto points = IntendedPoints(program);
  return std::accumulate(points.begin(), points.end(), 0);
}

namespace {

// The same, but for how all are called.
Mixture With(Mixture mixture, std::optional<double> temperature, const std::string& effort) {
  mixture.agents.push_back(mixture.aggregator);
  for (AgentCall& call : mixture.agents) {
    if (temperature) call.temperature = temperature;
    if (!effort.empty()) call.effort = effort;
  }
  mixture.aggregator = mixture.agents.back();
  mixture.agents.pop_back();
  return mixture;
}

}  // namespace

std::vector<NamedMixture> DocumentedMixtures() {
  const std::string merge =
      absl::StrCat("Merge what is right in the answers into one function.", kKeepName);
  const AgentCall bugs = Specialist(
      "gpt-oss-120b", {Issue::kDivision, Issue::kEmpty, Issue::kKeys, Issue::kNobody}, 0.5);
  const AgentCall values = Specialist(
      "qwen-3.8-27b", {Issue::kKeys, Issue::kMutation, Issue::kDates, Issue::kRobust}, 0.6);
  const AgentCall results = Specialist(
      "gpt-oss-120b", {Issue::kAverage, Issue::kSorting, Issue::kFewer, Issue::kTopFive}, 0.5);
  const AgentCall main = Agent("gpt-oss-120b", merge, 0.2, "medium");
  const AgentCall plain = Agent("gpt-oss-120b", "", 0.7);
  AgentCall best = main;
  best.effort = "high";
  best.system += std::string(" ") + AdviceOn(Issue::kRobust) + " " + AdviceOn(Issue::kKeys);
  AgentCall values_high = values;
  AgentCall bugs_high = bugs;
  values_high.effort = "high";
  bugs_high.effort = "high";
  const Mixture three = {.agents = {bugs, values, results}, .aggregator = main};
  AgentCall hot = Agent("step-3.5-flash", "Be creative.", 1.6);
  return {
      {"single, plain", {.aggregator = plain}},
      {"single, all issues named", {.aggregator = Agent("gpt-oss-120b", AllAdvice(), 0.5)}},
      {"single, all issues named, high effort",
       {.aggregator = Agent("gpt-oss-120b", AllAdvice(), 0.3, "high")}},
      {"single, five issues named",
       {.aggregator = Specialist(
            "gpt-oss-120b",
            {Issue::kDivision, Issue::kEmpty, Issue::kKeys, Issue::kAverage, Issue::kNobody}, 0.3,
            "high")}},
      {"self-MoA, 3 samples, plain", {.agents = {plain, plain, plain}, .aggregator = plain}},
      {"self-MoA, 6 samples, plain",
       {.agents = std::vector<AgentCall>(6, plain), .aggregator = plain}},
      {"self-MoA, 12 samples, plain",
       {.agents = std::vector<AgentCall>(12, plain), .aggregator = plain}},
      {"two models, plain",
       {.agents = {plain, Agent("qwen-3.8-27b", "", 0.7), plain}, .aggregator = plain}},
      {"three specialists", {.agents = {bugs, values, results}, .aggregator = main}},
      {"three specialists, one model",
       {.agents = {bugs,
                   [&] {
                     AgentCall a = values;
                     a.model = "gpt-oss-120b";
                     return a;
                   }(),
                   results},
        .aggregator = main}},
      {"three specialists, weak aggregator",
       {.agents = {bugs, values, results}, .aggregator = Agent("step-3.5-flash", merge, 0.2)}},
      {"three specialists, all at temperature 0", With(three, 0, "")},
      {"three specialists, all at temperature 1.3", With(three, 1.3, "")},
      {"three specialists, all with low effort", With(three, std::nullopt, "low")},
      {"three specialists, all with high effort", With(three, std::nullopt, "high")},
      {"three specialists, two cycles",
       {.agents = {bugs, values, results}, .cycles = 2, .aggregator = main}},
      {"three specialists, two cycles, tuned",
       {.agents = {bugs_high, values_high, results}, .cycles = 2, .aggregator = best}},
      {"three that are told everything",
       {.agents = {Agent("gpt-oss-120b", AllAdvice(), 0.5), Agent("qwen-3.8-27b", AllAdvice(), 0.5),
                   Agent("gpt-oss-120b", AllAdvice(), 0.5)},
        .aggregator = Agent("gpt-oss-120b", AllAdvice(), 0.2)}},
      {"three that are told everything, two cycles",
       {.agents = {Agent("gpt-oss-120b", AllAdvice(), 0.5), Agent("qwen-3.8-27b", AllAdvice(), 0.5),
                   Agent("gpt-oss-120b", AllAdvice(), 0.5)},
        .cycles = 2,
        .aggregator = Agent("gpt-oss-120b", AllAdvice(), 0.2)}},
      {"bad: hot, weak, unnamed", {.agents = {hot, hot, hot}, .aggregator = hot}},
  };
}

}  // namespace moa::simulator::coder
