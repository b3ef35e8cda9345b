#include "coordinator/config.h"

#include <optional>
#include <utility>

#include "common/base/status_macros.h"
#include "common/document/document.h"
#include "common/document/field.h"
#include "common/document/file.h"
#include "common/document/problems.h"

namespace moa {
namespace {

constexpr size_t kConfigBytesMax = 4u << 20;
constexpr uint64_t kTokensMax = 1u << 30;

double Price(Mapping& model, const char* name) {
  const Field field = model[name];
  const std::optional<double> price = field.Number();
  if (price && *price < 0) field.Report("a price is not negative");
  return price.value_or(0);
}

void ReadModel(const Field& field, ModelTable* models) {
  Mapping model(field);
  const std::optional<std::string> id = model.Required("id").String();
  ModelInfo info{
      .configured = true,
      .context_tokens =
          static_cast<uint32_t>(model["context_tokens"].Unsigned(1, kTokensMax).value_or(0)),
      .max_completion_tokens =
          static_cast<uint32_t>(model["max_completion_tokens"].Unsigned(1, kTokensMax).value_or(0)),
      .usd_per_million_prompt_tokens = Price(model, "usd_per_million_prompt_tokens"),
      .usd_per_million_completion_tokens = Price(model, "usd_per_million_completion_tokens")};
  model.ReportUnknown();
  if (id) models->Configure(*id, info);
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
    for (const Field& model : root["models"].Items()) ReadModel(model, &config.models);
    root.ReportUnknown();
  }
  problems.SortByLine();
  MOA_RETURN_IF_ERROR(problems.ToStatus());
  return config;
}

}  // namespace moa
