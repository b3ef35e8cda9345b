#pragma once

#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/tuner/leave_one_out.h"
#include "client/tuner/reflection.h"
#include "client/tuner/trial.h"

namespace moa {

// The lines of a study's history, JSON objects without a line end. Two kinds: what the study decided ("study", "batch",
// "reflection", "edits", "ablation", "end"), and what came of it ("result", "reply"). Decisions follow from the results
// before them; they stand there to be read, and to be compared when the history is replayed.

// A configuration in a batch line where it appears first: its key and what it sets.
using NewConfigs = std::map<std::string, std::map<std::string, std::string>>;

// `origin` is a JSON object, or empty.
std::string StudyLine(const std::string& id,
                      const std::vector<std::pair<std::string, std::string>>& options,
                      const std::string& origin);
std::string BatchLine(uint64_t number, const std::vector<Trial>& trials, const NewConfigs& configs);
std::string ReflectionLine(const ReflectionRequest& request);
// `added` are names of agents with the number of the prompt, `problem` is why the reply is of no use, or empty.
std::string EditsLine(uint64_t number, const std::vector<std::pair<std::string, size_t>>& added,
                      const std::vector<std::string>& dropped, absl::string_view problem);
// What a round of leaving out found, and the best configuration after it.
std::string AblationLine(uint32_t round, const std::vector<AblatedAgent>& agents,
                         absl::string_view best);
std::string EndLine(absl::string_view reason, absl::string_view best);

std::string ResultLine(const TrialResult& result);
std::string ReplyLine(const ReflectionReply& reply);

// A line that is read again.
struct DecisionLine {};
struct StudyHeader {
  std::string id{};
  std::map<std::string, std::string> options{};
  std::string origin{};
};
using HistoryLine = std::variant<StudyHeader, TrialResult, ReflectionReply, DecisionLine>;

// INVALID_ARGUMENT: what is wrong with it.
absl::StatusOr<HistoryLine> ReadHistoryLine(absl::string_view line);

// "repeat", as history and tables have it.
absl::string_view PurposeName(Purpose purpose);

}  // namespace moa
