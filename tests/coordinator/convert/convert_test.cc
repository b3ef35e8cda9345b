#include "coordinator/convert/convert.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/status_matchers.h"
#include "coordinator/engine/plan.h"

namespace moa {
namespace {

using google::protobuf::util::MessageDifferencer;

// Bytes that a proto3 string would refuse.
const std::string kOddBytes("\0{}%s\xff\xc3\xf0\x9f\x98\x80", 11);

v1::Agent FullAgent(const std::string& name) {
  v1::Agent agent;
  agent.set_name(name);
  agent.set_model("gpt-oss-120b");
  agent.set_system_prompt(kOddBytes);
  agent.set_samples(3);
  agent.set_temperature(0.7);
  agent.set_top_p(0);
  agent.set_max_completion_tokens(800);
  agent.set_seed(0);
  agent.add_stop(kOddBytes);
  agent.set_reasoning_effort("low");
  agent.set_frequency_penalty(-2);
  agent.set_presence_penalty(2);
  agent.add_fallback_models("qwen-3.8-27b");
  agent.add_fallback_models("another");
  v1::ResponseFormat* format = agent.mutable_response_format();
  format->set_type(v1::ResponseFormat::JSON_SCHEMA);
  format->set_name("reply");
  format->set_schema(R"({"type":"object"})");
  format->set_strict(true);
  agent.set_sees(v1::Agent::DEALT);
  agent.set_description(kOddBytes);
  agent.mutable_grader()->set_name("mine@0123abcd");
  agent.mutable_grader()->set_definition(kOddBytes);
  return agent;
}

v1::JobSpec FullSpec() {
  v1::JobSpec spec;
  spec.set_name("trip");
  spec.set_tenant("default");
  for (const v1::Role role : {v1::ROLE_SYSTEM, v1::ROLE_DEVELOPER, v1::ROLE_USER}) {
    v1::Message* message = spec.add_messages();
    message->set_role(role);
    message->set_content(kOddBytes);
    message->set_name("someone");
  }
  v1::Message* assistant = spec.add_messages();
  assistant->set_role(v1::ROLE_ASSISTANT);
  assistant->set_reasoning(kOddBytes);
  v1::ToolCall* call = assistant->add_tool_calls();
  call->set_id("049d9b129");
  call->set_name("run_me");
  call->set_arguments(kOddBytes);
  v1::Message* tool = spec.add_messages();
  tool->set_role(v1::ROLE_TOOL);
  tool->set_content("42");
  tool->set_tool_call_id("049d9b129");
  v1::Layer* layer = spec.mutable_moa()->add_layers();
  layer->set_cycles(2);
  layer->mutable_quorum()->set_min(2);
  layer->mutable_quorum()->mutable_grace()->set_nanos(500'000'000);
  layer->mutable_enough()->set_answers(2);
  layer->mutable_enough()->set_confidence(0);
  *layer->mutable_route()->mutable_router() = FullAgent("router");
  layer->mutable_route()->set_top(1);
  v1::Critique* critique = layer->mutable_critique();
  *critique->add_critics() = FullAgent("critic");
  critique->set_scope(v1::Critique::ALL);
  critique->set_verdict(v1::Critique::SCORE);
  critique->set_keep(2);
  critique->set_accept_score(0);
  critique->set_accept_min(1);
  critique->set_rounds(3);
  critique->set_feedback(v1::Critique::ALL_ANSWERS);
  critique->add_escalate()->set_max_completion_tokens(16384);
  critique->mutable_escalate(0)->set_reasoning_effort("high");
  critique->mutable_escalate(0)->set_temperature(0);
  critique->set_may_end(true);
  layer->mutable_vote()->set_match(v1::MATCH_NUMBER);
  layer->mutable_vote()->set_min_agree(2);
  layer->mutable_early_exit()->set_match(v1::MATCH_LAST_LINE);
  layer->mutable_early_exit()->set_min_agree(2);
  v1::References* references = spec.mutable_moa()->mutable_references();
  references->set_placement(v1::References::SYSTEM);
  references->set_first_number(0);
  references->set_shuffle(true);
  references->set_drop_similar(0.5);
  references->set_template_(kOddBytes);
  spec.set_follows("01JABCDEFGHJKMNPQRSTVWXYZ0");
  spec.set_grades("01JABCDEFGHJKMNPQRSTVWXYZ1");
  v1::GradedJob& graded = *spec.mutable_graded();
  graded.set_name("attempt");
  graded.set_config("89abcdef");
  graded.set_total_tokens(12);
  graded.set_upstream_calls(3);
  graded.set_cost_usd(0.5);
  graded.set_latency_us(1500);
  *layer->add_agents() = FullAgent("one");
  *layer->add_agents() = FullAgent("two");
  *spec.mutable_moa()->mutable_aggregator() = FullAgent("aggregator");
  v1::Tool* definition = spec.add_tools();
  definition->set_name("run_me");
  definition->set_description(kOddBytes);
  definition->set_parameters("{}");
  definition->set_strict(false);
  spec.mutable_tool_choice()->set_mode(v1::ToolChoice::FUNCTION);
  spec.mutable_tool_choice()->set_function("run_me");
  spec.set_parallel_tool_calls(false);
  spec.mutable_deadline()->set_seconds(30);
  spec.mutable_deadline()->set_nanos(500'000'000);
  spec.set_seed(7);
  spec.mutable_budget()->set_max_total_tokens(200'000);
  spec.mutable_budget()->set_max_upstream_calls(40);
  spec.mutable_budget()->set_max_cost_usd(0.5);
  return spec;
}

std::string Differences(const google::protobuf::Message& a, const google::protobuf::Message& b) {
  std::string report;
  MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&report);
  differencer.Compare(a, b);
  return report;
}

// Every field of a job survives the way in and out, NULs and ill-formed UTF-8 included; optional fields that
// are present with their default value stay present.
TEST(ConvertTest, JobSurvivesTheRoundTrip) {
  const v1::JobSpec original = FullSpec();
  v1::JobSpec moved = original;
  const JobSpec spec = SpecFromProto(&moved);
  v1::JobSpec back;
  SpecToProto(spec, &back);
  EXPECT_EQ(Differences(original, back), "");
  EXPECT_EQ(spec.deadline, absl::Milliseconds(30'500));
  EXPECT_EQ(spec.moa.layers[0].agents[1].top_p, 0.0);
}

TEST(ConvertTest, AJobWithoutAnAggregatorSurvivesTheRoundTrip) {
  v1::JobSpec original = FullSpec();
  original.mutable_moa()->clear_aggregator();
  original.mutable_moa()->set_best_answer(true);
  v1::JobSpec moved = original;
  v1::JobSpec back;
  SpecToProto(SpecFromProto(&moved), &back);
  EXPECT_EQ(Differences(original, back), "");
}

// A reflection walk over FullSpec: a field added to the proto must be added to the engine's struct too.
TEST(ConvertTest, TheFullJobLeavesNoFieldOut) {
  const v1::JobSpec spec = FullSpec();
  const auto expect_all_set = [](const google::protobuf::Message& message,
                                 const std::string& except) {
    const auto* descriptor = message.GetDescriptor();
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const auto* field = descriptor->field(i);
      if (field->name() == except) continue;
      const bool set = field->is_repeated() ? message.GetReflection()->FieldSize(message, field) > 0
                                            : message.GetReflection()->HasField(message, field);
      EXPECT_TRUE(set) << descriptor->name() << "." << field->name();
    }
  };
  expect_all_set(spec, "preset");
  expect_all_set(spec.moa(), "best_answer");
  expect_all_set(spec.moa().references(), "");
  expect_all_set(spec.moa().layers(0), "");
  expect_all_set(spec.moa().layers(0).critique(), "");
  expect_all_set(spec.moa().layers(0).critique().escalate(0), "");
  expect_all_set(spec.moa().aggregator(), "");
  expect_all_set(spec.tools(0), "");
  expect_all_set(spec.tool_choice(), "");
}

TEST(ConvertTest, CompletionSurvivesTheRoundTrip) {
  v1::Completion original;
  original.set_content(kOddBytes);
  original.set_reasoning("thinking");
  original.add_tool_calls()->set_id("1");
  original.set_finish_reason("tool_calls");
  for (int field = 1; field <= 8; ++field) {
    auto* usage = original.mutable_usage();
    usage->GetReflection()->SetUInt64(usage, usage->GetDescriptor()->FindFieldByNumber(field),
                                      static_cast<uint64_t>(field) * 11);
  }
  original.mutable_time_info()->set_queue_seconds(0.1);
  original.mutable_time_info()->set_prompt_seconds(0.2);
  original.mutable_time_info()->set_completion_seconds(0.3);
  original.mutable_time_info()->set_total_seconds(0.6);
  original.set_response_id("chatcmpl-1");
  original.set_response_model("gpt-oss-120b");
  original.set_system_fingerprint("fp_1");
  original.set_service_tier_used("default");
  v1::Completion moved = original;
  v1::Completion back;
  CompletionToProto(CompletionFromProto(&moved), &back);
  EXPECT_EQ(Differences(original, back), "");
}

TEST(ConvertTest, EveryStateAndErrorCodeHasItsNumber) {
  for (int i = v1::JOB_STATE_QUEUED; i <= v1::JOB_STATE_CANCELLED; ++i) {
    const auto state = static_cast<v1::JobState>(i);
    EXPECT_EQ(JobStateToProto(JobStateFromProto(state)), state);
    EXPECT_EQ("JOB_STATE_" + std::string(JobStateName(JobStateFromProto(state))),
              v1::JobState_Name(state));
  }
  for (int i = v1::TASK_STATE_QUEUED; i <= v1::TASK_STATE_SKIPPED; ++i) {
    const auto state = static_cast<v1::TaskState>(i);
    EXPECT_EQ("TASK_STATE_" + std::string(TaskStateName(TaskStateFromProto(state))),
              v1::TaskState_Name(state));
  }
  for (int i = v1::ERROR_CODE_INVALID_REQUEST; i <= v1::ERROR_CODE_BUDGET_EXCEEDED; ++i) {
    v1::Error error;
    error.set_code(static_cast<v1::ErrorCode>(i));
    EXPECT_EQ("ERROR_CODE_" + std::string(ErrorCodeName(ErrorFromProto(error).code)),
              v1::ErrorCode_Name(error.code()));
  }
}

TEST(ConvertTest, AnErrorCodeOfALaterVersionIsUnspecified) {
  v1::Error error;
  error.set_code(static_cast<v1::ErrorCode>(999));
  EXPECT_EQ(ErrorFromProto(error).code, ErrorCode::kUnspecified);
}

// Proto strings must be UTF-8, and people read them: an error's text is mended and bounded on its way out.
TEST(ConvertTest, ErrorMessagesAreRepairedAndBounded) {
  v1::Error proto;
  ErrorToProto({.code = ErrorCode::kServerError, .message = "bad \xff" + std::string(5000, 'x')},
               &proto);
  EXPECT_TRUE(IsValidUtf8(proto.message()));
  EXPECT_EQ(proto.message().size(), 2048u);
  EXPECT_EQ(proto.message().substr(0, 7), "bad \xEF\xBF\xBD");
}

TEST(ConvertTest, AFinishedAttemptBecomesTheEnginesEvent) {
  v1::AttemptFinished finished;
  finished.mutable_ref()->set_job_id("01J");
  finished.mutable_ref()->set_task_index(3);
  finished.mutable_ref()->set_attempt(2);
  finished.mutable_ref()->set_epoch(9);
  finished.mutable_error()->mutable_error()->set_code(v1::ERROR_CODE_QUOTA_EXCEEDED);
  finished.mutable_error()->set_retryable(true);
  finished.mutable_error()->set_retry_after_us(49'000'000);
  finished.mutable_error()->mutable_usage()->set_prompt_tokens(5);
  const Event event = FinishedFromProto(&finished);
  const auto* failed = std::get_if<AttemptFailed>(&event);
  ASSERT_NE(failed, nullptr);
  EXPECT_EQ(failed->ref, (AttemptRef{.job = JobId("01J"), .task = 3, .attempt = 2, .epoch = 9}));
  EXPECT_EQ(failed->retry_after, absl::Seconds(49));
  EXPECT_TRUE(failed->retryable);
  EXPECT_EQ(failed->usage.prompt_tokens, 5u);

  finished.mutable_completion()->set_content("hello");
  finished.set_run_us(1500);
  const Event done = FinishedFromProto(&finished);
  const auto* succeeded = std::get_if<AttemptSucceeded>(&done);
  ASSERT_NE(succeeded, nullptr);
  EXPECT_EQ(succeeded->completion.content, Text("hello"));
  EXPECT_EQ(succeeded->run, absl::Microseconds(1500));
}

TEST(ConvertTest, TimesKeepTheirNanoseconds) {
  const absl::Time time = absl::FromUnixSeconds(1'790'000'000) + absl::Nanoseconds(123'456'789);
  EXPECT_EQ(TimeFromProto(TimeToProto(time)), time);
  EXPECT_EQ(TimeFromProto(TimeToProto(absl::FromUnixSeconds(-1) + absl::Nanoseconds(5))),
            absl::FromUnixSeconds(-1) + absl::Nanoseconds(5));
}

}  // namespace
}  // namespace moa
