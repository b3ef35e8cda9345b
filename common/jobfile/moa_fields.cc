#include "common/jobfile/moa_fields.h"

#include <cstdint>
#include <limits>
#include <utility>

namespace moa {
namespace {

constexpr uint64_t kUint32Max = std::numeric_limits<uint32_t>::max();

v1::Agent ReadAgent(const Field& field, bool name_required) {
  v1::Agent agent;
  Mapping m(field);
  if (auto v = (name_required ? m.Required("name") : m["name"]).String()) agent.set_name(*v);
  if (auto v = m.Required("model").String()) agent.set_model(*v);
  if (auto v = m["system_prompt"].String()) agent.set_system_prompt(*std::move(v));
  if (auto v = m["samples"].Unsigned(1, kUint32Max)) agent.set_samples(static_cast<uint32_t>(*v));
  if (auto v = m["temperature"].Number()) agent.set_temperature(*v);
  if (auto v = m["top_p"].Number()) agent.set_top_p(*v);
  if (auto v = m["max_completion_tokens"].Unsigned(1, kUint32Max)) {
    agent.set_max_completion_tokens(static_cast<uint32_t>(*v));
  }
  if (auto v = m["seed"].Unsigned()) agent.set_seed(*v);
  for (const Field& item : m["stop"].ItemsOrScalar()) {
    if (auto v = item.String()) agent.add_stop(*std::move(v));
  }
  if (auto v = m["reasoning_effort"].String()) agent.set_reasoning_effort(*v);
  if (auto v = m["frequency_penalty"].Number()) agent.set_frequency_penalty(*v);
  if (auto v = m["presence_penalty"].Number()) agent.set_presence_penalty(*v);
  for (const Field& item : m["fallback_models"].ItemsOrScalar()) {
    if (auto v = item.String()) agent.add_fallback_models(*v);
  }
  m.ReportUnknown();
  return agent;
}

v1::Quorum ReadQuorum(const Field& field) {
  v1::Quorum quorum;
  Mapping m(field);
  if (auto v = m.Required("min").Unsigned(1, kUint32Max)) quorum.set_min(static_cast<uint32_t>(*v));
  if (auto v = m["grace"].Duration()) *quorum.mutable_grace() = DurationToProto(*v);
  m.ReportUnknown();
  return quorum;
}

v1::Layer ReadLayer(const Field& field) {
  v1::Layer layer;
  Mapping m(field);
  const Field agents = m.Required("agents");
  for (const Field& agent : agents.Items()) *layer.add_agents() = ReadAgent(agent, true);
  if (auto v = m["cycles"].Unsigned(1, kUint32Max)) layer.set_cycles(static_cast<uint32_t>(*v));
  if (const Field quorum = m["quorum"]; quorum.present()) {
    *layer.mutable_quorum() = ReadQuorum(quorum);
  }
  m.ReportUnknown();
  return layer;
}

}  // namespace

google::protobuf::Duration DurationToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  absl::Duration rest;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  proto.set_nanos(static_cast<int32_t>(rest / absl::Nanoseconds(1)));
  return proto;
}

v1::Moa ReadMoa(const Field& field) {
  v1::Moa moa;
  Mapping m(field);
  for (const Field& layer : m["layers"].Items()) *moa.add_layers() = ReadLayer(layer);
  const Field aggregator = m.Required("aggregator");
  if (aggregator.present()) *moa.mutable_aggregator() = ReadAgent(aggregator, false);
  m.ReportUnknown();
  return moa;
}

v1::Preset ReadPreset(const Field& field) {
  v1::Preset preset;
  Mapping m(field);
  if (auto v = m.Required("name").String()) preset.set_name(*v);
  if (auto v = m["description"].String()) preset.set_description(*v);
  const Field moa = m.Required("moa");
  if (moa.present()) *preset.mutable_moa() = ReadMoa(moa);
  m.ReportUnknown();
  return preset;
}

}  // namespace moa
