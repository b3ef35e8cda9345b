#include "client/tuner/space.h"

#include <gmock/gmock.h>

#include <set>
#include <string>
#include <vector>

#include "client/json/moa_json.h"
#include "client/tuner/random.h"
#include "common/base/status_matchers.h"

namespace moa {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

v1::Moa Base() {
  v1::Moa moa;
  v1::Layer* layer = moa.add_layers();
  for (const char* name : {"a", "b"}) {
    v1::Agent* agent = layer->add_agents();
    agent->set_name(name);
    agent->set_model("m0");
    agent->set_system_prompt("Be brief. {helper_response}");
  }
  layer->mutable_agents(0)->set_temperature(0.7);
  layer->mutable_agents(0)->set_reasoning_effort("low");
  layer->mutable_agents(0)->add_fallback_models("m1");
  layer->mutable_quorum()->set_min(2);
  v1::Agent* again = moa.add_layers()->add_agents();
  again->set_name("a");
  again->set_model("m1");
  moa.mutable_layers(1)->set_cycles(2);
  moa.mutable_aggregator()->set_model("m0");
  return moa;
}

SpaceOptions Everything() {
  SpaceOptions options;
  options.samples = true;
  options.efforts = true;
  options.offered = {{"m0", {"low", "high"}}, {"m1", {"none"}}, {"m2", {}}};
  return options;
}

Space Make(const v1::Moa& base, const SpaceOptions& options) {
  absl::StatusOr<Space> space = Space::Create(base, options);
  EXPECT_OK(space);
  return *space;
}

size_t DimensionOf(const Space& space, const std::string& name) {
  for (size_t d = 0; d < space.dimensions().size(); ++d) {
    if (space.dimensions()[d].name == name) return d;
  }
  ADD_FAILURE() << "no dimension " << name;
  return 0;
}

Point With(const Space& space, const std::string& name, double value) {
  Point point = space.BasePoint();
  point[DimensionOf(space, name)] = value;
  return point;
}

TEST(SpaceTest, TheBasePointIsTheBase) {
  for (const bool best : {false, true}) {
    v1::Moa base = Base();
    if (best) {
      base.clear_aggregator();
      base.set_best_answer(true);
    }
    const Space space = Make(base, Everything());
    EXPECT_EQ(space.Apply(space.BasePoint()).SerializeAsString(), base.SerializeAsString());
  }
}

// Whatever is drawn is within the limits and can be submitted: no layer without agents, no quorum that cannot be met.
TEST(SpaceTest, EveryPointIsAMoaWithinTheLimits) {
  const Space space = Make(Base(), Everything());
  Random random(1, 0);
  std::set<std::string> keys;
  for (int i = 0; i < 2'000; ++i) {
    const Point point = DrawPoint(space.dimensions(), random);
    const v1::Moa moa = space.Apply(point);
    keys.insert(space.KeyOf(point));
    EXPECT_EQ(space.HasAgent(point), !moa.layers().empty());
    for (const v1::Layer& layer : moa.layers()) {
      ASSERT_GT(layer.agents_size(), 0);
      EXPECT_LE(layer.cycles(), 3u);
      uint32_t answers = 0;
      for (const v1::Agent& agent : layer.agents()) {
        answers += std::max(1u, agent.samples());
        EXPECT_LE(agent.samples(), 3u);
        EXPECT_LE(agent.temperature(), 1.5);
        if (agent.model() == "m0") {
          EXPECT_THAT(agent.reasoning_effort(), testing::AnyOf("", "low", "high"));
        }
        if (agent.model() == "m1") {
          EXPECT_THAT(agent.reasoning_effort(), testing::AnyOf("", "none"));
        }
        for (const std::string& fallback : agent.fallback_models()) {
          EXPECT_NE(fallback, agent.model());
        }
      }
      if (!layer.has_quorum()) continue;
      EXPECT_LE(layer.quorum().min(), answers);
    }
  }
  EXPECT_GT(keys.size(), 1'900u);
}

TEST(SpaceTest, EqualConfigurationsHaveEqualKeysAndOthersDoNot) {
  const Space space = Make(Base(), Everything());
  const Point dropped = With(space, "b.on", 0);
  Point dropped_and_hot = dropped;
  dropped_and_hot[DimensionOf(space, "b.temperature")] = 1.3;
  EXPECT_EQ(space.KeyOf(dropped), space.KeyOf(dropped_and_hot));
  EXPECT_NE(space.KeyOf(dropped), space.KeyOf(space.BasePoint()));
  EXPECT_NE(space.KeyOf(With(space, "b.temperature", 1.3)), space.KeyOf(space.BasePoint()));
  // m1 takes only "none": "high" is left out there, and nothing else would be.
  Point none = With(space, "b.model", 1);
  Point high = none;
  const size_t effort = DimensionOf(space, "b.reasoning_effort");
  high[effort] = 3;
  EXPECT_EQ(space.KeyOf(none), space.KeyOf(high));
}

TEST(SpaceTest, WritesWhatAPointSays) {
  const Space space = Make(Base(), Everything());
  Point point = space.BasePoint();
  point[DimensionOf(space, "a.on")] = 0;
  point[DimensionOf(space, "b.model")] = 2;
  point[DimensionOf(space, "b.samples")] = 2;
  point[DimensionOf(space, "layer 2.cycles")] = 0;
  point[DimensionOf(space, "aggregator.temperature")] = 0.25;
  const v1::Moa moa = space.Apply(point);
  ASSERT_EQ(moa.layers(0).agents_size(), 1);
  EXPECT_EQ(moa.layers(0).agents(0).name(), "b");
  EXPECT_EQ(moa.layers(0).agents(0).model(), "m2");
  EXPECT_EQ(moa.layers(0).agents(0).samples(), 3u);
  EXPECT_EQ(moa.layers(1).cycles(), 1u);
  EXPECT_EQ(moa.aggregator().temperature(), 0.25);
  const std::map<std::string, std::string> described = space.Describe(point);
  EXPECT_EQ(described.at("a.on"), "no");
  EXPECT_EQ(described.at("b.model"), "m2");
  EXPECT_EQ(described.at("b.samples"), "3");
  EXPECT_EQ(described.at("layer 2.cycles"), "1");
  EXPECT_EQ(described.at("aggregator.temperature"), "0.25");
  EXPECT_FALSE(described.contains("a.temperature"));
}

// The layer goes with its last agent; the answers of the one before it are then merged.
TEST(SpaceTest, ALayerWithoutAgentsGoes) {
  const Space space = Make(Base(), Everything());
  const v1::Moa moa = space.Apply(With(space, "a (layer 2).on", 0));
  EXPECT_EQ(moa.layers_size(), 1);
  EXPECT_EQ(moa.layers(0).agents_size(), 2);
}

TEST(SpaceTest, AModelThatIsAFallbackAlreadyIsNotNamedTwice) {
  const Space space = Make(Base(), Everything());
  const v1::Moa moa = space.Apply(With(space, "a.model", 1));
  EXPECT_EQ(moa.layers(0).agents(0).model(), "m1");
  EXPECT_THAT(moa.layers(0).agents(0).fallback_models(), IsEmpty());
  EXPECT_EQ(moa.layers(0).agents(0).reasoning_effort(), "");  // it does not take "low"
}

TEST(SpaceTest, OneAgentStays) {
  const Space space = Make(Base(), Everything());
  Point point = space.BasePoint();
  EXPECT_THAT(space.Droppable(point), ElementsAre(0, 1, 2));
  point = space.Without(space.Without(point, 0), 1);
  EXPECT_TRUE(space.HasAgent(point));
  EXPECT_THAT(space.Droppable(point), IsEmpty());
  EXPECT_FALSE(space.HasAgent(space.Without(point, 2)));
}

TEST(SpaceTest, OnlyWhatIsAskedForIsSearched) {
  SpaceOptions options = {
      .temperatures = false, .agents = false, .cycles = false, .prompts = false};
  options.offered = {{"m2", {}}};
  options.fixed = {"a", "aggregator"};
  const Space space = Make(Base(), options);
  std::vector<std::string> names;
  for (const Dimension& dimension : space.dimensions()) names.push_back(dimension.name);
  EXPECT_THAT(names, ElementsAre("b.model", "a (layer 2).model"));
}

TEST(SpaceTest, WhatTheBaseHasIsWithinTheLimits) {
  v1::Moa base = Base();
  base.mutable_aggregator()->set_temperature(1.9);
  base.mutable_layers(0)->set_cycles(5);
  base.mutable_layers(0)->mutable_agents(0)->set_samples(7);
  const Space space = Make(base, Everything());
  EXPECT_EQ(space.dimensions()[DimensionOf(space, "aggregator.temperature")].high, 1.9);
  EXPECT_EQ(space.dimensions()[DimensionOf(space, "layer 1.cycles")].choices, 5u);
  EXPECT_EQ(space.dimensions()[DimensionOf(space, "a.samples")].choices, 7u);
  EXPECT_EQ(space.Apply(space.BasePoint()).SerializeAsString(), base.SerializeAsString());
}

TEST(SpaceTest, RefusesWhatCannotBeSearched) {
  SpaceOptions unknown = Everything();
  unknown.fixed = {"agregator"};
  EXPECT_THAT(Space::Create(Base(), unknown), StatusIs(absl::StatusCode::kInvalidArgument,
                                                       HasSubstr("did you mean \"aggregator\"")));
  unknown.fixed = {"zzz"};
  EXPECT_THAT(Space::Create(Base(), unknown),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("there are: a, b, a (layer 2), aggregator")));
  SpaceOptions nothing = {
      .temperatures = false, .agents = false, .cycles = false, .prompts = false};
  EXPECT_THAT(Space::Create(Base(), nothing),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nothing is left to search")));
}

TEST(SpaceTest, PromptsJoinTheirAgentsPool) {
  SpaceOptions options;
  options.prompts_max = 3;
  options.prompt_bytes_max = 40;
  Space space = Make(Base(), options);
  const std::string first = "Be exact. {helper_response}";
  ASSERT_OK_AND_ASSIGN(const Space::Rewritten added, space.Rewrite(space.BasePoint(), "a", first));
  EXPECT_TRUE(added.added);
  EXPECT_EQ(added.prompt, 1u);
  EXPECT_EQ(space.Apply(added.point).layers(0).agents(0).system_prompt(), first);
  EXPECT_EQ(space.Apply(added.point).layers(0).agents(1).system_prompt(),
            Base().layers(0).agents(1).system_prompt());
  // What is there already is no new one.
  ASSERT_OK_AND_ASSIGN(const Space::Rewritten known, space.Rewrite(space.BasePoint(), "a", first));
  EXPECT_FALSE(known.added);
  EXPECT_EQ(known.point, added.point);
  const auto refused = [&](const std::string& agent, const std::string& prompt) {
    return std::string(space.Rewrite(space.BasePoint(), agent, prompt).status().message());
  };
  EXPECT_EQ(refused("c", first), "\"c\": there is no such agent");
  EXPECT_EQ(refused("a", ""), "\"a\": the prompt is empty");
  EXPECT_EQ(refused("a", "Be exact."), "\"a\": the prompt lacks {helper_response}");
  EXPECT_EQ(refused("a", std::string(41, 'x')),
            "\"a\": the prompt has 41 bytes; at most 40 are allowed");
  ASSERT_OK(space.Rewrite(space.BasePoint(), "a", "Third. {helper_response}"));
  EXPECT_EQ(refused("a", "Fourth. {helper_response}"), "\"a\": it has 3 prompts already");
  EXPECT_EQ(space.dimensions()[DimensionOf(space, "a.prompt")].choices, 3u);
  options.fixed = {"b"};
  space = Make(Base(), options);
  EXPECT_EQ(refused("b", first), "\"b\": its prompt stays as it is");
}

}  // namespace
}  // namespace moa
