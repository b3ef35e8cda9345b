#include "simulator/faults.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace moa::simulator {

const char* const kFaultHelp =
    "kind[=value][,condition=value...]. Kinds: status=CODE[:VARIANT] (json, html; of 429: "
    "requests, tokens, "
    "queue, http-date, no-retry-after), reset, hang, slow=DURATION|xFACTOR, html, truncate, "
    "reset-stream, "
    "hang-stream, error-event, error-named-event, broken-json, invalid-utf8, split-utf8, "
    "split-lines, crlf, "
    "comments, no-ratelimit-headers, length-empty, content-and-reasoning, usage-chunk. Conditions: "
    "p=0..1, "
    "nth=N, first=N, every=N, after=N, model=ID, prompt=TEXT, from=DURATION, for=DURATION (a "
    "window, "
    "counted from when the fault was set). Also at=N (events before it strikes) and "
    "retry-after=SECONDS";

namespace {

struct KindName {
  const char* name;
  FaultKind kind;
  bool terminal;
};

constexpr KindName kKinds[] = {
    {"status", FaultKind::kStatus, true},
    {"reset", FaultKind::kReset, true},
    {"hang", FaultKind::kHang, true},
    {"slow", FaultKind::kSlow, false},
    {"html", FaultKind::kHtml, true},
    {"truncate", FaultKind::kTruncate, true},
    {"reset-stream", FaultKind::kResetStream, true},
    {"hang-stream", FaultKind::kHangStream, true},
    {"error-event", FaultKind::kErrorEvent, true},
    {"error-named-event", FaultKind::kErrorNamedEvent, true},
    {"broken-json", FaultKind::kBrokenJson, false},
    {"invalid-utf8", FaultKind::kInvalidUtf8, false},
    {"split-utf8", FaultKind::kSplitUtf8, false},
    {"split-lines", FaultKind::kSplitLines, false},
    {"crlf", FaultKind::kCrlf, false},
    {"comments", FaultKind::kComments, false},
    {"no-ratelimit-headers", FaultKind::kNoRateLimitHeaders, false},
    {"length-empty", FaultKind::kLengthEmpty, false},
    {"content-and-reasoning", FaultKind::kContentAndReasoning, false},
    {"usage-chunk", FaultKind::kUsageChunk, false},
};

constexpr const char* kAnyVariants[] = {"json", "html"};
constexpr const char* kTooManyVariants[] = {"requests", "tokens", "queue", "http-date",
                                            "no-retry-after"};
constexpr int64_t kSecondsMax = 86'400;

absl::Status Wrong(absl::string_view spec, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("fault '", spec, "': ", why));
}

// DURATION or xFACTOR.
absl::Status ParseSlowValue(absl::string_view value, FaultSpec& fault) {
  constexpr double kFactorMax = 1000;
  if (absl::ConsumePrefix(&value, "x")) {
    if (absl::SimpleAtod(value, &fault.factor) && fault.factor > 1 && fault.factor <= kFactorMax) {
      return absl::OkStatus();
    }
    return Wrong(fault.text, "slow=x takes a factor above 1, at most 1000: slow=x10");
  }
  if (absl::ParseDuration(value, &fault.delay) && fault.delay > absl::ZeroDuration() &&
      fault.delay <= absl::Seconds(kSecondsMax)) {
    return absl::OkStatus();
  }
  return Wrong(fault.text, "slow needs a duration or a factor: slow=500ms, slow=x10");
}

// CODE[:VARIANT]
absl::Status ParseStatusValue(absl::string_view value, FaultSpec& fault) {
  const std::vector<absl::string_view> parts = absl::StrSplit(value, absl::MaxSplits(':', 1));
  if (!absl::SimpleAtoi(parts[0], &fault.status) || fault.status < 400 || fault.status > 599) {
    return Wrong(fault.text, absl::StrCat("'", parts[0], "' is no status from 400 to 599"));
  }
  fault.variant = fault.status == 429 ? "requests" : "json";
  if (parts.size() == 1) return absl::OkStatus();
  fault.variant = std::string(parts[1]);
  const auto is = [&](const char* name) { return fault.variant == name; };
  const bool known = std::any_of(std::begin(kAnyVariants), std::end(kAnyVariants), is) ||
                     (fault.status == 429 &&
                      std::any_of(std::begin(kTooManyVariants), std::end(kTooManyVariants), is));
  if (known) return absl::OkStatus();
  return Wrong(
      fault.text,
      absl::StrCat(
          "there is no variant '", fault.variant, "' of ", fault.status, "; choose json or html",
          fault.status == 429 ? ", requests, tokens, queue, http-date or no-retry-after" : ""));
}

absl::Status ParseKind(absl::string_view part, FaultSpec& fault) {
  const std::vector<absl::string_view> pair = absl::StrSplit(part, absl::MaxSplits('=', 1));
  const auto* found = std::find_if(std::begin(kKinds), std::end(kKinds),
                                   [&](const KindName& kind) { return pair[0] == kind.name; });
  if (found == std::end(kKinds)) {
    return Wrong(fault.text, absl::StrCat("there is no kind '", pair[0], "'; choose ",
                                          absl::StrJoin(kKinds, ", ",
                                                        [](std::string* out, const KindName& kind) {
                                                          *out += kind.name;
                                                        })));
  }
  fault.kind = found->kind;
  const bool has_value = pair.size() == 2 && !pair[1].empty();
  if (fault.kind == FaultKind::kStatus) {
    if (!has_value) return Wrong(fault.text, "status needs a code: status=503");
    return ParseStatusValue(pair[1], fault);
  }
  if (fault.kind == FaultKind::kSlow) return ParseSlowValue(has_value ? pair[1] : "", fault);
  if (pair.size() == 2) return Wrong(fault.text, absl::StrCat(pair[0], " takes no value"));
  return absl::OkStatus();
}

absl::Status ParseCondition(absl::string_view part, FaultSpec& fault) {
  const std::vector<absl::string_view> pair = absl::StrSplit(part, absl::MaxSplits('=', 1));
  const absl::string_view name = pair[0];
  if (pair.size() != 2 || pair[1].empty()) {
    return Wrong(fault.text, absl::StrCat("'", part, "' is no condition=value"));
  }
  const absl::string_view value = pair[1];
  if (name == "model") {
    fault.model = std::string(value);
    return absl::OkStatus();
  }
  if (name == "prompt") {
    fault.prompt = std::string(value);
    return absl::OkStatus();
  }
  if (name == "from" || name == "for") {
    absl::Duration& target = name == "from" ? fault.from : fault.lasts;
    if (!absl::ParseDuration(value, &target) || target < absl::ZeroDuration() ||
        target > absl::Seconds(kSecondsMax)) {
      return Wrong(
          fault.text,
          absl::StrCat(name, " is a duration such as 10s, at most a day, not '", value, "'"));
    }
    return absl::OkStatus();
  }
  if (name == "p") {
    if (!absl::SimpleAtod(value, &fault.probability) ||
        !(fault.probability >= 0 && fault.probability <= 1)) {
      return Wrong(fault.text, absl::StrCat("p is a number from 0 to 1, not '", value, "'"));
    }
    return absl::OkStatus();
  }
  struct Number {
    const char* name;
    int64_t* target;
    int64_t min;
    int64_t max;
  };
  constexpr int64_t kCountMax = 1'000'000'000;
  const Number numbers[] = {
      {"nth", &fault.nth, 1, kCountMax},     {"first", &fault.first, 1, kCountMax},
      {"every", &fault.every, 1, kCountMax}, {"after", &fault.after, 1, kCountMax},
      {"at", &fault.at, 0, kCountMax},       {"retry-after", &fault.retry_after, 0, kSecondsMax}};
  for (const Number& number : numbers) {
    if (name != number.name) continue;
    if (!absl::SimpleAtoi(value, number.target) || *number.target < number.min ||
        *number.target > number.max) {
      return Wrong(fault.text, absl::StrCat(name, " is a whole number from ", number.min, " to ",
                                            number.max, ", not '", value, "'"));
    }
    return absl::OkStatus();
  }
  return Wrong(fault.text,
               absl::StrCat("there is no condition '", name,
                            "'; choose p, nth, first, every, after, model, prompt, from, for, "
                            "at or retry-after"));
}

bool Strikes(const FaultSpec& spec, int64_t matched, Random& random) {
  if (spec.nth > 0 && matched != spec.nth) return false;
  if (spec.first > 0 && matched > spec.first) return false;
  if (spec.every > 0 && matched % spec.every != 0) return false;
  if (matched <= spec.after) return false;
  return spec.probability >= 1 || random.Real() < spec.probability;
}

}  // namespace

bool IsTerminal(FaultKind kind) {
  return std::any_of(std::begin(kKinds), std::end(kKinds),
                     [&](const KindName& k) { return k.kind == kind && k.terminal; });
}

absl::StatusOr<FaultSpec> ParseFault(absl::string_view text) {
  FaultSpec fault;
  fault.text = std::string(text);
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ',');
  absl::Status status = ParseKind(parts[0], fault);
  for (size_t i = 1; i < parts.size() && status.ok(); ++i) status = ParseCondition(parts[i], fault);
  if (!status.ok()) return status;
  return fault;
}

Faults::Faults(std::vector<FaultSpec> specs, uint64_t seed, absl::Time now)
    : seed_(seed), random_(seed) {
  specs.resize(std::min(specs.size(), kFaultsMax));
  Replace(std::move(specs), now).IgnoreError();
}

absl::Status Faults::Replace(std::vector<FaultSpec> specs, absl::Time now) {
  if (specs.size() > kFaultsMax) {
    return absl::ResourceExhaustedError(absl::StrCat("at most ", kFaultsMax, " faults"));
  }
  const MutexLock lock(mutex_);
  entries_.clear();
  for (FaultSpec& spec : specs) entries_.push_back({std::move(spec), 0, 0});
  random_ = Random(seed_);
  set_at_ = now;
  any_.store(!entries_.empty());
  return absl::OkStatus();
}

std::vector<FaultSpec> Faults::Select(absl::string_view model, absl::string_view prompt,
                                      absl::Time now) {
  std::vector<FaultSpec> selected;
  if (!any_.load(std::memory_order_relaxed)) return selected;
  bool terminal = false;
  const MutexLock lock(mutex_);
  for (Entry& entry : entries_) {
    const FaultSpec& spec = entry.spec;
    const absl::Duration age = now - set_at_;
    if (age < spec.from || age - spec.from >= spec.lasts) continue;
    if (!spec.model.empty() && spec.model != model) continue;
    if (!spec.prompt.empty() && !absl::StrContains(prompt, spec.prompt)) continue;
    ++entry.matched;
    if (!Strikes(spec, entry.matched, random_)) continue;
    if (IsTerminal(spec.kind)) {
      if (terminal) continue;
      terminal = true;
    }
    ++entry.struck;
    selected.push_back(spec);
  }
  return selected;
}

std::string Faults::Json() {
  std::string out = "[";
  const MutexLock lock(mutex_);
  for (const Entry& entry : entries_) {
    if (out.size() > 1) out += ',';
    out += "{\"spec\":";
    AppendJsonString(out, entry.spec.text);
    absl::StrAppend(&out, ",\"matched\":", entry.matched, ",\"struck\":", entry.struck, "}");
  }
  return out + "]";
}

}  // namespace moa::simulator
