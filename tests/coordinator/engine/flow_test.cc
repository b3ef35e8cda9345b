// What layers can do beside answering: critics and their rounds, routers, votes, early ends, and how answers are
// handed on. The driver compares each step with a replay of the records.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/judgement.h"
#include "tests/coordinator/engine/job_driver.h"

namespace moa {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string Says(bool accept, double score, absl::string_view feedback = "because") {
  return absl::StrCat(R"({"accept": )", accept ? "true" : "false", R"(, "score": )", score,
                      R"(, "feedback": ")", feedback, R"("})");
}

std::string AnswerOfJob(const JobDriver& job) {
  return std::string(job.machine().answer().content.view());
}

// One layer of one agent with `samples` samples, whose answers `critique` judges.
JobSpec Judged(uint32_t samples, Critique critique) {
  JobSpec spec = MakeJob(1, 1);
  spec.moa.layers[0].agents[0].samples = samples;
  if (critique.critics.empty()) critique.critics.push_back(MakeAgent("critic"));
  spec.moa.layers[0].critique = critique;
  return spec;
}

void Answer(JobDriver& job, uint32_t task, const std::string& text) {
  job.Dispatch(task);
  job.Succeed(task, text);
}

// Tasks: answers 0 1, critic on each 2 3, second round 4 5 and 6 7, aggregator 8.
JobDriver TwoRounds(Critique::Feedback feedback = Critique::Feedback::kOwn) {
  JobSpec spec = Judged(2, {.rounds = 2, .feedback = feedback});
  spec.moa.layers[0].critique->escalate.push_back(
      {.max_completion_tokens = 16384, .reasoning_effort = "high"});
  return JobDriver(std::move(spec));
}

TEST(CritiqueTest, AnAcceptedAnswerEndsTheRoundsAndIsHandedOnAlone) {
  JobDriver job = TwoRounds();
  job.FinishStage("answer-");
  EXPECT_THAT(Spell(job.machine().Input(2)), HasSubstr("[Answer]\nanswer-0\n"));
  EXPECT_EQ(job.machine().Input(2).format->name, "verdict");
  Answer(job, 2, Says(false, 3));
  Answer(job, 3, Says(true, 8));
  EXPECT_EQ(job.machine().stages_started(), 5u) << "the second round is passed over";
  const std::string prompt = Spell(job.machine().Input(8));
  EXPECT_THAT(prompt, HasSubstr("[Answer 1]\nanswer-1"));
  EXPECT_THAT(prompt, Not(HasSubstr("answer-0")));
  Answer(job, 8, "end");
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
  EXPECT_FALSE(job.machine().degraded());
  EXPECT_EQ(job.machine().usage().upstream_calls, 5u);
}

TEST(CritiqueTest, TheNextRoundIsToldWhyWithMoreToSpend) {
  JobDriver job = TwoRounds();
  job.FinishStage("answer-");
  Answer(job, 2, Says(false, 3, "no budget"));
  Answer(job, 3, Says(false, 2, "too late"));
  const CallInput input = job.machine().Input(4);
  EXPECT_EQ(input.agent->max_completion_tokens, 16384u);
  EXPECT_EQ(input.agent->reasoning_effort, "high");
  EXPECT_THAT(Spell(input), HasSubstr("[Earlier answer]\nanswer-0"));
  EXPECT_THAT(Spell(input), HasSubstr("- critic: no budget"));
  EXPECT_THAT(Spell(input), Not(HasSubstr("too late")));
  EXPECT_THAT(Spell(job.machine().Input(5)), HasSubstr("too late"));
}

TEST(CritiqueTest, EverybodyCanBeToldOfAllAnswers) {
  JobDriver job = TwoRounds(Critique::Feedback::kAllAnswers);
  job.FinishStage("answer-");
  Answer(job, 2, Says(false, 3, "no budget"));
  Answer(job, 3, Says(false, 2, "too late"));
  const CallInput first = job.machine().Input(4);
  EXPECT_THAT(Spell(first), HasSubstr("no budget"));
  EXPECT_THAT(Spell(first), HasSubstr("too late"));
  EXPECT_EQ(first.prompt.back().context, job.machine().Input(5).prompt.back().context);
}

TEST(CritiqueTest, WithoutAnAcceptedAnswerTheBestGoesOnAndTheJobSaysSo) {
  JobDriver job = TwoRounds();
  job.FinishStage("first-");
  Answer(job, 2, Says(false, 6));
  Answer(job, 3, Says(false, 2));
  job.FinishStage("second-");
  Answer(job, 6, Says(false, 5));
  Answer(job, 7, Says(false, 4));
  EXPECT_TRUE(job.machine().degraded());
  EXPECT_THAT(job.machine().degradations()[0].reason, HasSubstr("accepted none of 4 answers"));
  EXPECT_THAT(Spell(job.machine().Input(8)), HasSubstr("[Answer 1]\nfirst-0"));
}

TEST(CritiqueTest, WhoseAnswerWasAcceptedDoesNotRunAgain) {
  JobDriver job(Judged(2, {.accept_min = 2, .rounds = 2}));
  job.FinishStage("first-");
  Answer(job, 2, Says(true, 9));
  Answer(job, 3, Says(false, 1));
  EXPECT_EQ(job.task(4).state, TaskState::kSkipped);
  Answer(job, 5, "second");
  EXPECT_EQ(job.task(6).state, TaskState::kSkipped) << "there is no new answer to judge";
  Answer(job, 7, Says(true, 7));
  const std::string prompt = Spell(job.machine().Input(8));
  EXPECT_THAT(prompt, HasSubstr("[Answer 1]\nfirst-0\n\n[Answer 2]\nsecond"));
  EXPECT_FALSE(job.machine().degraded());
}

TEST(CritiqueTest, TheBestOfScoredAnswersCanBeTheJobs) {
  JobSpec spec = Judged(3, {.verdict = Critique::Verdict::kScore, .keep = 1});
  spec.moa.best_answer = true;
  spec.moa.aggregator = Agent();
  JobDriver job(std::move(spec));
  job.FinishStage("answer-");
  Answer(job, 3, R"({"score": 4, "feedback": ""})");
  Answer(job, 4, R"({"score": 9, "feedback": ""})");
  Answer(job, 5, R"({"score": 9, "feedback": ""})");
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
  EXPECT_EQ(AnswerOfJob(job), "answer-1") << "of equals the earlier";
  EXPECT_EQ(job.machine().usage().upstream_calls, 6u);
  EXPECT_EQ(job.task(6).attempts, 0u);
}

TEST(CritiqueTest, AnUnreadableVerdictIsALostOneAndNoneLeavesTheAnswersUnjudged) {
  JobDriver job(Judged(2, {.keep = 1}));
  job.FinishStage("answer-");
  Answer(job, 2, "Looks fine to me!");
  EXPECT_EQ(job.task(2).state, TaskState::kFailed);
  EXPECT_EQ(job.task(2).result.error.code, ErrorCode::kMalformedResponse);
  EXPECT_THAT(job.task(2).result.error.message, HasSubstr("no verdict can be read"));
  job.Dispatch(3);
  job.Fail(3, ErrorCode::kInvalidRequest);
  EXPECT_THAT(job.machine().degradations()[0].reason, HasSubstr("go on unjudged"));
  EXPECT_THAT(Spell(job.machine().Input(4)), HasSubstr("[Answer 1]\nanswer-0"));
}

TEST(CritiqueTest, MostCriticsDecide) {
  Critique critique;
  for (const char* name : {"x", "y", "z"}) critique.critics.push_back(MakeAgent(name));
  JobDriver job(Judged(1, critique));
  Answer(job, 0, "answer");
  Answer(job, 1, Says(true, 9));
  Answer(job, 2, Says(false, 3));
  Answer(job, 3, Says(true, 6));
  EXPECT_FALSE(job.machine().degraded());
  const auto judged = JudgementsOf(job.machine().plan(), job.machine().tasks(), 1);
  ASSERT_THAT(judged, SizeIs(1));
  EXPECT_TRUE(judged[0].accepted);
  EXPECT_EQ(judged[0].score, 6);
}

TEST(CritiqueTest, AModeratorSeesAllAndCanEndTheDiscussion) {
  JobSpec spec = MakeJob(3, 2);
  Critique critique{.critics = {MakeAgent("moderator")},
                    .scope = Critique::Scope::kAll,
                    .verdict = Critique::Verdict::kScore,
                    .keep = 1,
                    .may_end = true};
  spec.moa.layers[0].critique = critique;
  JobDriver job(std::move(spec));
  job.FinishStage("answer-");
  EXPECT_THAT(Spell(job.machine().Input(2)),
              HasSubstr("[Answer 1]\nanswer-0\n\n[Answer 2]\nanswer-1"));
  Answer(job, 2,
         R"({"verdicts": [{"answer": 1, "score": 2, "feedback": ""},
                          {"answer": 2, "score": 8, "feedback": ""}], "done": true})");
  const uint32_t aggregator = job.machine().plan().aggregator_task();
  EXPECT_THAT(Spell(job.machine().Input(aggregator)), HasSubstr("[Answer 1]\nanswer-1"));
  EXPECT_FALSE(job.machine().degraded());
}

TEST(RouteTest, OnlyThePickedAgentsRun) {
  JobSpec spec = MakeJob(1, 3);
  spec.moa.layers[0].route = Route{.router = MakeAgent("router"), .top = 2};
  JobDriver job(std::move(spec));
  EXPECT_THAT(Spell(job.machine().Input(0)), HasSubstr("- a2: "));
  Answer(job, 0, R"({"agents": ["a3", "a1"]})");
  EXPECT_THAT(job.machine().notes(1), ElementsAre("the router picked a1, a3"));
  EXPECT_EQ(job.task(2).state, TaskState::kSkipped);
  job.FinishStage("answer-");
  EXPECT_THAT(Spell(job.machine().Input(4)), HasSubstr("answer-1\n\n[Answer 2]\nanswer-3"));
  EXPECT_FALSE(job.machine().degraded());
}

// Found by the simulation.
TEST(RouteTest, ALayerThatTimeLeavesOutBehindItsRouterLeavesTheAnswersBefore) {
  JobSpec spec = MakeJob(2, 2);
  spec.moa.layers[1].route = Route{.router = MakeAgent("router"), .top = 1};
  spec.deadline = absl::Seconds(60);
  JobDriver job(spec);
  job.FinishStage("answer-");
  job.DispatchAll();
  job.Wait(absl::Seconds(50));
  ASSERT_EQ(job.machine().stages_started(), 4u) << "the aggregator's time has come";
  EXPECT_THAT(Spell(job.machine().Input(job.machine().plan().aggregator_task())),
              HasSubstr("answer-1"));
  ASSERT_THAT(job.machine().degradations(), SizeIs(1));
  EXPECT_THAT(job.machine().degradations()[0].reason, HasSubstr("left out"));
  EXPECT_THAT(job.machine().degradations()[0].reason, Not(HasSubstr("picked nobody")));
}

TEST(RouteTest, ARouterThatPicksNobodyOrFailsIsReplacedByTheOrder) {
  for (const char* reply : {R"({"agents": []})", R"({"agents": ["nobody"]})", "a1 of course"}) {
    JobSpec spec = MakeJob(1, 3);
    spec.moa.layers[0].route = Route{.router = MakeAgent("router"), .top = 2};
    JobDriver job(std::move(spec));
    Answer(job, 0, reply);
    EXPECT_EQ(job.task(1).state, TaskState::kQueued);
    EXPECT_EQ(job.task(3).state, TaskState::kSkipped);
    EXPECT_THAT(job.machine().degradations()[0].reason, HasSubstr("the router picked nobody"));
    job.Restart();
    EXPECT_EQ(job.task(3).state, TaskState::kSkipped);
  }
}

TEST(VoteTest, TheMajorityIsTheAnswerAndTheRestIsSpared) {
  JobSpec spec = MakeJob(1, 1);
  spec.moa.layers[0].agents[0].samples = 5;
  spec.moa.layers[0].vote = Vote{.match = Match::kLastLine};
  spec.moa.best_answer = true;
  spec.moa.aggregator = Agent();
  JobDriver job(std::move(spec));
  job.DispatchAll();
  job.Succeed(0, "hm\nAnswer: 4");
  job.Succeed(3, "well\nAnswer: 5");
  job.Succeed(1, "so\nAnswer: 5");
  EXPECT_FALSE(job.machine().ended());
  job.Succeed(4, "ergo\nanswer 5!");
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
  EXPECT_EQ(AnswerOfJob(job), "so\nAnswer: 5");
  EXPECT_EQ(job.task(2).result.error.code, ErrorCode::kNotNeeded);
  EXPECT_FALSE(job.machine().degraded());
  EXPECT_THAT(job.closing(), SizeIs(1)) << "the call that is not needed is closed";
}

TEST(EarlyExitTest, AgreementEndsTheJobWithoutAnAggregator) {
  JobSpec spec = MakeJob(2, 3);
  spec.moa.layers[0].early_exit = EarlyExit{.match = Match::kNumber, .min_agree = 2};
  JobDriver job(std::move(spec));
  job.DispatchAll();
  job.Succeed(0, "it is 7");
  job.Succeed(1, "I get 7.0");
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
  EXPECT_EQ(AnswerOfJob(job), "it is 7");
  EXPECT_FALSE(job.machine().degraded());
  EXPECT_EQ(job.machine().usage().upstream_calls, 3u);
}

TEST(EarlyExitTest, WithoutAgreementAllGoesOn) {
  JobSpec spec = MakeJob(1, 2);
  spec.moa.layers[0].early_exit = EarlyExit{.match = Match::kNumber, .min_agree = 2};
  JobDriver job(std::move(spec));
  job.FinishStage("answer ");
  EXPECT_FALSE(job.machine().ended());
  EXPECT_THAT(Spell(job.machine().Input(2)), HasSubstr("[Answer 2]"));
}

TEST(EnoughTest, GoodAnswersMakeTheOthersSuperfluous) {
  JobSpec spec = MakeJob(1, 1);
  spec.moa.layers[0].agents[0].samples = 4;
  spec.moa.layers[0].enough = Enough{.answers = 2, .confidence = 0.7};
  JobDriver job(std::move(spec));
  job.DispatchAll();
  job.Succeed(0, "plan a\nConfidence: 0.5");
  job.Succeed(1, "plan b\nConfidence: 0.9");
  EXPECT_THAT(job.running(), SizeIs(2));
  job.Succeed(2, "plan c\nConfidence: 70%");
  EXPECT_EQ(job.task(3).result.error.code, ErrorCode::kNotNeeded);
  const std::string prompt = Spell(job.machine().Input(4));
  EXPECT_THAT(prompt, HasSubstr("plan b"));
  EXPECT_THAT(prompt, HasSubstr("plan c"));
  EXPECT_THAT(prompt, Not(HasSubstr("plan a")));
  EXPECT_FALSE(job.machine().degraded());
}

TEST(SeesTest, ReferencesAreDealtLikeCardsAndWhoGetsNoneDoesNotRun) {
  JobSpec spec = MakeJob(2, 1);
  spec.moa.layers[0].agents[0].samples = 3;
  spec.moa.layers[1].agents[0].samples = 4;
  spec.moa.layers[1].agents[0].sees = Sees::kDealt;
  JobDriver job(std::move(spec));
  job.FinishStage("answer-");
  EXPECT_THAT(Spell(job.machine().Input(4)), HasSubstr("[Answer 1]\nanswer-1\n"));
  EXPECT_THAT(Spell(job.machine().Input(4)), Not(HasSubstr("answer-0")));
  EXPECT_EQ(job.task(6).state, TaskState::kSkipped);
  job.FinishStage("done-");
  EXPECT_FALSE(job.machine().degraded());
}

TEST(SeesTest, AnAgentCanBeKeptFromTheReferences) {
  JobSpec spec = MakeJob(2, 2);
  spec.moa.layers[1].agents[0].sees = Sees::kNone;
  JobDriver job(std::move(spec));
  job.FinishStage("answer-");
  EXPECT_THAT(Spell(job.machine().Input(2)), Not(HasSubstr("answer-")));
  EXPECT_THAT(Spell(job.machine().Input(3)), HasSubstr("answer-0"));
}

TEST(ReferencesTest, PlacementNumberAndWrapperAreTheJobs) {
  JobSpec spec = MakeJob(1, 2);
  spec.moa.references = {.placement = ReferenceRules::Placement::kSystem,
                         .first_number = 0,
                         .wrapper = Text("Drafts: {responses} {x}")};
  spec.moa.aggregator.system_prompt = Text("S {helper_response}");
  JobDriver job(spec);
  job.FinishStage("r");
  EXPECT_EQ(Spell(job.machine().Input(2)),
            "system: S Drafts: [Answer 0]\nr0\n\n[Answer 1]\nr1 {x}\nuser: hello\n");
  spec.moa.aggregator.system_prompt = Text("no token");
  JobDriver blind(spec);
  blind.FinishStage("r");
  EXPECT_EQ(Spell(blind.machine().Input(2)), "system: no token\nuser: hello\n");
  spec.moa.references = {.placement = ReferenceRules::Placement::kTrailing};
  spec.moa.aggregator.system_prompt = Text("S {helper_response}");
  JobDriver trailing(spec);
  trailing.FinishStage("r");
  EXPECT_THAT(Spell(trailing.machine().Input(2)),
              testing::StartsWith("system: S {helper_response}\n"));
  EXPECT_THAT(Spell(trailing.machine().Input(2)), HasSubstr("[Answer 1]\nr0"));
}

TEST(ReferencesTest, TheOrderIsShuffledByTheSeedAndComesBackAfterARestart) {
  JobSpec spec = MakeJob(1, 8);
  spec.moa.references.shuffle = true;
  JobDriver job(spec, 3);
  job.FinishStage("r");
  const std::string prompt = Spell(job.machine().Input(8));
  job.Restart();
  EXPECT_EQ(Spell(job.machine().Input(8)), prompt);
  JobDriver other(spec, 4);
  other.FinishStage("r");
  EXPECT_NE(Spell(other.machine().Input(8)), prompt);
  for (int i = 0; i < 8; ++i) EXPECT_THAT(prompt, HasSubstr(absl::StrCat("\nr", i)));
}

TEST(ReferencesTest, NearDuplicatesAreLeftOutWhereThatIsAskedFor) {
  JobSpec spec = MakeJob(1, 3);
  spec.moa.references.drop_similar = 0.9;
  JobDriver job(std::move(spec));
  job.DispatchAll();
  job.Succeed(0, "the same words in the same order here");
  job.Succeed(1, "The same words, in the same order here!");
  job.Succeed(2, "something altogether different was found by this one");
  const std::string prompt = Spell(job.machine().Input(3));
  EXPECT_THAT(prompt, HasSubstr("[Answer 2]\nsomething"));
  EXPECT_THAT(prompt, Not(HasSubstr("[Answer 3]")));
}

TEST(ReferencesTest, WhatIsCutToFitIsNoted) {
  JobSpec spec = MakeJob(1, 2);
  JobDriver job(std::move(spec));
  job.DispatchAll();
  job.Succeed(0, std::string(600'000, 'x'));
  job.Succeed(1, "short");
  ASSERT_THAT(job.machine().notes(1), SizeIs(1));
  EXPECT_THAT(job.machine().notes(1)[0],
              HasSubstr("to fit gpt-oss-120b (131072 tokens), of 2 texts 1 are cut"));
}

TEST(StandInTest, TheBestAnswerTakesTheAggregatorsPlaceWhenThatFails) {
  JobDriver job(MakeJob(1, 2));
  job.FinishStage("answer-");
  job.Dispatch(2);
  job.Fail(2, ErrorCode::kTruncated);
  EXPECT_EQ(job.machine().state(), JobState::kSucceeded);
  EXPECT_TRUE(job.machine().degraded());
  EXPECT_EQ(AnswerOfJob(job), "answer-0");
}

TEST(StandInTest, AWrongAggregatorIsNotGlossedOver) {
  for (const ErrorCode code : {ErrorCode::kInvalidRequest, ErrorCode::kModelNotFound}) {
    JobDriver job(MakeJob(1, 2));
    job.FinishStage("answer-");
    job.Dispatch(2);
    job.Fail(2, code);
    EXPECT_EQ(job.machine().state(), JobState::kFailed);
  }
}

TEST(BestAnswerTest, NobodysAnswerFailsTheJob) {
  JobSpec spec = MakeJob(1, 1);
  spec.moa.best_answer = true;
  spec.moa.aggregator = Agent();
  JobDriver job(std::move(spec));
  job.Dispatch(0);
  job.Fail(0, ErrorCode::kServerError);
  EXPECT_EQ(job.machine().state(), JobState::kFailed);
  EXPECT_EQ(job.RecordsOf<JobEnded>()[0].error.code, ErrorCode::kServerError);
}

}  // namespace
}  // namespace moa
