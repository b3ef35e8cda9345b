#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/moactl/styled_text.h"
#include "client/tuner/scores.h"
#include "moa/v1/job.pb.h"

namespace moa {

// Which agents of a job earn their cost: the job is run again without each of them, and a rater compares the answers.
// The parts that need no coordinator; pure.

// One agent of the job's layers, what it cost in the job, and what the job is without it.
struct Ablation {
  uint32_t layer = 0;  // 1-based
  std::string agent{};
  std::string model{};
  uint64_t calls = 0;
  uint64_t tokens = 0;
  double share_of_answer = 0;            // the most of its samples'
  double novelty = 0;                    // likewise
  std::optional<v1::JobSpec> without{};  // absent: the job cannot do without it
};

// One for each agent, in the order of the layers. Limits that count agents are lowered to what is left.
std::vector<Ablation> AblationsOf(const v1::Job& job);

// The job that `spec` is run as once more: what belongs to the first run alone is left out, and `seed` is set where
// the job names none, so that all variants draw alike.
v1::JobSpec RunAgain(const v1::JobSpec& spec, uint64_t seed);

// The job's conversation as one text, each message under who said it.
std::string ConversationText(const v1::JobSpec& spec);
// What of an answer is rated: its text and the calls of tools that it asks for.
std::string RatedText(const v1::Completion& answer);
// A plain job that has `model` rate `answer` as a reply to the conversation of `spec`.
v1::JobSpec RatingJob(const v1::JobSpec& spec, absl::string_view answer, const std::string& model);
// What it said, 0 to 10; nullopt: nothing that can be read.
std::optional<double> RatingOf(absl::string_view reply);

// "earns its cost", "no difference" or "harms": whether the scores without the agent are lower, by more than twice the
// standard error of the difference (with single scores: more than 0.5). "?" where there are none to compare.
std::string AblationVerdict(const Scores& baseline, const Scores& without);

struct AblationRow {
  Ablation agent{};
  Scores without{};
};
std::vector<StyledLine> AblationTable(const Scores& baseline, const std::vector<AblationRow>& rows);
std::string AblationJson(const std::string& job_id, const std::string& rater,
                         const Scores& baseline, const std::vector<AblationRow>& rows,
                         const v1::JobUsage& spent);

}  // namespace moa
