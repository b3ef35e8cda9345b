#pragma once

#include <cstdint>
#include <string>

#include "coordinator/engine/job_machine.h"

namespace moa {

// Sentences for people about a running job; private to this folder. All are bounded and valid
// UTF-8.

// Longest message of an error, in bytes (proto/moa/v1/job.proto).
inline constexpr size_t kErrorMessageMax = 2048;

// `message` repaired and cut to kErrorMessageMax.
std::string Presentable(std::string message);

// "layer 2, round 1" or "the aggregator".
std::string StageName(const Plan& plan, uint32_t stage);

// `planner, sample 2 of 3 (gpt-oss-120b)`, with the model that it asks or asked last.
std::string TaskName(const JobMachine& job, uint32_t task);

// Why the job goes on short: how many of the running stage's answers were lost and to what, the
// first few of them, and who answered; `unmet`, what it was to decide and did not; and `left_out`,
// when it is not empty, as the reason why the layers after it (or all, before the first) are left out.
std::string DegradedReason(const JobMachine& job, const std::string& left_out,
                           const std::string& unmet);

// Why an agent's answer is the job's although there is an aggregator. REQUIRES: it has failed, and
// an answer was handed on to it.
std::string StandInReason(const JobMachine& job);

// What was decided before stage `index`, which is to start next and gets `handed`: whom the router
// picked, whose answers are handed on. "" when there was nothing to decide.
std::string DecisionNote(const JobMachine& job, uint32_t index, const Outcome& handed);

// Why the reply of a critic or a router is of no use.
std::string UnreadableMessage(const JobMachine& job, uint32_t task, const Completion& completion);

// What the running stage of `job` was doing when the deadline passed.
std::string DeadlineMessage(const JobMachine& job);

// Why a reply without content is no answer, and what to do.
std::string NoContentMessage(const std::string& finish_reason);

}  // namespace moa
