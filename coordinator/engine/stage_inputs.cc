#include "coordinator/engine/stage_inputs.h"

#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "coordinator/engine/reference_fit.h"

namespace moa {
namespace {

using Placement = ReferenceRules::Placement;

// Contexts of one stage count in steps of more than there can be stages.
constexpr uint32_t kContextIdStep = 1u << 16;
// For the wording around what is shown.
constexpr uint64_t kFrameTokens = 400;

bool IsInPlace(const Plan& plan, const Agent& agent) {
  return plan.spec.moa.references.placement != Placement::kTrailing &&
         AsksForReferences(agent.system_prompt);
}

bool IsTrailing(const Plan& plan, const Agent& agent) {
  switch (plan.spec.moa.references.placement) {
    case Placement::kAuto:
      return !AsksForReferences(agent.system_prompt);
    case Placement::kTrailing:
      return true;
    case Placement::kSystem:
      return false;
  }
  return false;
}

bool TakesReferences(StageKind kind) {
  return kind == StageKind::kPropose || kind == StageKind::kAggregate;
}

}  // namespace

bool ShowsReferences(const Plan& plan, const PlannedTask& task) {
  return TakesReferences(plan.stages[task.stage].kind) &&
         (IsInPlace(plan, *task.agent) || IsTrailing(plan, *task.agent));
}

std::optional<std::vector<uint32_t>> SeenBy(const PlannedTask& task, uint32_t count) {
  std::vector<uint32_t> seen;
  if (task.agent->sees == Sees::kNone || count == 0) return seen;
  const bool dealt = task.agent->sees == Sees::kDealt;
  for (uint32_t i = dealt ? task.sample : 0; i < count; i += dealt ? task.agent->samples : 1) {
    seen.push_back(i);
  }
  if (seen.empty()) return std::nullopt;
  return seen;
}

void StageInputs::Start(const Plan& plan, uint32_t stage, StageMaterial material) {
  plan_ = &plan;
  stage_ = stage;
  material_ = std::move(material);
  rendered_.clear();
  if (!conversation_.messages.empty()) return;
  conversation_.messages = plan.spec.messages;
  for (const Message& message : conversation_.messages) conversation_size_ += SizeOf(message);
}

void StageInputs::Clear() {
  plan_ = nullptr;
  material_ = StageMaterial();
  rendered_.clear();
  conversation_ = SharedContext();
  conversation_size_ = PromptSize();
}

const std::vector<JudgedAnswer>* StageInputs::FeedbackOf(uint32_t task) const {
  auto it = material_.feedback.find(StageMaterial::kEverybody);
  if (it == material_.feedback.end()) it = material_.feedback.find(task);
  return it == material_.feedback.end() ? nullptr : &it->second;
}

bool StageInputs::LastIsShared(uint32_t task) const {
  const Stage& stage = plan_->stages[stage_];
  if (stage.kind == StageKind::kCritique) return !plan_->tasks[task].judges.has_value();
  return stage.kind == StageKind::kRoute || material_.feedback.count(StageMaterial::kEverybody) > 0;
}

StageInputs::Shown StageInputs::ShownTo(uint32_t index, const std::string& model) const {
  const PlannedTask& task = plan_->tasks[index];
  const Stage& stage = plan_->stages[stage_];
  Shown shown;
  if (ShowsReferences(*plan_, task)) {
    const auto count = static_cast<uint32_t>(material_.references.size());
    shown.references = SeenBy(task, count).value_or(std::vector<uint32_t>());
    shown.all_references = shown.references.size() == count;
    for (const uint32_t i : shown.references)
      shown.texts.push_back(material_.references[i].content);
  }
  if (stage.kind == StageKind::kCritique) {
    for (const auto& [answer, text] : material_.judged) {
      if (!task.judges || *task.judges == answer) shown.texts.push_back(text);
    }
  } else if (const std::vector<JudgedAnswer>* feedback = FeedbackOf(index)) {
    for (const JudgedAnswer& answer : *feedback) shown.texts.push_back(answer.content);
  }
  Fit(index, model, &shown);
  return shown;
}

// Leaves `kept` empty when everything fits, or nothing is known of the window.
void StageInputs::Fit(uint32_t index, const std::string& model, Shown* shown) const {
  const ModelInfo* info = models_ == nullptr ? nullptr : models_->Find(model);
  if (info == nullptr || info->context_tokens == 0 || shown->texts.empty()) return;
  const Agent& agent = *plan_->tasks[index].agent;
  const uint64_t taken = agent.max_completion_tokens.value_or(0) + kFrameTokens;
  const uint64_t window = info->context_tokens > taken ? info->context_tokens - taken : 0;
  PromptSize fixed = SizeOf(agent.system_prompt.view());
  fixed += conversation_size_;
  fixed.messages += 3;
  if (plan_->stages[stage_].kind == StageKind::kAggregate) {
    fixed += SizeOf(CallInput{.with_tools = true}, plan_->spec);
  }
  uint64_t bytes = fixed.ascii_bytes + fixed.other_bytes;
  for (const Text& text : shown->texts) bytes += text.size();
  if (bytes <= window) return;  // no token is shorter than a byte
  const TokenEstimator rule_of_thumb;
  const TokenEstimator& estimator = estimator_ == nullptr ? rule_of_thumb : *estimator_;
  const uint64_t rest = estimator.UpperBound(model, fixed);
  for (const Text& text : shown->texts) {
    shown->whole.push_back(estimator.UpperBound(model, SizeOf(text.view())));
  }
  shown->kept = FitTokens(shown->whole, window > rest ? window - rest : 0);
  if (shown->kept != shown->whole) return;
  shown->kept.clear();
  shown->whole.clear();
}

std::string StageInputs::KeyOf(Rendering how, uint32_t task, const std::string& model,
                               const Shown& shown) const {
  std::string key = absl::StrCat(static_cast<int>(how));
  const size_t references = shown.references.size();
  const bool last = how == Rendering::kLast;
  if (!last) {
    for (const uint32_t i : shown.references) absl::StrAppend(&key, ",", i);
  } else if (!LastIsShared(task)) {
    absl::StrAppend(&key, ",", task);
  }
  if (shown.kept.empty()) return key;
  absl::StrAppend(&key, "|", model);
  for (size_t i = last ? references : 0; i < (last ? shown.kept.size() : references); ++i) {
    absl::StrAppend(&key, ",", shown.kept[i]);
  }
  return key;
}

Text StageInputs::Render(Rendering how, uint32_t task, const std::vector<Text>& texts) const {
  const ReferenceRules& rules = plan_->spec.moa.references;
  const Stage& stage = plan_->stages[stage_];
  if (how != Rendering::kLast) {
    std::vector<Reference> references;
    for (const Text& text : texts) {
      if (!text.empty()) references.push_back({.content = text});
    }
    return how == Rendering::kList ? RenderReferenceList(references, rules)
                                   : RenderReferencesMessage(references, rules);
  }
  switch (stage.kind) {
    case StageKind::kRoute:
      return RenderRouting(*plan_->LayerOf(stage).route, plan_->LayerOf(stage).agents);
    case StageKind::kCritique:
      return RenderJudgement(*plan_->LayerOf(stage).critique, texts);
    case StageKind::kPropose:
    case StageKind::kAggregate:
      break;
  }
  const std::vector<JudgedAnswer>* feedback = FeedbackOf(task);
  if (feedback == nullptr) return Text();
  std::vector<JudgedAnswer> answers = *feedback;
  for (size_t i = 0; i < answers.size(); ++i) answers[i].content = texts[i];
  return RenderFeedback(answers);
}

const SharedContext& StageInputs::Rendered(Rendering how, uint32_t task, const std::string& model,
                                           const Shown& shown) const {
  const auto ordinal = static_cast<uint32_t>(rendered_.size());
  const auto [it, is_new] = rendered_.try_emplace(KeyOf(how, task, model, shown));
  SharedContext& context = it->second;
  if (!is_new) return context;
  context.id = stage_ + 1 + ordinal * kContextIdStep;
  const size_t references = shown.references.size();
  const size_t begin = how == Rendering::kLast ? references : 0;
  const size_t end = how == Rendering::kLast ? shown.texts.size() : references;
  const TokenEstimator rule_of_thumb;
  std::vector<Text> texts;
  for (size_t i = begin; i < end; ++i) {
    const bool whole = shown.kept.empty() || shown.kept[i] == shown.whole[i];
    texts.push_back(whole ? shown.texts[i]
                          : CutToTokens(shown.texts[i], shown.kept[i], model,
                                        estimator_ == nullptr ? rule_of_thumb : *estimator_));
  }
  Text content = Render(how, task, texts);
  if (!content.empty()) {
    context.messages.push_back({.role = Role::kUser, .content = std::move(content)});
  }
  return context;
}

CallInput StageInputs::Make(uint32_t index, const std::string& model, uint64_t job_seed) const {
  MOA_CHECK(plan_ != nullptr);
  const PlannedTask& task = plan_->tasks[index];
  const Stage& stage = plan_->stages[stage_];
  const Agent& agent = *task.agent;
  CallInput input;
  input.model = model;
  input.agent = &agent;
  input.format = task.format;
  if (agent.grader) {
    // What it grades, and nothing else.
    Text graded = stage.kind == StageKind::kCritique ? ShownTo(index, model).texts.at(0)
                                                     : plan_->spec.messages.back().content;
    input.prompt.push_back({.message = {.role = Role::kUser, .content = std::move(graded)}});
    return input;
  }
  input.seed = SeedToSend(*plan_, task, job_seed);
  input.with_tools = index == plan_->aggregator_task() && !plan_->spec.tools.empty();
  const Shown shown = ShownTo(index, model);
  const bool in_place = TakesReferences(stage.kind) && IsInPlace(*plan_, agent);
  Text system = agent.system_prompt;
  if (in_place) {
    const SharedContext& list = Rendered(Rendering::kList, index, model, shown);
    system = SubstituteReferences(agent.system_prompt,
                                  list.messages.empty() ? Text() : list.messages[0].content);
  }
  input.prompt.reserve(4);
  if (!system.empty()) {
    input.prompt.push_back({.message = {.role = Role::kSystem, .content = system}});
  }
  input.prompt.push_back({.message = {}, .context = &conversation_});
  const auto add = [&](const SharedContext& context, bool shared) {
    if (context.messages.empty()) return;
    input.prompt.push_back(shared ? PromptPart{.message = {}, .context = &context}
                                  : PromptPart{.message = context.messages[0], .context = nullptr});
  };
  if (!shown.references.empty() && !in_place) {
    add(Rendered(Rendering::kTrailing, index, model, shown), shown.all_references);
  }
  const bool has_last = stage.kind == StageKind::kCritique || stage.kind == StageKind::kRoute ||
                        FeedbackOf(index) != nullptr;
  if (has_last) add(Rendered(Rendering::kLast, index, model, shown), LastIsShared(index));
  return input;
}

std::string StageInputs::FitNote(uint32_t index, const std::string& model) const {
  const Shown shown = ShownTo(index, model);
  uint32_t cut = 0;
  uint32_t dropped = 0;
  for (size_t i = 0; i < shown.kept.size(); ++i) {
    if (shown.kept[i] == 0) {
      ++dropped;
    } else if (shown.kept[i] < shown.whole[i]) {
      ++cut;
    }
  }
  if (cut + dropped == 0) return "";
  const uint64_t whole = std::accumulate(shown.whole.begin(), shown.whole.end(), uint64_t{0});
  const uint64_t kept = std::accumulate(shown.kept.begin(), shown.kept.end(), uint64_t{0});
  return absl::StrCat("to fit ", model, " (", models_->Find(model)->context_tokens, " tokens), of ",
                      shown.kept.size(), " texts ", cut, " are cut and ", dropped,
                      " left out: about ", kept, " of ", whole, " tokens are shown");
}

std::optional<uint64_t> SeedToSend(const Plan& plan, const PlannedTask& task, uint64_t job_seed) {
  const Agent& agent = *task.agent;
  if (agent.seed.has_value()) return *agent.seed + task.sample;
  if (agent.samples <= 1 && !plan.spec.seed.has_value()) return std::nullopt;
  // The agent's first task in the stage stands for it; 31 bits fit every JSON reader's integers.
  const uint64_t first = MixBits(job_seed ^ MixBits(task.index - task.sample)) >> 33;
  return first + task.sample;
}

// The finaliser of splitmix64.
uint64_t MixBits(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace moa
