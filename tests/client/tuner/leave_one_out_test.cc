#include "client/tuner/leave_one_out.h"

#include <gmock/gmock.h>

#include <functional>
#include <string>
#include <vector>

#include "common/base/status_matchers.h"
#include "tests/client/tuner/synthetic.h"

namespace moa {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

// An objective of agents a, b and c, whose worth is that of the set of those that run.
class LeaveOneOutTest : public testing::Test {
 protected:
  using Worth = std::function<double(const std::string& running)>;

  // Runs rounds until nothing is dropped; what is left running.
  std::string Reduce(const Worth& worth, uint64_t trials = 100, double noise = 0.02) {
    Objective objective = Additive();
    objective.base.mutable_layers(0)->mutable_agents()->RemoveLast();
    absl::StatusOr<Space> space = Space::Create(objective.base, objective.space);
    EXPECT_OK(space);
    Candidates candidates;
    Random random(5, 0);
    size_t best = candidates.Add(space->BasePoint(), space->KeyOf(space->BasePoint()));
    ablation_ = LeaveOneOut();
    for (;;) {
      const auto runs = ablation_.Begin(*space, candidates, best, trials);
      if (!runs) break;
      for (const Promotion& promotion : *runs) {
        const std::string running = Running(*space, candidates[promotion.candidate].point);
        for (uint32_t i = 0; i < promotion.runs; ++i) {
          candidates.Ask(promotion.candidate);
          candidates.AddRun(promotion.candidate,
                            {.score = worth(running) + noise * random.Normal(), .max = 1});
          --trials;
        }
      }
      const bool dropped = ablation_.Decide(candidates);
      best = ablation_.best();
      if (!dropped) break;
    }
    return Running(*space, candidates[best].point);
  }

  static std::string Running(const Space& space, const Point& point) {
    std::string names;
    const v1::Moa moa = space.Apply(point);
    for (const v1::Layer& layer : moa.layers()) {
      for (const v1::Agent& agent : layer.agents()) names += agent.name();
    }
    return names;
  }

  static bool Has(const std::string& running, char agent) {
    return running.find(agent) != std::string::npos;
  }

  LeaveOneOut ablation_;
};

TEST_F(LeaveOneOutTest, DropsWhatDoesNotHelp) {
  const auto worth = [](const std::string& running) {
    return 0.3 + (Has(running, 'a') ? 0.3 : 0) + (Has(running, 'c') ? 0.3 : 0);
  };
  EXPECT_EQ(Reduce(worth), "ac");
  EXPECT_EQ(ablation_.round(), 2u);
  ASSERT_THAT(ablation_.agents(), SizeIs(5));  // three, then two
  EXPECT_TRUE(ablation_.agents()[1].dropped);
  EXPECT_EQ(ablation_.agents()[1].agent, "b");
  EXPECT_FALSE(ablation_.agents()[0].dropped);
  EXPECT_LT(ablation_.agents()[0].without, ablation_.agents()[0].with - 0.2);
}

TEST_F(LeaveOneOutTest, KeepsAllThatHelp) {
  const auto worth = [](const std::string& running) {
    return 0.2 * static_cast<double>(running.size());
  };
  EXPECT_EQ(Reduce(worth), "abc");
}

// Either of a and b would do: the first to go makes the other one needed.
TEST_F(LeaveOneOutTest, OfTwoOfWhichEitherWouldDoOneStays) {
  const auto worth = [](const std::string& running) {
    return (Has(running, 'a') || Has(running, 'b') ? 0.5 : 0) + (Has(running, 'c') ? 0.3 : 0);
  };
  const std::string left = Reduce(worth);
  EXPECT_THAT(left, SizeIs(2));
  EXPECT_TRUE(Has(left, 'c'));
}

TEST_F(LeaveOneOutTest, TheHarmfulGoesFirst) {
  const auto worth = [](const std::string& running) { return Has(running, 'b') ? 0.3 : 0.8; };
  Reduce(worth);
  EXPECT_TRUE(ablation_.agents()[1].dropped);
}

TEST_F(LeaveOneOutTest, OneAgentStays) {
  EXPECT_THAT(Reduce([](const std::string&) { return 0.5; }), SizeIs(1));
}

// Two runs of four configurations are eight.
TEST_F(LeaveOneOutTest, DecidesNothingOnSingleRuns) {
  const auto worth = [](const std::string&) { return 0.5; };
  EXPECT_EQ(Reduce(worth, 7), "abc");
  EXPECT_THAT(ablation_.agents(), IsEmpty());
  EXPECT_THAT(Reduce(worth, 8), SizeIs(2));
}

}  // namespace
}  // namespace moa
