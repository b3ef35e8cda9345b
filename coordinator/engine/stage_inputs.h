#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/engine/judge_prompt.h"
#include "coordinator/engine/model_table.h"
#include "coordinator/engine/plan.h"
#include "coordinator/engine/prompt.h"
#include "coordinator/engine/token_estimator.h"

namespace moa {

// What a stage's tasks are shown besides the conversation, as records and plan tell it (StageMaterialOf).
struct StageMaterial {
  // The answers handed on, in the order in which they are shown.
  std::vector<Reference> references{};
  // For critics: the answers to judge, with their tasks.
  std::vector<std::pair<uint32_t, Text>> judged{};
  // For agents that try again: their own earlier answer by task, or all of the round before under kEverybody.
  static constexpr uint32_t kEverybody = 0xFFFFFFFF;
  std::map<uint32_t, std::vector<JudgedAnswer>> feedback{};
};

// What the tasks of a job's running stage are to send: the conversation, what StageMaterial holds, rendered once for all
// tasks that see the same, and each task's own part. Owner: the JobMachine. Externally synchronised.
//
// Placement of the references (MOA section 3, rule 4): an agent whose system prompt has the token
// gets them there; for all others that prompt stays byte-stable, which keeps the provider's prompt
// cache warm, and they come last, as one message that all of them share.
//
// Fit (rule 6): where the model's window is known, what is shown is cut so that prompt and completion fit it.
class StageInputs {
 public:
  // Both may be null: then nothing is known of windows. Borrowed.
  StageInputs(const ModelTable* models, const TokenEstimator* estimator)
      : models_(models), estimator_(estimator) {}

  // Takes what stage `stage` is shown. Ends the validity of every CallInput made before. `plan` is borrowed until the
  // next Start or Clear.
  void Start(const Plan& plan, uint32_t stage, StageMaterial material);
  void Clear();

  // REQUIRES: Start(the task's stage) was the last. Valid until the next Start or Clear.
  CallInput Make(uint32_t task, const std::string& model, uint64_t job_seed) const;

  // What of the material is cut to fit `model`, for people; "" when nothing is.
  std::string FitNote(uint32_t task, const std::string& model) const;

 private:
  // What one task is shown: references by position, and the texts of its last message. Both are cut to fit together.
  struct Shown {
    std::vector<uint32_t> references{};
    bool all_references = false;    // the stage's, so that its tasks can share them
    std::vector<Text> texts{};      // the references', then the last message's
    std::vector<uint64_t> kept{};   // tokens of each; empty: all are whole
    std::vector<uint64_t> whole{};  // tokens of each, where `kept` is not empty
  };
  enum class Rendering { kList, kTrailing, kLast };

  Shown ShownTo(uint32_t task, const std::string& model) const;
  void Fit(uint32_t task, const std::string& model, Shown* shown) const;
  std::string KeyOf(Rendering how, uint32_t task, const std::string& model,
                    const Shown& shown) const;
  const SharedContext& Rendered(Rendering how, uint32_t task, const std::string& model,
                                const Shown& shown) const;
  Text Render(Rendering how, uint32_t task, const std::vector<Text>& texts) const;
  const std::vector<JudgedAnswer>* FeedbackOf(uint32_t task) const;
  // Whether the last message is the same for all tasks of the stage.
  bool LastIsShared(uint32_t task) const;

  const ModelTable* models_;
  const TokenEstimator* estimator_;
  const Plan* plan_ = nullptr;
  uint32_t stage_ = 0;
  StageMaterial material_;
  SharedContext conversation_;
  PromptSize conversation_size_;
  mutable std::map<std::string, SharedContext> rendered_;  // by KeyOf; addresses stay
};

// Whether the answers handed on have a place in the prompts of `task`.
bool ShowsReferences(const Plan& plan, const PlannedTask& task);

// Which of the references, by position, `task` sees of `count`; nullopt: none is left for it, so it does not run.
std::optional<std::vector<uint32_t>> SeenBy(const PlannedTask& task, uint32_t count);

// The seed that `task` sends, from its agent's or else the job's. Rounds, agents and samples
// differ. None for a lone sample when the user named no seed: it leaves the provider's own
// randomness alone.
std::optional<uint64_t> SeedToSend(const Plan& plan, const PlannedTask& task, uint64_t job_seed);

// Spreads small differences over all bits.
uint64_t MixBits(uint64_t x);

}  // namespace moa
