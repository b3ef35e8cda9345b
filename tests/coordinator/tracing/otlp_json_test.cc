#include "coordinator/tracing/otlp_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace moa {
namespace {

Span FullSpan() {
  Span span;
  span.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  span.span_id = "00f067aa0ba902b7";
  span.parent_id = "00f067aa0ba902b8";
  span.state = "a=1";
  span.name = "chat m";
  span.kind = Span::Kind::kClient;
  span.begin = absl::FromUnixNanos(1'790'000'000'000'000'001);
  span.end = absl::FromUnixNanos(1'790'000'001'000'000'000);
  span.attributes = {
      {"text", std::string("a\"b")}, {"number", int64_t{1} << 60}, {"real", 0.5}, {"flag", true}};
  span.events = {{absl::FromUnixNanos(1'790'000'000'500'000'000), "first token"}};
  span.error = "RATE_LIMITED";
  return span;
}

// Written out, for it is a protocol: 64-bit numbers are strings, ids hexadecimal, enums numbers.
TEST(OtlpJsonTest, IsTheProtocolsJsonEncoding) {
  EXPECT_EQ(
      OtlpJson({{"service.name", std::string("moa-coordinator")}}, "1.2", {FullSpan()}),
      R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"moa-coordinator"}}]},)"
      R"("scopeSpans":[{"scope":{"name":"moa","version":"1.2"},"spans":[{)"
      R"("traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","parentSpanId":"00f067aa0ba902b8",)"
      R"("traceState":"a=1","name":"chat m","kind":3,)"
      R"("startTimeUnixNano":"1790000000000000001","endTimeUnixNano":"1790000001000000000",)"
      R"("attributes":[{"key":"text","value":{"stringValue":"a\"b"}},{"key":"number","value":{"intValue":"1152921504606846976"}},)"
      R"({"key":"real","value":{"doubleValue":0.5}},{"key":"flag","value":{"boolValue":true}}],)"
      R"("events":[{"timeUnixNano":"1790000000500000000","name":"first token"}],)"
      R"("status":{"message":"RATE_LIMITED","code":2}}]}]}]})");
}

TEST(OtlpJsonTest, WhatIsNotThereIsLeftOut) {
  Span span = FullSpan();
  span.parent_id.clear();
  span.state.clear();
  span.events.clear();
  span.error.reset();
  const std::string json = OtlpJson({}, "1", {span});
  for (const char* key : {"parentSpanId", "traceState", "events", "message", "code"}) {
    EXPECT_EQ(json.find(key), std::string::npos) << key;
  }
  EXPECT_NE(json.find("\"status\":{}"), std::string::npos);
}

TEST(OtlpJsonTest, WhatJsonCannotHoldIsMended) {
  Span span = FullSpan();
  span.name = "a\xFF";
  span.attributes = {{"real", std::numeric_limits<double>::infinity()}};
  const std::string json = OtlpJson({}, "1", {span});
  EXPECT_NE(json.find("a\xEF\xBF\xBD"), std::string::npos);
  EXPECT_NE(json.find("\"doubleValue\":0.0"), std::string::npos);
}

}  // namespace
}  // namespace moa
