#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "simulator/chat_request.h"
#include "simulator/coder_program.h"
#include "simulator/reply.h"

namespace moa::simulator::coder {

// The challenge's task as a user would put it: it names none of the issues.
extern const char* const kTask;

// A call, as an agent of a job makes it.
struct AgentCall {
  std::string model = "gpt-oss-120b";
  std::string system{};
  std::optional<double> temperature = 0.5;
  std::string effort{};
  std::optional<int64_t> max_completion_tokens{};
};

// Agents answer the task, `cycles` times, each but the first shown the answers of the cycle before; the aggregator is
// shown the last. References are put to them as the engine does it.
struct Mixture {
  std::vector<AgentCall> agents{};
  int cycles = 1;
  AgentCall aggregator{};
};

ChatRequest RequestOf(const AgentCall& call, int64_t seed);
// The same with the answers as references.
ChatRequest RequestOf(const AgentCall& call, int64_t seed, const std::vector<std::string>& answers);

// The reply of a simulator with this seed.
ReplyChoice ReplyTo(const ChatRequest& request, uint64_t simulator_seed);
// The program in it.
Program ProgramIn(const ChatRequest& request, uint64_t simulator_seed);

// The final answer's text. `seed` is that of the calls, and of the simulator unless it has one of its own.
std::string AnswerOf(const Mixture& mixture, uint64_t seed,
                     std::optional<uint64_t> simulator_seed = std::nullopt);
// Its program, before a limit of tokens cuts it off.
Program ProgramOf(const Mixture& mixture, uint64_t seed,
                  std::optional<uint64_t> simulator_seed = std::nullopt);

// All points of a program by the oracle.
int TotalOf(const Program& program);

// The configurations that docs/simulator-coder.md has figures for.
struct NamedMixture {
  const char* name;
  Mixture mixture;
};
std::vector<NamedMixture> DocumentedMixtures();

}  // namespace moa::simulator::coder
