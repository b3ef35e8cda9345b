// Mistakes in what layers do beside answering: each is told with its field and what would be right.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "coordinator/engine/plan.h"
#include "tests/coordinator/engine/job_driver.h"

namespace moa {
namespace {

using testing::IsEmpty;

struct Row {
  const char* what;
  std::function<void(JobSpec&)> spoil;
  const char* field;
  const char* description;
};

// Two agents of one layer, critics, and all that goes with them.
JobSpec Sound() {
  JobSpec spec = MakeJob(1, 2);
  spec.moa.layers[0].critique = Critique{.critics = {MakeAgent("critic")}, .rounds = 2};
  return spec;
}

TEST(ValidateFlowTest, ASoundFlowHasNoMistakes) {
  JobSpec spec = Sound();
  spec.moa.layers[0].route = Route{.router = MakeAgent("router"), .top = 2};
  spec.moa.layers[0].enough = Enough{.answers = 1, .confidence = 0.5};
  spec.moa.layers[0].early_exit = EarlyExit{.min_agree = 2};
  spec.moa.references.wrapper = Text("{responses}");
  EXPECT_THAT(Validate(spec, ModelTable::Shipped(), {}), IsEmpty());
}

TEST(ValidateFlowTest, EachMistakeIsToldWhereItIs) {
  const std::vector<Row> rows = {
      {"critics without agents", [](JobSpec& s) { s.moa.layers[0].agents.clear(); },
       "moa.layers[0].agents", "critics need agents whose answers they judge"},
      {"no critic", [](JobSpec& s) { s.moa.layers[0].critique->critics.clear(); },
       "moa.layers[0].critique.critics", "is empty"},
      {"too many rounds", [](JobSpec& s) { s.moa.layers[0].critique->rounds = 1'000'000; },
       "moa.layers[0].critique.rounds", "at most 16 are allowed (rounds_max)"},
      {"too many cycles", [](JobSpec& s) { s.moa.layers[0].cycles = 1'000'000; },
       "moa.layers[0].cycles", "at most 64 are allowed (cycles_max)"},
      {"keep", [](JobSpec& s) { s.moa.layers[0].critique->keep = 3; },
       "moa.layers[0].critique.keep", "must be at most 2, the answers of a round"},
      {"accept_min", [](JobSpec& s) { s.moa.layers[0].critique->accept_min = 3; },
       "moa.layers[0].critique.accept_min", "must be at most 2"},
      {"accept_score without scores",
       [](JobSpec& s) { s.moa.layers[0].critique->accept_score = 5; },
       "moa.layers[0].critique.accept_score", "say verdict: score"},
      {"may_end", [](JobSpec& s) { s.moa.layers[0].critique->may_end = true; },
       "moa.layers[0].critique.may_end", "say scope: all"},
      {"escalation of a round that is not there",
       [](JobSpec& s) { s.moa.layers[0].critique->escalate.resize(2); },
       "moa.layers[0].critique.escalate", "has 2 entries for 2 rounds"},
      {"critic's samples", [](JobSpec& s) { s.moa.layers[0].critique->critics[0].samples = 2; },
       "moa.layers[0].critique.critics[0].samples", "reply once"},
      {"critic's name", [](JobSpec& s) { s.moa.layers[0].critique->critics[0].name = "a1"; },
       "moa.layers[0].critique.critics[0].name", "repeats \"a1\""},
      {"critic's model", [](JobSpec& s) { s.moa.layers[0].critique->critics[0].model = "x"; },
       "moa.layers[0].critique.critics[0].model", "is no known model"},
      {"router that may pick nobody",
       [](JobSpec& s) { s.moa.layers[0].route = Route{.router = MakeAgent("r"), .top = 0}; },
       "moa.layers[0].route.top", "must be from 1 to 2"},
      {"enough", [](JobSpec& s) { s.moa.layers[0].enough = Enough{.answers = 3}; },
       "moa.layers[0].enough.answers", "must be from 1 to 2"},
      {"confidence",
       [](JobSpec& s) { s.moa.layers[0].enough = Enough{.answers = 1, .confidence = 70}; },
       "moa.layers[0].enough.confidence", "must be from 0 to 1"},
      {"early exit", [](JobSpec& s) { s.moa.layers[0].early_exit = EarlyExit{.min_agree = 1}; },
       "moa.layers[0].early_exit.min_agree", "must be from 2 to 2"},
      {"vote and critics", [](JobSpec& s) { s.moa.layers[0].vote = Vote{}; }, "moa.layers[0].vote",
       "together with critique"},
      {"similar", [](JobSpec& s) { s.moa.references.drop_similar = 1.5; },
       "moa.references.drop_similar", "must be above 0 and at most 1"},
      {"template", [](JobSpec& s) { s.moa.references.wrapper = Text("no place"); },
       "moa.references.template", "lacks {responses}"},
      {"two ends", [](JobSpec& s) { s.moa.best_answer = true; }, "moa.aggregator",
       "give one of aggregator and answer: best"},
      {"nobody answers",
       [](JobSpec& s) {
         s.moa = MoaSpec();
         s.moa.best_answer = true;
       },
       "moa.answer", "there are no layers"},
      {"schema beyond the limits",
       [](JobSpec& s) {
         s.moa.aggregator.response_format =
             ResponseFormat{.type = ResponseFormat::Type::kJsonSchema,
                            .name = "x",
                            .schema = Text(R"({"type":"object","properties":{"a":{"oneOf":[]}},
                                               "additionalProperties":false})"),
                            .strict = true};
       },
       "moa.aggregator.response_format.schema", "oneOf is not supported"},
      {"schema of nonsense",
       [](JobSpec& s) {
         s.moa.aggregator.response_format = ResponseFormat{
             .type = ResponseFormat::Type::kJsonSchema, .name = "x", .schema = Text("{]")};
       },
       "moa.aggregator.response_format.schema", "is no JSON object"},
  };
  for (const Row& row : rows) {
    JobSpec spec = Sound();
    row.spoil(spec);
    const std::vector<Violation> found = Validate(spec, ModelTable::Shipped(), {});
    const bool told = std::any_of(found.begin(), found.end(), [&](const Violation& violation) {
      return violation.field == row.field &&
             violation.description.find(row.description) != std::string::npos;
    });
    EXPECT_TRUE(told) << row.what << ": " << testing::PrintToString(found.size())
                      << " mistakes, first "
                      << (found.empty() ? "none" : found[0].field + " " + found[0].description);
  }
}

TEST(ValidateFlowTest, AllTasksOfAllRoundsCount) {
  JobSpec spec = MakeJob(1, 64);
  spec.moa.layers[0].critique =
      Critique{.critics = {MakeAgent("c1"), MakeAgent("c2")}, .rounds = 16};
  const std::vector<Violation> found = Validate(spec, ModelTable::Shipped(), {.tasks_max = 3072});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].field, "moa");
  EXPECT_THAT(found[0].description, testing::HasSubstr("makes 3073 tasks"));
}

}  // namespace
}  // namespace moa
