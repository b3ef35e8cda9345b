#include "client/tuner/study_options.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/json/moa_json.h"
#include "common/hash/sha256.h"

namespace moa {
namespace {

constexpr size_t kDigestDigits = 16;

std::string Digest(const std::string& text) { return Sha256Hex(text).substr(0, kDigestDigits); }

bool IsShare(double value) { return value >= 0 && value < 1; }

std::string SearchedText(const SpaceOptions& space) {
  std::vector<std::string> names;
  for (const auto& [searched, name] : {std::pair{space.models, "models"},
                                       {space.temperatures, "temperatures"},
                                       {space.agents, "agents"},
                                       {space.cycles, "cycles"},
                                       {space.prompts, "prompts"},
                                       {space.samples, "samples"},
                                       {space.efforts, "efforts"}}) {
    if (searched) names.emplace_back(name);
  }
  return absl::StrJoin(names, ",");
}

std::string ModelsText(const SpaceOptions& space) {
  std::vector<std::string> models;
  for (const ModelChoice& model : space.offered) {
    models.push_back(model.efforts.empty()
                         ? model.id
                         : absl::StrCat(model.id, "(", absl::StrJoin(model.efforts, "|"), ")"));
  }
  return absl::StrJoin(models, ",");
}

}  // namespace

absl::Status CheckOptions(const StudyOptions& options) {
  const auto wrong = [](auto... parts) {
    return absl::InvalidArgumentError(absl::StrCat(parts...));
  };
  if (options.trials < 1 || options.trials > kTrialsMax) {
    return wrong("trials: must be 1 to ", kTrialsMax, ", not ", options.trials);
  }
  if (options.parallel < 1 || options.parallel > kParallelMax) {
    return wrong("parallel: must be 1 to ", kParallelMax, ", not ", options.parallel);
  }
  if (options.rungs.empty() || options.rungs[0] != 1) {
    return wrong("rungs: the first must be 1: a new configuration is run once");
  }
  for (size_t i = 1; i < options.rungs.size(); ++i) {
    if (options.rungs[i] <= options.rungs[i - 1]) {
      return wrong("rungs: must rise, but ", options.rungs[i], " follows ", options.rungs[i - 1]);
    }
  }
  if (!(options.promote_share > 0 && options.promote_share <= 1)) {
    return wrong("promote_share: must be above 0 and at most 1, not ", options.promote_share);
  }
  if (!IsShare(options.confirm_share) || !IsShare(options.ablate_share) ||
      !IsShare(options.confirm_share + options.ablate_share)) {
    return wrong("confirm_share and ablate_share: must be 0 or more, together below 1");
  }
  if (!(options.cost_usd_max >= 0) || std::isinf(options.cost_usd_max)) {
    return wrong("cost_usd_max: must be 0 or more");
  }
  if (!(options.space.temperature_max > 0 && options.space.temperature_max <= 2)) {
    return wrong("temperature_max: must be above 0 and at most 2, not ",
                 options.space.temperature_max);
  }
  return absl::OkStatus();
}

std::vector<std::pair<std::string, std::string>> DescribeOptions(const StudyOptions& options) {
  const SpaceOptions& space = options.space;
  return {{"base", Digest(MoaJson(options.base))},
          {"task", Digest(options.task)},
          {"job", Digest(options.job)},
          {"grader", options.grader},
          {"seed", absl::StrCat(options.seed)},
          {"trials", absl::StrCat(options.trials)},
          {"parallel", absl::StrCat(options.parallel)},
          {"sampler", options.sampler == SamplerKind::kSurrogate ? "gp" : "random"},
          {"search", SearchedText(space)},
          {"models", ModelsText(space)},
          {"fixed", absl::StrJoin(space.fixed, ",")},
          {"reflector", options.reflector},
          {"reflect_every", absl::StrCat(options.reflect_every)},
          {"tokens_max", absl::StrCat(options.tokens_max)},
          {"cost_usd_max", absl::StrCat(options.cost_usd_max)},
          {"start", absl::StrCat(options.start)},
          {"rungs", absl::StrJoin(options.rungs, ",")},
          {"promote_share", absl::StrCat(options.promote_share)},
          {"confirm_share", absl::StrCat(options.confirm_share)},
          {"ablate_share", absl::StrCat(options.ablate_share)},
          {"limits", absl::StrCat("temperature ", space.temperature_max, ", samples ",
                                  space.samples_max, ", cycles ", space.cycles_max, ", prompts ",
                                  space.prompts_max, " of ", space.prompt_bytes_max, " bytes")}};
}

}  // namespace moa
