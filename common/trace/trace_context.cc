#include "common/trace/trace_context.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/hash/sha256.h"

namespace moa {
namespace {

// The parts of version-traceid-parentid-flags.
constexpr size_t kVersionDigits = 2;
constexpr size_t kTraceIdDigits = 32;
constexpr size_t kSpanIdDigits = 16;
constexpr size_t kFlagsDigits = 2;
constexpr size_t kLength = kVersionDigits + kTraceIdDigits + kSpanIdDigits + kFlagsDigits + 3;

bool IsHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c)) || (c >= 'a' && c <= 'f');
  });
}

bool IsId(absl::string_view text) {
  return IsHex(text) && text.find_first_not_of('0') != absl::string_view::npos;
}

bool IsPrintable(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

std::optional<TraceContext> ParseTraceContext(absl::string_view traceparent,
                                              absl::string_view tracestate) {
  const absl::string_view text = absl::StripAsciiWhitespace(traceparent);
  if (text.size() < kLength) return std::nullopt;
  const absl::string_view version = text.substr(0, kVersionDigits);
  // Later versions may have more after the flags.
  const bool has_more = text.size() > kLength;
  if (!IsHex(version) || version == "ff" || (has_more && version == "00")) return std::nullopt;
  if (has_more && text[kLength] != '-') return std::nullopt;
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  const absl::string_view trace_id = text.substr(3, kTraceIdDigits);
  const absl::string_view span_id = text.substr(36, kSpanIdDigits);
  const absl::string_view flags = text.substr(53, kFlagsDigits);
  if (!IsId(trace_id) || !IsId(span_id) || !IsHex(flags)) return std::nullopt;
  const char low = flags[1];
  const int bits = low <= '9' ? low - '0' : low - 'a' + 10;
  TraceContext context{.trace_id = std::string(trace_id),
                       .span_id = std::string(span_id),
                       .sampled = (bits & 1) != 0,
                       .state = {}};
  const absl::string_view state = absl::StripAsciiWhitespace(tracestate);
  if (state.size() <= kTraceStateBytesMax && IsPrintable(state)) context.state = std::string(state);
  return context;
}

std::string TraceParent(const TraceContext& context) {
  return absl::StrCat("00-", context.trace_id, "-", context.span_id,
                      context.sampled ? "-01" : "-00");
}

std::string DeriveTraceId(absl::string_view of) {
  return Sha256Hex(absl::StrCat("moa-trace:", of)).substr(0, kTraceIdDigits);
}

std::string DeriveSpanId(absl::string_view trace_id, absl::string_view of) {
  return Sha256Hex(absl::StrCat("moa-span:", trace_id, ":", of)).substr(0, kSpanIdDigits);
}

// As OpenTelemetry's TraceIdRatioBased sampler: by the id's last digits, which are random also where the first are not.
bool IsSampled(absl::string_view trace_id, double share) {
  uint64_t low = 0;
  if (trace_id.size() < kSpanIdDigits ||
      !absl::SimpleHexAtoi(trace_id.substr(trace_id.size() - kSpanIdDigits), &low)) {
    return share > 0;
  }
  // 53 bits: what a double holds.
  return std::ldexp(static_cast<double>(low >> 11), -53) < share;
}

}  // namespace moa
