#include "coordinator/tracing/job_spans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/common/trace/trace_sample.h"

namespace moa {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const TraceContext kClient{.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736",
                           .span_id = "00f067aa0ba902b7",
                           .sampled = true,
                           .state = "congo=t61"};

std::vector<Span> SampleSpans(const TraceContext& context = kClient) {
  return JobSpans(TracedJob(), TracedEvents().events(), context);
}

const Span& Named(const std::vector<Span>& spans, const std::string& name) {
  const auto it =
      std::find_if(spans.begin(), spans.end(), [&](const Span& span) { return span.name == name; });
  if (it == spans.end()) throw std::out_of_range(name);
  return *it;
}

std::string TextOf(const Span& span, const std::string& key) {
  for (const auto& [name, value] : span.attributes) {
    if (name != key) continue;
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
    if (const auto* number = std::get_if<int64_t>(&value)) return absl::StrCat(*number);
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  }
  return "(none)";
}

TEST(JobSpansTest, AJobIsATreeUnderTheClientsSpan) {
  const std::vector<Span> spans = SampleSpans();
  std::map<std::string, const Span*> by_id;
  for (const Span& span : spans) {
    EXPECT_TRUE(by_id.emplace(span.span_id, &span).second) << span.name;
    EXPECT_EQ(span.trace_id, kClient.trace_id);
    EXPECT_EQ(span.state, kClient.state);
  }
  std::vector<std::string> paths;
  for (const Span& span : spans) {
    std::string path = span.name;
    const Span* at = &span;
    while (at->parent_id != kClient.span_id) {
      const Span* parent = by_id.at(at->parent_id);
      EXPECT_LE(parent->begin, at->begin);
      EXPECT_LE(at->end, parent->end);
      at = parent;
      path = absl::StrCat(at->name, " > ", path);
    }
    paths.push_back(path);
  }
  EXPECT_THAT(paths, ElementsAre("job", "job > layer 1 round 1",
                                 "job > layer 1 round 1 > invoke_agent planner",
                                 "job > layer 1 round 1 > invoke_agent planner > chat gpt-oss-120b",
                                 "job > layer 1 round 1 > invoke_agent local",
                                 "job > layer 1 round 1 > invoke_agent local > chat gpt-oss-120b",
                                 "job > layer 1 round 1 > invoke_agent local > chat gpt-oss-120b",
                                 "job > layer 1 round 1 > invoke_agent local > chat gpt-oss-120b",
                                 "job > layer 1 round 1 > invoke_agent spare", "job > aggregator",
                                 "job > aggregator > invoke_agent aggregator",
                                 "job > aggregator > invoke_agent aggregator > chat gpt-oss-120b"));
}

TEST(JobSpansTest, TimesAreThoseOfTheJob) {
  const std::vector<Span> spans = SampleSpans();
  const absl::Time start = spans.front().begin;
  EXPECT_EQ(start, absl::FromUnixMillis(1'790'000'000'000));
  EXPECT_EQ(spans.front().end - start, absl::Seconds(1));
  const Span& call = spans[3];  // the planner's
  EXPECT_EQ(call.begin - start, absl::Milliseconds(50));
  EXPECT_EQ(call.end - start, absl::Milliseconds(550));
  EXPECT_THAT(call.events,
              ElementsAre(std::pair(start + absl::Milliseconds(150), std::string("first token"))));
}

TEST(JobSpansTest, AttributesAreOpenTelemetrys) {
  const std::vector<Span> spans = SampleSpans();
  const Span& job = spans.front();
  EXPECT_EQ(job.kind, Span::Kind::kServer);
  EXPECT_EQ(TextOf(job, "moa.job.id"), "J1");
  EXPECT_EQ(TextOf(job, "moa.job.name"), "trip");
  EXPECT_EQ(TextOf(job, "moa.job.state"), "SUCCEEDED");
  const Span& call = spans[3];
  EXPECT_EQ(call.kind, Span::Kind::kClient);
  EXPECT_EQ(TextOf(call, "gen_ai.operation.name"), "chat");
  EXPECT_EQ(TextOf(call, "gen_ai.request.model"), "gpt-oss-120b");
  EXPECT_EQ(TextOf(call, "gen_ai.usage.input_tokens"), "90");
  EXPECT_EQ(TextOf(call, "gen_ai.usage.output_tokens"), "60");
  EXPECT_EQ(TextOf(Named(spans, "invoke_agent planner"), "gen_ai.agent.name"), "planner");
  EXPECT_EQ(TextOf(Named(spans, "invoke_agent aggregator"), "moa.task.hedged"), "true");
  EXPECT_EQ(TextOf(Named(spans, "invoke_agent aggregator"), "moa.task.attempts"), "2");
  EXPECT_EQ(call.error, std::nullopt);
}

// What a provider says of a mistake may quote the prompt.
TEST(JobSpansTest, AnErrorIsItsCodeAndNoText) {
  const std::vector<Span> spans = SampleSpans();
  const Span& failed = Named(spans, "invoke_agent local");
  EXPECT_EQ(failed.error, "SERVER_ERROR");
  EXPECT_EQ(TextOf(failed, "error.type"), "SERVER_ERROR");
  for (const Span& span : spans) EXPECT_THAT(span.error.value_or(""), Not(HasSubstr("500")));
}

TEST(JobSpansTest, AttemptsThatFailedAreCallsOfTheirTask) {
  const std::vector<Span> spans = SampleSpans();
  const std::string task = Named(spans, "invoke_agent local").span_id;
  std::vector<std::string> errors;
  std::set<std::string> ids;
  for (const Span& span : spans) {
    EXPECT_TRUE(ids.insert(span.span_id).second);
    if (span.parent_id == task) errors.push_back(span.error.value_or(""));
  }
  EXPECT_THAT(errors, ElementsAre("QUOTA_EXCEEDED", "SERVER_ERROR", "SERVER_ERROR"));
}

TEST(JobSpansTest, ACallsSpanIsTheOneThatTheModelsServerWasTold) {
  const std::vector<Span> spans = SampleSpans();
  EXPECT_EQ(spans[3].span_id, CallSpanId(kClient.trace_id, "J1", 0));
  EXPECT_EQ(spans.back().span_id, CallSpanId(kClient.trace_id, "J1", 3));
}

TEST(JobSpansTest, WithoutAClientsSpanTheJobIsTheRootOfATraceOfItsOwn) {
  const TraceContext context = ContextOf("J1", std::nullopt, 1);
  EXPECT_TRUE(context.sampled);
  const std::vector<Span> spans = SampleSpans(context);
  EXPECT_EQ(spans.front().parent_id, "");
  EXPECT_EQ(spans.front().trace_id, DeriveTraceId("J1"));
  EXPECT_EQ(spans, SampleSpans(ContextOf("J1", std::nullopt, 1)));
  EXPECT_FALSE(ContextOf("J1", std::nullopt, 0).sampled);
  EXPECT_EQ(ContextOf("J1", kClient, 0), kClient);
}

TEST(JobSpansTest, WhatIsMissingBreaksNothing) {
  EXPECT_EQ(JobSpans(v1::Job(), {}, kClient).size(), 1u);
  std::vector<v1::JobEvent> events = TracedEvents().events();
  events.resize(3);  // cut off in the middle of a layer
  EXPECT_EQ(JobSpans(TracedJob(), events, kClient).front().name, "job");
}

}  // namespace
}  // namespace moa
