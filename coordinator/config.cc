#include "coordinator/config.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/document/document.h"
#include "common/document/field.h"
#include "common/document/file.h"
#include "common/document/problems.h"
#include "common/jobfile/moa_fields.h"
#include "coordinator/convert/convert.h"
#include "coordinator/engine/plan.h"

namespace moa {
namespace {

constexpr size_t kConfigBytesMax = 4u << 20;
constexpr uint64_t kTokensMax = 1u << 30;
constexpr uint64_t kLimitMax = 1'000'000'000'000'000;
constexpr uint32_t kConcurrentMax = 1'000'000;
constexpr size_t kFingerprintBytesMax = 128;
constexpr double kSpeedMax = 1e9;
const char* const kEfforts[] = {"none", "low", "medium", "high"};

double NotNegative(Mapping& model, const char* name, const char* what) {
  const Field field = model[name];
  const std::optional<double> value = field.Number();
  if (value && (*value < 0 || *value > kSpeedMax)) {
    field.Report(absl::StrCat(what, " is from 0 to ", kSpeedMax));
  }
  return value.value_or(0);
}

uint32_t Tokens(Mapping& model, const char* name, uint32_t fallback = 0) {
  return static_cast<uint32_t>(model[name].Unsigned(1, kTokensMax).value_or(fallback));
}

void ReadEfforts(Mapping& model, ModelInfo* info) {
  for (const Field& item : model["reasoning_efforts"].Items()) {
    const std::optional<std::string> effort = item.String();
    if (!effort) continue;
    if (std::find(std::begin(kEfforts), std::end(kEfforts), *effort) == std::end(kEfforts)) {
      item.Report("must be none, low, medium or high");
    } else if (std::find(info->reasoning_efforts.begin(), info->reasoning_efforts.end(), *effort) !=
               info->reasoning_efforts.end()) {
      item.Report(absl::StrCat(*effort, " is there twice"));
    } else {
      info->reasoning_efforts.push_back(*effort);
    }
  }
  const Field field = model["default_reasoning_effort"];
  info->default_reasoning_effort = field.String().value_or("");
  const std::vector<std::string>& efforts = info->reasoning_efforts;
  if (field.present() &&
      std::find(efforts.begin(), efforts.end(), info->default_reasoning_effort) == efforts.end()) {
    field.Report("must be one of reasoning_efforts");
  }
}

void ReadModel(const Field& field, std::set<std::string>* ids, ModelTable* models) {
  Mapping model(field);
  const Field id_field = model.Required("id");
  const std::optional<std::string> id = id_field.String();
  ModelInfo info{
      .configured = true,
      .context_tokens = Tokens(model, "context_tokens"),
      .max_completion_tokens = Tokens(model, "max_completion_tokens"),
      .usd_per_million_prompt_tokens =
          NotNegative(model, "usd_per_million_prompt_tokens", "a price"),
      .usd_per_million_completion_tokens =
          NotNegative(model, "usd_per_million_completion_tokens", "a price"),
      .tokens_per_second = NotNegative(model, "tokens_per_second", "a speed"),
      .reservation_tokens_max = Tokens(model, "reservation_tokens_max", kReservationTokensMax)};
  ReadEfforts(model, &info);
  model.ReportUnknown();
  if (!id) return;
  if (id->empty() || *id == "*") return id_field.Report("is no id of a model");
  if (!ids->insert(*id).second) return id_field.Report(absl::StrCat(*id, " is there twice"));
  models->Configure(*id, info);
}

// REQUIRES: the models have been read.
void ReadAliases(const Field& field, ModelTable* models) {
  Mapping aliases(field);
  if (!aliases.present()) return;
  for (const Node& child : field.node().children) {
    const Field target = aliases[child.key];
    const std::optional<std::string> id = target.String();
    if (!id) continue;
    if (models->Find(child.key) != nullptr) {
      target.Report(absl::StrCat(child.key, " is a model of the table and cannot be an alias"));
    } else if (models->Find(*id) == nullptr) {
      const std::string suggestion = models->Suggest(*id);
      target.Report(
          absl::StrCat(*id, " is no model of the table",
                       suggestion.empty() ? "" : absl::StrCat("; did you mean ", suggestion, "?")));
    } else {
      models->Alias(child.key, *id);
    }
  }
}

void ReadLimits(Mapping& quota, QuotaConfig* limits) {
  const std::pair<const char*, std::optional<uint64_t>*> fields[] = {
      {"requests_per_minute", &limits->requests_per_minute},
      {"requests_per_hour", &limits->requests_per_hour},
      {"requests_per_day", &limits->requests_per_day},
      {"tokens_per_minute", &limits->tokens_per_minute},
      {"tokens_per_hour", &limits->tokens_per_hour},
      {"tokens_per_day", &limits->tokens_per_day},
      {"total_tokens_per_minute", &limits->total_tokens_per_minute}};
  bool any = false;
  for (const auto& [name, target] : fields) {
    const Field field = quota[name];
    any = any || field.present();
    *target = field.Unsigned(1, kLimitMax);
  }
  const Field concurrent = quota["max_concurrent"];
  if (const std::optional<uint64_t> value = concurrent.Unsigned(1, kConcurrentMax)) {
    limits->max_concurrent = static_cast<uint32_t>(*value);
  }
  if (!any && !concurrent.present()) {
    quota.field().Report("has no limit; name requests_per_minute, tokens_per_minute or another");
  }
  const Field total = quota["total_tokens_per_minute"];
  if (limits->total_tokens_per_minute && limits->tokens_per_minute &&
      *limits->total_tokens_per_minute < *limits->tokens_per_minute) {
    total.Report("counts cached tokens too, and so cannot be below tokens_per_minute");
  }
}

// REQUIRES: models and aliases have been read.
void ReadQuota(const Field& field, CoordinatorConfig* config) {
  Mapping quota(field);
  QuotaConfig limits;
  const Field model = quota["model"];
  limits.model = std::string(config->models.Canonical(model.String().value_or("*")));
  if (model.present() && limits.model != "*" && config->models.Find(limits.model) == nullptr) {
    const std::string suggestion = config->models.Suggest(limits.model);
    model.Report(absl::StrCat(
        limits.model, " is no model of the table",
        suggestion.empty() ? ", and not *" : absl::StrCat("; did you mean ", suggestion, "?")));
  }
  const Field key = quota["key"];
  limits.key = key.String().value_or("*");
  if (key.present() && (limits.key.empty() || limits.key.size() > kFingerprintBytesMax)) {
    key.Report("is neither a fingerprint nor *");
  }
  // A mistake that would put a secret into a file that is not kept like one.
  if (limits.key.rfind("csk-", 0) == 0) {
    key.Report("is an API key; give its fingerprint, and keep keys out of this file");
  }
  ReadLimits(quota, &limits);
  quota.ReportUnknown();
  if (!quota.present()) return;
  const auto same = [&](const QuotaConfig& other) {
    return other.model == limits.model && other.key == limits.key;
  };
  if (std::any_of(config->quotas.begin(), config->quotas.end(), same)) {
    return field.Report(absl::StrCat("model ", limits.model, " with this key has a quota already"));
  }
  config->quotas.push_back(std::move(limits));
}

// A preset must be sound on its own: what a job adds is its conversation. REQUIRES: models and aliases have been read.
void CheckPreset(const Field& field, const v1::Preset& preset, const ModelTable& models) {
  v1::Moa moa = preset.moa();
  JobSpec spec{.messages = {{.role = Role::kUser, .content = Text("?")}},
               .moa = MoaFromProto(&moa)};
  ReplaceAliases(models, &spec.moa);
  for (const Violation& violation : Validate(spec, models, {})) {
    field.Report(absl::StrCat(violation.field, ": ", violation.description));
  }
}

void ReadOwnPresets(const Field& list, CoordinatorConfig* config, const Problems& problems) {
  const size_t before = problems.total();
  std::vector<v1::Preset> own = ReadPresets(list);
  if (problems.total() != before) return;
  const std::vector<Field> items = list.Items();
  for (size_t i = 0; i < own.size(); ++i) {
    CheckPreset(items[i], own[i], config->models);
    const auto same = [&](const v1::Preset& other) { return other.name() == own[i].name(); };
    std::vector<v1::Preset>& all = config->presets;
    all.erase(std::remove_if(all.begin(), all.end(), same), all.end());
    all.push_back(std::move(own[i]));
  }
  std::sort(config->presets.begin(), config->presets.end(),
            [](const v1::Preset& a, const v1::Preset& b) { return a.name() < b.name(); });
}

}  // namespace

absl::StatusOr<CoordinatorConfig> ReadCoordinatorConfig(const std::string& path) {
  CoordinatorConfig config;
  if (path.empty()) return config;
  MOA_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kConfigBytesMax));
  Problems problems;
  const std::optional<Document> document = ReadDocument(text, path, problems);
  if (document) {
    Mapping root(Field::Root(*document, problems));
    std::set<std::string> ids;
    for (const Field& model : root["models"].Items()) ReadModel(model, &ids, &config.models);
    ReadAliases(root["aliases"], &config.models);
    for (const Field& quota : root["quotas"].Items()) ReadQuota(quota, &config);
    ReadOwnPresets(root["presets"], &config, problems);
    root.ReportUnknown();
  }
  problems.SortByLine();
  MOA_RETURN_IF_ERROR(problems.ToStatus());
  return config;
}

}  // namespace moa
