#include "common/jobfile/moa_fields.h"

#include <cstdint>
#include <limits>
#include <utility>

namespace moa {
namespace {

constexpr uint64_t kUint32Max = std::numeric_limits<uint32_t>::max();

constexpr std::pair<const char*, v1::Match> kMatches[] = {
    {"text", v1::MATCH_TEXT}, {"last_line", v1::MATCH_LAST_LINE}, {"number", v1::MATCH_NUMBER}};
constexpr std::pair<const char*, v1::Critique::Scope> kScopes[] = {{"each", v1::Critique::EACH},
                                                                   {"all", v1::Critique::ALL}};
constexpr std::pair<const char*, v1::Critique::Verdict> kVerdicts[] = {
    {"accept", v1::Critique::ACCEPT}, {"score", v1::Critique::SCORE}};
constexpr std::pair<const char*, v1::Critique::Feedback> kFeedbacks[] = {
    {"own", v1::Critique::OWN}, {"all", v1::Critique::ALL_ANSWERS}, {"none", v1::Critique::NONE}};
constexpr std::pair<const char*, v1::References::Placement> kPlacements[] = {
    {"auto", v1::References::AUTO},
    {"trailing", v1::References::TRAILING},
    {"system", v1::References::SYSTEM}};

// A whole number from `min` on, into `set`.
template <typename Set>
void ReadCount(const Field& field, uint64_t min, Set set) {
  if (auto v = field.Unsigned(min, kUint32Max)) set(static_cast<uint32_t>(*v));
}

v1::Quorum ReadQuorum(const Field& field, MoaForm form) {
  v1::Quorum quorum;
  Mapping m(field);
  ReadCount(form == MoaForm::kWhole ? m.Required("min") : m["min"], 1,
            [&](uint32_t v) { quorum.set_min(v); });
  if (auto v = m["grace"].Duration()) *quorum.mutable_grace() = DurationToProto(*v);
  m.ReportUnknown();
  return quorum;
}

v1::Enough ReadEnough(const Field& field, MoaForm form) {
  v1::Enough enough;
  Mapping m(field);
  const Field answers = form == MoaForm::kWhole ? m.Required("answers") : m["answers"];
  ReadCount(answers, 1, [&](uint32_t v) { enough.set_answers(v); });
  if (auto v = m["confidence"].Number()) enough.set_confidence(*v);
  m.ReportUnknown();
  return enough;
}

v1::Route ReadRoute(const Field& field, MoaForm form) {
  v1::Route route;
  Mapping m(field);
  const bool whole = form == MoaForm::kWhole;
  const Field router = whole ? m.Required("router") : m["router"];
  if (router.present()) *route.mutable_router() = ReadAgent(router, form, false);
  ReadCount(whole ? m.Required("top") : m["top"], 1, [&](uint32_t v) { route.set_top(v); });
  m.ReportUnknown();
  return route;
}

v1::Escalation ReadEscalation(const Field& field) {
  v1::Escalation escalation;
  Mapping m(field);
  ReadCount(m["max_completion_tokens"], 1,
            [&](uint32_t v) { escalation.set_max_completion_tokens(v); });
  if (auto v = m["reasoning_effort"].String()) escalation.set_reasoning_effort(*v);
  if (auto v = m["temperature"].Number()) escalation.set_temperature(*v);
  m.ReportUnknown();
  return escalation;
}

v1::Critique ReadCritique(const Field& field, MoaForm form) {
  v1::Critique critique;
  Mapping m(field);
  const Field critics = form == MoaForm::kWhole ? m.Required("critics") : m["critics"];
  for (const Field& critic : critics.Items())
    *critique.add_critics() = ReadAgent(critic, form, true);
  critique.set_scope(ReadWord(m["scope"], kScopes, v1::Critique::EACH));
  critique.set_verdict(ReadWord(m["verdict"], kVerdicts, v1::Critique::ACCEPT));
  ReadCount(m["keep"], 1, [&](uint32_t v) { critique.set_keep(v); });
  if (auto v = m["accept_score"].Number()) critique.set_accept_score(*v);
  ReadCount(m["accept_min"], 1, [&](uint32_t v) { critique.set_accept_min(v); });
  ReadCount(m["rounds"], 1, [&](uint32_t v) { critique.set_rounds(v); });
  critique.set_feedback(ReadWord(m["feedback"], kFeedbacks, v1::Critique::OWN));
  for (const Field& step : m["escalate"].Items()) *critique.add_escalate() = ReadEscalation(step);
  if (auto v = m["may_end"].Bool()) critique.set_may_end(*v);
  m.ReportUnknown();
  return critique;
}

v1::Vote ReadVote(const Field& field) {
  v1::Vote vote;
  Mapping m(field);
  vote.set_match(ReadWord(m["match"], kMatches, v1::MATCH_TEXT));
  ReadCount(m["min_agree"], 1, [&](uint32_t v) { vote.set_min_agree(v); });
  m.ReportUnknown();
  return vote;
}

v1::EarlyExit ReadEarlyExit(const Field& field, MoaForm form) {
  v1::EarlyExit early_exit;
  Mapping m(field);
  early_exit.set_match(ReadWord(m["match"], kMatches, v1::MATCH_TEXT));
  const Field agree = form == MoaForm::kWhole ? m.Required("min_agree") : m["min_agree"];
  ReadCount(agree, 1, [&](uint32_t v) { early_exit.set_min_agree(v); });
  m.ReportUnknown();
  return early_exit;
}

v1::Layer ReadLayer(const Field& field, MoaForm form) {
  v1::Layer layer;
  Mapping m(field);
  const Field agents = form == MoaForm::kWhole ? m.Required("agents") : m["agents"];
  for (const Field& agent : agents.Items()) *layer.add_agents() = ReadAgent(agent, form, true);
  ReadCount(m["cycles"], 1, [&](uint32_t v) { layer.set_cycles(v); });
  if (const Field f = m["quorum"]; f.present()) *layer.mutable_quorum() = ReadQuorum(f, form);
  if (const Field f = m["enough"]; f.present()) *layer.mutable_enough() = ReadEnough(f, form);
  if (const Field f = m["route"]; f.present()) *layer.mutable_route() = ReadRoute(f, form);
  if (const Field f = m["critique"]; f.present()) *layer.mutable_critique() = ReadCritique(f, form);
  if (const Field f = m["vote"]; f.present()) *layer.mutable_vote() = ReadVote(f);
  if (const Field f = m["early_exit"]; f.present()) {
    *layer.mutable_early_exit() = ReadEarlyExit(f, form);
  }
  m.ReportUnknown();
  return layer;
}

v1::References ReadReferences(const Field& field) {
  v1::References references;
  Mapping m(field);
  references.set_placement(ReadWord(m["placement"], kPlacements, v1::References::AUTO));
  ReadCount(m["first_number"], 0, [&](uint32_t v) { references.set_first_number(v); });
  if (auto v = m["shuffle"].Bool()) references.set_shuffle(*v);
  if (auto v = m["drop_similar"].Number()) references.set_drop_similar(*v);
  if (auto v = m["template"].String()) references.set_template_(*std::move(v));
  m.ReportUnknown();
  return references;
}

}  // namespace

google::protobuf::Duration DurationToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  absl::Duration rest;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  proto.set_nanos(static_cast<int32_t>(rest / absl::Nanoseconds(1)));
  return proto;
}

v1::Moa ReadMoa(const Field& field, MoaForm form) {
  v1::Moa moa;
  Mapping m(field);
  for (const Field& layer : m["layers"].Items()) *moa.add_layers() = ReadLayer(layer, form);
  if (const Field f = m["references"]; f.present()) *moa.mutable_references() = ReadReferences(f);
  constexpr std::pair<const char*, bool> kAnswers[] = {{"best", true}};
  const Field answer = m["answer"];
  moa.set_best_answer(ReadWord(answer, kAnswers, false));
  const bool needs_aggregator = form == MoaForm::kWhole && !answer.present();
  const Field aggregator = needs_aggregator ? m.Required("aggregator") : m["aggregator"];
  if (aggregator.present()) *moa.mutable_aggregator() = ReadAgent(aggregator, form, false);
  m.ReportUnknown();
  return moa;
}

v1::Preset ReadPreset(const Field& field) {
  v1::Preset preset;
  Mapping m(field);
  if (auto v = m.Required("name").String()) preset.set_name(*v);
  if (auto v = m["description"].String()) preset.set_description(*v);
  const Field moa = m.Required("moa");
  if (moa.present()) *preset.mutable_moa() = ReadMoa(moa, MoaForm::kWhole);
  m.ReportUnknown();
  return preset;
}

}  // namespace moa
