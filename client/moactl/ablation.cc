#include "client/moactl/ablation.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/json/object_writer.h"
#include "client/tuner/leave_out.h"
#include "common/base/display_text.h"
#include "common/document/document.h"
#include "common/document/problems.h"

namespace moa {
namespace {

constexpr double kSingleScoreDifference = 0.5;
// Scores have few decimals; what is less comes of adding them up.
constexpr double kRounding = 1e-9;
constexpr uint32_t kRatingTokens = 1500;

constexpr absl::string_view kRater =
    "You rate replies to a conversation for the person who asked: whether they are correct, meet "
    "every part of the "
    "request, and can be used as they stand. Recheck what decides; do not reward length or "
    "confidence. Use the whole "
    "scale from 0 (of no use) to 10 (could not be better), with one decimal.";

std::optional<v1::JobSpec> Without(const v1::JobSpec& spec, int layer, int agent) {
  v1::JobSpec job = spec;
  LeaveOut(*job.mutable_moa(), layer, agent);
  if (job.moa().layers().empty() && job.moa().best_answer()) return std::nullopt;
  return job;
}

absl::string_view HeadingOf(v1::Role role) {
  if (role == v1::ROLE_SYSTEM || role == v1::ROLE_DEVELOPER) return "[Instruction]\n";
  if (role == v1::ROLE_ASSISTANT) return "[Earlier reply]\n";
  return role == v1::ROLE_TOOL ? "[Result of a tool]\n" : "[Person]\n";
}

// A text and the calls of tools that were asked for with it.
template <typename Reply>
std::string TextOf(const Reply& reply) {
  std::string text = reply.content();
  for (const v1::ToolCall& call : reply.tool_calls()) {
    absl::StrAppend(&text, text.empty() ? "" : "\n", "calls ", call.name(), "(", call.arguments(),
                    ")");
  }
  return text;
}

}  // namespace

std::vector<Ablation> AblationsOf(const v1::Job& job) {
  std::vector<Ablation> ablations;
  const v1::Moa& moa = job.spec().moa();
  for (int l = 0; l < moa.layers_size(); ++l) {
    for (int a = 0; a < moa.layers(l).agents_size(); ++a) {
      Ablation& ablation = ablations.emplace_back();
      ablation.layer = static_cast<uint32_t>(l) + 1;
      ablation.agent = moa.layers(l).agents(a).name();
      ablation.model = moa.layers(l).agents(a).model();
      ablation.without = Without(job.spec(), l, a);
    }
  }
  for (const v1::LayerResult& layer : job.layers()) {
    for (const v1::TaskResult& task : layer.tasks()) {
      for (Ablation& ablation : ablations) {
        if (ablation.layer != layer.layer() || ablation.agent != task.task().agent()) continue;
        ablation.calls += task.attempts();
        const v1::Usage& used = task.completion().usage();
        ablation.tokens += used.prompt_tokens() + used.completion_tokens() +
                           task.wasted().prompt_tokens() + task.wasted().completion_tokens();
        ablation.share_of_answer = std::max(ablation.share_of_answer, task.share_of_answer());
        ablation.novelty = std::max(ablation.novelty, task.novelty());
      }
    }
  }
  return ablations;
}

v1::JobSpec RunAgain(const v1::JobSpec& spec, uint64_t seed) {
  v1::JobSpec job = spec;
  job.clear_follows();  // its conversation holds what was before
  job.clear_preset();   // … and its MoA what the preset said
  job.set_seed(job.has_seed() ? job.seed() + seed : seed);
  return job;
}

v1::JobSpec RatingJob(const v1::JobSpec& spec, absl::string_view answer, const std::string& model) {
  v1::JobSpec job;
  job.set_name("rating");
  job.set_tenant(spec.tenant());
  v1::Message* message = job.add_messages();
  message->set_role(v1::ROLE_USER);
  message->set_content(absl::StrCat(
      "The conversation:\n\n", ConversationText(spec), "[Answer]\n", answer,
      "\n\n[End of the answer]\n\nReply with one JSON object and nothing else: "
      R"({"score": a number from 0 to 10, "feedback": "one sentence that says why"}.)"));
  v1::Agent* rater = job.mutable_moa()->mutable_aggregator();
  rater->set_name("rater");
  rater->set_model(model);
  rater->set_system_prompt(std::string(kRater));
  rater->set_temperature(0);
  rater->set_max_completion_tokens(kRatingTokens);
  v1::ResponseFormat* format = rater->mutable_response_format();
  format->set_type(v1::ResponseFormat::JSON_SCHEMA);
  format->set_name("verdict");
  format->set_strict(true);
  format->set_schema(
      R"({"type":"object","properties":{"score":{"type":"number"},"feedback":{"type":"string"}},)"
      R"("required":["score","feedback"],"additionalProperties":false})");
  return job;
}

std::string ConversationText(const v1::JobSpec& spec) {
  std::string text;
  for (const v1::Message& message : spec.messages()) {
    absl::StrAppend(&text, HeadingOf(message.role()), TextOf(message), "\n\n");
  }
  return text;
}

std::string RatedText(const v1::Completion& answer) { return TextOf(answer); }

std::optional<double> RatingOf(absl::string_view reply) {
  const size_t begin = reply.find('{');
  const size_t end = reply.rfind('}');
  if (begin == absl::string_view::npos || end == absl::string_view::npos || end < begin) {
    return std::nullopt;
  }
  Problems problems;
  const std::optional<Document> document =
      ReadJson(reply.substr(begin, end - begin + 1), "rating", problems);
  const Node* score = document ? document->root.Find("score") : nullptr;
  double value = 0;
  if (score == nullptr || score->kind != NodeKind::kScalar ||
      !absl::SimpleAtod(score->text, &value) || !std::isfinite(value)) {
    return std::nullopt;
  }
  return std::clamp(value, 0.0, 10.0);
}

std::string AblationVerdict(const Scores& baseline, const Scores& without) {
  if (baseline.values.empty() || without.values.empty()) return "?";
  const double error = std::hypot(baseline.standard_error(), without.standard_error());
  const bool single = baseline.values.size() < 2 || without.values.size() < 2;
  const double noise = single ? kSingleScoreDifference : 2 * error;
  const double difference = without.mean() - baseline.mean();
  if (std::abs(difference) <= noise + kRounding) return "no difference";
  return difference < 0 ? "earns its cost" : "harms";
}

std::vector<StyledLine> AblationTable(const Scores& baseline,
                                      const std::vector<AblationRow>& rows) {
  const auto spread = [](const Scores& scores) {
    if (scores.values.empty()) return std::string("-");
    return absl::StrFormat("%.2f ± %.2f", scores.mean(), scores.standard_error());
  };
  TextTable table({3, 4, 5, 6, 7, 8});
  StyledLine header;
  for (const char* title : {"layer", "agent", "model", "calls", "tokens", "share", "novelty",
                            "score without", "difference", "verdict"}) {
    header.push_back({title, Style::kBold});
  }
  table.Add(std::move(header));
  for (const AblationRow& row : rows) {
    const std::string verdict =
        row.agent.without ? AblationVerdict(baseline, row.without) : "the job needs it";
    const bool compared = !row.without.values.empty() && !baseline.values.empty();
    table.Add({{absl::StrCat(row.agent.layer)},
               {OneLine(row.agent.agent)},
               {OneLine(row.agent.model), Style::kDim},
               {absl::StrCat(row.agent.calls)},
               {WithThousands(row.agent.tokens)},
               {absl::StrFormat("%.0f%%", row.agent.share_of_answer * 100)},
               {absl::StrFormat("%.0f%%", row.agent.novelty * 100)},
               {spread(row.without)},
               {compared ? absl::StrFormat("%+.2f", row.without.mean() - baseline.mean()) : "-"},
               {verdict, verdict == "earns its cost" ? Style::kGreen
                         : verdict == "harms"        ? Style::kRed
                                                     : Style::kPlain}});
  }
  std::vector<StyledLine> lines = table.Lines();
  lines.push_back(
      {{absl::StrCat("with all agents: ", spread(baseline), " (mean and standard error of ",
                     baseline.values.size(), " runs)")}});
  return lines;
}

std::string AblationJson(const std::string& job_id, const std::string& rater,
                         const Scores& baseline, const std::vector<AblationRow>& rows,
                         const v1::JobUsage& spent) {
  ObjectWriter out;
  const auto write_scores = [&](const char* key, const Scores& scores) {
    out.BeginObject(key);
    if (!scores.values.empty()) out.Number("mean", scores.mean());
    out.Number("standard_error", scores.standard_error());
    out.Count("runs", scores.values.size());
    out.EndObject();
  };
  out.BeginObject();
  out.Text("job_id", job_id);
  out.Text("rater", rater);
  write_scores("score", baseline);
  out.BeginArray("agents");
  for (const AblationRow& row : rows) {
    out.BeginObject();
    out.Count("layer", row.agent.layer);
    out.Text("agent", row.agent.agent);
    out.Text("model", row.agent.model);
    out.Count("calls", row.agent.calls);
    out.Count("tokens", row.agent.tokens);
    out.Number("share_of_answer", row.agent.share_of_answer);
    out.Number("novelty", row.agent.novelty);
    write_scores("score_without", row.without);
    if (!row.without.values.empty() && !baseline.values.empty()) {
      out.Number("difference", row.without.mean() - baseline.mean());
    }
    out.Text("verdict",
             row.agent.without ? AblationVerdict(baseline, row.without) : "the job needs it");
    out.EndObject();
  }
  out.EndArray();
  out.BeginObject("spent");
  out.Count("upstream_calls", spent.upstream_calls());
  out.Count("prompt_tokens", spent.tokens().prompt_tokens());
  out.Count("completion_tokens", spent.tokens().completion_tokens());
  out.Number("cost_usd", spent.cost_usd());
  out.EndObject();
  out.EndObject();
  return out.Take();
}

}  // namespace moa
