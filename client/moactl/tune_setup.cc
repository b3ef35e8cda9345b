#include "client/moactl/tune_setup.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/json/job_json.h"
#include "client/json/object_writer.h"
#include "client/moactl/ablation.h"
#include "common/base/status_macros.h"
#include "common/document/field.h"
#include "common/hash/sha256.h"
#include "common/jobfile/job_file.h"

namespace moa {
namespace {

constexpr size_t kDigestDigits = 8;

struct Searchable {
  const char* name;
  bool SpaceOptions::*searched;
};
constexpr Searchable kSearchables[] = {
    {"models", &SpaceOptions::models},   {"temperatures", &SpaceOptions::temperatures},
    {"agents", &SpaceOptions::agents},   {"cycles", &SpaceOptions::cycles},
    {"prompts", &SpaceOptions::prompts}, {"samples", &SpaceOptions::samples},
    {"efforts", &SpaceOptions::efforts}};

void SetSearched(const std::vector<std::string>& names, SpaceOptions& space) {
  for (const Searchable& searchable : kSearchables) {
    space.*searchable.searched =
        std::find(names.begin(), names.end(), searchable.name) != names.end();
  }
}

std::vector<std::string> Searched(const SpaceOptions& space) {
  std::vector<std::string> names;
  for (const Searchable& searchable : kSearchables) {
    if (space.*searchable.searched) names.emplace_back(searchable.name);
  }
  return names;
}

std::string GraderLabel(const v1::Grader& grader) {
  if (grader.definition().empty()) return grader.name();
  return absl::StrCat(grader.name().empty() ? "file" : grader.name(), "@",
                      Sha256Hex(grader.definition()).substr(0, kDigestDigits));
}

std::set<std::string> ModelsOf(const v1::Moa& moa) {
  std::set<std::string> models;
  for (const v1::Layer& layer : moa.layers()) {
    for (const v1::Agent& agent : layer.agents()) models.insert(agent.model());
  }
  if (!moa.best_answer()) models.insert(moa.aggregator().model());
  return models;
}

ModelChoice ChoiceOf(const v1::Model& model) {
  return {model.id(), {model.reasoning_efforts().begin(), model.reasoning_efforts().end()}};
}

const v1::Model* FindModel(const std::vector<v1::Model>& models, const std::string& name) {
  for (const v1::Model& model : models) {
    const auto& aliases = model.aliases();
    if (model.id() == name || std::find(aliases.begin(), aliases.end(), name) != aliases.end()) {
      return &model;
    }
  }
  return nullptr;
}

absl::Status UnknownModel(absl::string_view flag, const std::string& name,
                          const std::vector<v1::Model>& models) {
  std::vector<std::string> names;
  names.reserve(models.size());
  for (const v1::Model& model : models) names.push_back(model.id());
  const std::string near = NearestWord(name, names);
  return absl::InvalidArgumentError(absl::StrCat(
      flag, ": there is no model \"", name, "\"",
      near.empty() ? "; moactl models lists them" : absl::StrCat("; did you mean ", near, "?")));
}

// Those that agents may get, without the others' efforts unless the base has them.
absl::StatusOr<std::vector<ModelChoice>> Offered(const TuneArguments& arguments,
                                                 const v1::Moa& base,
                                                 const std::vector<v1::Model>& models) {
  std::vector<ModelChoice> offered;
  const auto offer = [&](const v1::Model& model) {
    const bool known = std::any_of(offered.begin(), offered.end(),
                                   [&](const ModelChoice& one) { return one.id == model.id(); });
    if (!known) offered.push_back(ChoiceOf(model));
  };
  for (const std::string& name : ModelsOf(base)) {
    if (const v1::Model* model = FindModel(models, name)) offer(*model);
  }
  for (const std::string& name : arguments.models) {
    if (name == "all") {
      for (const v1::Model& model : models) offer(model);
      continue;
    }
    const v1::Model* model = FindModel(models, name);
    if (model == nullptr) return UnknownModel("--models", name, models);
    offer(*model);
  }
  return offered;
}

std::vector<std::string> Texts(const Field& list) {
  std::vector<std::string> texts;
  for (const Field& item : list.Items()) texts.push_back(item.String().value_or(""));
  return texts;
}

uint32_t Count32(const Field& field) {
  return static_cast<uint32_t>(field.Unsigned(0, std::numeric_limits<uint32_t>::max()).value_or(0));
}

void ReadOptions(Mapping& o, StudyOptions& options) {
  options.seed = o.Required("seed").Unsigned().value_or(0);
  options.trials = o.Required("trials").Unsigned().value_or(0);
  options.parallel = Count32(o.Required("parallel"));
  options.sampler =
      o.Required("sampler").String() == "random" ? SamplerKind::kRandom : SamplerKind::kSurrogate;
  SetSearched(Texts(o.Required("search")), options.space);
  for (const Field& item : o.Required("models").Items()) {
    Mapping model(item);
    ModelChoice& choice = options.space.offered.emplace_back();
    choice.id = model.Required("id").String().value_or("");
    choice.efforts = Texts(model.Required("efforts"));
  }
  options.space.fixed = Texts(o.Required("fixed"));
  options.reflector = o.Required("rewriter").String().value_or("");
  options.reflect_every = o.Required("rewrite_every").Unsigned().value_or(0);
  options.tokens_max = o.Required("tokens_max").Unsigned().value_or(0);
  options.cost_usd_max = o.Required("cost_usd_max").Number().value_or(0);
  options.space.temperature_max = o.Required("temperature_max").Number().value_or(0);
  options.space.samples_max = Count32(o.Required("samples_max"));
  options.space.cycles_max = Count32(o.Required("cycles_max"));
  options.space.prompts_max = Count32(o.Required("prompts_max"));
  o.ReportUnknown();
}

// What follows from job and grader.
void Derive(TuneSetup& setup) {
  setup.options.base = setup.job.moa();
  setup.options.task = std::string(absl::StripTrailingAsciiWhitespace(ConversationText(setup.job)));
  setup.options.job = JobSpecJson(setup.job);
  setup.options.grader = GraderLabel(setup.grader);
}

}  // namespace

const std::vector<std::string>& SearchNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Searchable& searchable : kSearchables) all.emplace_back(searchable.name);
    return all;
  }();
  return names;
}

absl::StatusOr<TuneSetup> SetUpTune(const TuneArguments& arguments, v1::JobSpec job,
                                    v1::Grader grader, const std::vector<v1::Model>& models) {
  TuneSetup setup{.job = std::move(job), .grader = std::move(grader)};
  StudyOptions& options = setup.options;
  options.seed = arguments.seed;
  options.trials = arguments.trials;
  options.parallel = arguments.parallel;
  options.sampler = arguments.sampler == "random" ? SamplerKind::kRandom : SamplerKind::kSurrogate;
  if (!arguments.search.empty()) SetSearched(arguments.search, options.space);
  const v1::Moa& moa = setup.job.moa();
  MOA_ASSIGN_OR_RETURN(options.space.offered, Offered(arguments, moa, models));
  options.space.fixed = arguments.fixed;
  options.space.temperature_max = arguments.temperature_max;
  options.space.samples_max = arguments.samples_max;
  options.space.cycles_max = arguments.cycles_max;
  options.space.prompts_max = arguments.prompts_max;
  options.reflector = arguments.rewriter;
  if (!options.reflector.empty()) {
    const v1::Model* model = FindModel(models, options.reflector);
    if (model == nullptr) return UnknownModel("--rewriter", options.reflector, models);
    options.reflector = model->id();
  } else {
    options.reflector = moa.best_answer() ? *ModelsOf(moa).begin() : moa.aggregator().model();
  }
  options.reflect_every = arguments.rewrite_every;
  options.tokens_max = arguments.tokens_max;
  options.cost_usd_max = arguments.cost_usd_max;
  Derive(setup);
  const absl::StatusOr<Space> space = Space::Create(options.base, options.space);
  if (!space.ok()) {
    const bool fixed = absl::StartsWith(space.status().message(), "there is no agent");
    return absl::InvalidArgumentError(
        absl::StrCat(fixed ? "--fix: " : "--search: ", space.status().message()));
  }
  options.origin = SetupJson(setup);
  return setup;
}

std::string SetupJson(const TuneSetup& setup) {
  const StudyOptions& options = setup.options;
  ObjectWriter out;
  const auto write_texts = [&](const char* key, const std::vector<std::string>& texts) {
    out.BeginArray(key);
    for (const std::string& text : texts) out.Text(nullptr, text);
    out.EndArray();
  };
  out.BeginObject();
  out.Raw("job", JobSpecJson(setup.job));
  out.BeginObject("grader");
  out.Text("name", setup.grader.name());
  out.Text("definition", setup.grader.definition());
  out.EndObject();
  out.BeginObject("tune");
  out.Count("seed", options.seed);
  out.Count("trials", options.trials);
  out.Count("parallel", options.parallel);
  out.Text("sampler", options.sampler == SamplerKind::kSurrogate ? "gp" : "random");
  write_texts("search", Searched(options.space));
  out.BeginArray("models");
  for (const ModelChoice& model : options.space.offered) {
    out.BeginObject();
    out.Text("id", model.id);
    write_texts("efforts", model.efforts);
    out.EndObject();
  }
  out.EndArray();
  write_texts("fixed", options.space.fixed);
  out.Text("rewriter", options.reflector);
  out.Count("rewrite_every", options.reflect_every);
  out.Count("tokens_max", options.tokens_max);
  out.Number("cost_usd_max", options.cost_usd_max);
  out.Number("temperature_max", options.space.temperature_max);
  out.Count("samples_max", options.space.samples_max);
  out.Count("cycles_max", options.space.cycles_max);
  out.Count("prompts_max", options.space.prompts_max);
  out.EndObject();
  out.EndObject();
  return out.Take();
}

absl::StatusOr<TuneSetup> ReadSetup(absl::string_view json) {
  Problems problems;
  const std::optional<Document> document = ReadJson(json, "origin", problems);
  if (!document) return problems.ToStatus();
  Mapping root(Field::Root(*document, problems));
  TuneSetup setup;
  const Field job = root.Required("job");
  Mapping grader(root.Required("grader"));
  setup.grader.set_name(grader.Required("name").String().value_or(""));
  setup.grader.set_definition(grader.Required("definition").String().value_or(""));
  Mapping tune(root.Required("tune"));
  ReadOptions(tune, setup.options);
  root.ReportUnknown();
  if (!problems.empty()) return problems.ToStatus();
  const Document job_document{"origin", Format::kJson, job.node()};
  setup.job = ReadJobSpec(job_document, problems);
  if (!problems.empty()) return problems.ToStatus();
  Derive(setup);
  setup.options.origin = SetupJson(setup);
  return setup;
}

}  // namespace moa
