#include "coordinator/convert/codec.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "common/base/status_matchers.h"

namespace moa {
namespace {

JobSpec TwoLayers() {
  JobSpec spec;
  spec.messages.push_back({.role = Role::kUser, .content = Text("Plan a trip.")});
  Layer layer;
  layer.cycles = 2;
  for (const char* name : {"one", "two"}) {
    layer.agents.push_back(
        {.name = name, .model = "gpt-oss-120b", .system_prompt = Text("Think.")});
  }
  spec.moa.layers.push_back(layer);
  spec.moa.aggregator.model = "qwen-3.8-27b";
  return Normalize(spec);
}

Record RoundTrip(const Plan& plan, const Record& record) {
  const absl::StatusOr<Record> back = DecodeRecord(plan, EncodeRecord(plan, record).view());
  EXPECT_OK(back);
  return back.value_or(Record{});
}

TEST(CodecTest, EveryRecordSurvivesTheRoundTrip) {
  const auto plan = Compile(TwoLayers(), {});
  const absl::Time time = absl::FromUnixMicros(1'790'000'000'123'456);
  TaskResult success{
      .task = 3,
      .model = "gpt-oss-120b",
      .state = TaskState::kSucceeded,
      .completion = {.content = Text(std::string("a\0b", 3)),
                     .finish_reason = "stop",
                     .usage = {.prompt_tokens = 1, .completion_tokens = 2}},
      .attempts = 2,
      .queue = absl::Microseconds(10),
      .run = absl::Milliseconds(20),
      .ttft = absl::Milliseconds(5),
      .worker = "w1",
      .wasted = {.prompt_tokens = 7},
      .hedged = true,
      .cost_usd = 0.25,
      .failed_attempts = {
          {.model = "qwen-3.8-27b",
           .worker = "w0",
           .began = absl::Microseconds(3),
           .run = absl::Microseconds(4),
           .error = {.code = ErrorCode::kServerError, .message = "down", .http_status = 500}}}};
  TaskResult failure{.task = 0,
                     .model = "gpt-oss-120b",
                     .state = TaskState::kFailed,
                     .error = {.code = ErrorCode::kServerError,
                               .message = "down",
                               .http_status = 500,
                               .upstream_code = "x"}};
  TaskResult straggler{.task = 1,
                       .model = "qwen-3.8-27b",
                       .state = TaskState::kCancelled,
                       .error = {.code = ErrorCode::kCancelled, .message = "the quorum was met"},
                       .cost_usd = 0};
  TaskResult left_out{.task = 2,
                      .model = "qwen-3.8-27b",
                      .state = TaskState::kSkipped,
                      .error = {.code = ErrorCode::kBudgetExceeded, .message = "no budget"}};
  const JobEnded ended{
      .state = JobState::kFailed,
      .error = {.code = ErrorCode::kCancelled, .message = "cancelled"},
      .latency = absl::Seconds(2),
      .critical_path = absl::Seconds(1),
      .usage = {.tokens = {.prompt_tokens = 3}, .upstream_calls = 4, .cost_usd = 0.5}};
  const decltype(Record::what) all[] = {
      JobAccepted{.seed = ~uint64_t{0}},
      LayerStarted{.stage = 1},
      TaskFinished{.result = success},
      TaskFinished{.result = failure},
      TaskFinished{.result = straggler},
      TaskFinished{.result = left_out},
      JobDegraded{.stage = 1, .survivors = 1, .failed = 1, .reason = "one is gone"},
      ended};
  uint64_t sequence = 1;
  for (const auto& what : all) {
    const Record record{.sequence = sequence++, .time = time, .what = what};
    EXPECT_EQ(RoundTrip(*plan, record), record) << "kind " << record.what.index();
  }
}

// As an earlier version stored it: a result without the cost of its calls.
TEST(CodecTest, ARecordOfAnEarlierVersionIsRead) {
  const auto plan = Compile(TwoLayers(), {});
  const absl::StatusOr<Record> record = DecodeRecord(
      *plan,
      absl::string_view("\x08\x03\x2a\x0d\x0a\x02\x28\x01\x12\x01m\x18\x03\x22\x00\x30\x02", 17));
  ASSERT_OK(record);
  const TaskResult& result = std::get<TaskFinished>(record->what).result;
  EXPECT_EQ(result.task, 1u);
  EXPECT_EQ(result.model, "m");
  EXPECT_EQ(result.attempts, 2u);
  EXPECT_EQ(result.cost_usd, std::nullopt);
  EXPECT_FALSE(result.hedged);
}

TEST(CodecTest, BytesThatAreNoRecordAreDataLoss) {
  const auto plan = Compile(TwoLayers(), {});
  EXPECT_THAT(DecodeRecord(*plan, "\xff\xff"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(DecodeRecord(*plan, ""), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(DecodeSpec("\xff\xff"), StatusIs(absl::StatusCode::kDataLoss));
}

// A history that names what the job does not have cannot be run; it must not be indexed either.
TEST(CodecTest, RecordsOfAnotherJobsPlanAreDataLoss) {
  const auto plan = Compile(TwoLayers(), {});
  JobSpec plain = TwoLayers();
  plain.moa.layers.clear();
  const auto small = Compile(plain, {});
  const Record task{.sequence = 2,
                    .what = TaskFinished{.result = {.task = 3, .state = TaskState::kFailed}}};
  const Record layer{.sequence = 2, .what = LayerStarted{.stage = 1}};
  EXPECT_THAT(DecodeRecord(*small, EncodeRecord(*plan, task).view()),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(DecodeRecord(*small, EncodeRecord(*plan, layer).view()),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(CodecTest, SpecSurvivesTheStore) {
  const JobSpec spec = TwoLayers();
  const absl::StatusOr<JobSpec> back = DecodeSpec(EncodeSpec(spec).view());
  ASSERT_OK(back);
  EXPECT_EQ(*back, spec);
}

TEST(CodecTest, TheHashTellsJobsApartAndIgnoresHowTheyAreWritten) {
  const JobSpec spec = TwoLayers();
  JobSpec other = spec;
  other.messages[0].content = Text("Plan a trip!");
  EXPECT_EQ(HashSpec(spec), HashSpec(Normalize(spec)));
  EXPECT_EQ(HashSpec(spec).size(), 32u);
  EXPECT_NE(HashSpec(spec), HashSpec(other));
}

// Attempts are adopted by this hash: whatever changes the call must change it, and nothing else.
TEST(InputHasherTest, DependsOnEverythingThatIsSent) {
  const JobSpec spec = TwoLayers();
  JobSpec with_tools = spec;
  with_tools.tools.push_back({.name = "run_me"});
  const SharedContext conversation{.id = 0, .messages = spec.messages};
  SharedContext other{.id = 0, .messages = spec.messages};
  other.messages[0].content = Text("Something else.");
  const Agent& agent = spec.moa.layers[0].agents[0];
  Agent warm = agent;
  warm.temperature = 1.5;
  const CallInput base{.model = "gpt-oss-120b",
                       .prompt = {{.message = {.role = Role::kSystem, .content = Text("Think.")}},
                                  {.context = &conversation}},
                       .agent = &agent};
  std::set<std::string> hashes;
  const auto add = [&](const CallInput& input, const JobSpec& job) {
    InputHasher hasher;
    return hashes.insert(hasher.Hash(input, job)).second;
  };
  EXPECT_TRUE(add(base, spec));
  EXPECT_FALSE(add(base, spec));
  EXPECT_FALSE(add(base, with_tools));  // only the aggregator gets tools
  CallInput changed = base;
  changed.model = "qwen-3.8-27b";
  EXPECT_TRUE(add(changed, spec));
  changed = base;
  changed.seed = 4;
  EXPECT_TRUE(add(changed, spec));
  changed = base;
  changed.agent = &warm;
  EXPECT_TRUE(add(changed, spec));
  changed = base;
  changed.prompt[1].context = &other;
  EXPECT_TRUE(add(changed, spec));
  changed = base;
  changed.prompt[0].message.content = Text("Think!");
  EXPECT_TRUE(add(changed, spec));
  changed = base;
  changed.with_tools = true;
  EXPECT_TRUE(add(changed, with_tools));
}

TEST(InputHasherTest, RemembersContextsByTheirId) {
  const JobSpec spec = TwoLayers();
  const SharedContext first{.id = 1, .messages = spec.messages};
  SharedContext second{.id = 2, .messages = spec.messages};
  second.messages[0].content = Text("Answers of the layer before.");
  CallInput input{.model = "m", .prompt = {{.context = &first}}, .agent = &spec.moa.aggregator};
  InputHasher hasher;
  const std::string of_first = hasher.Hash(input, spec);
  input.prompt[0].context = &second;
  EXPECT_NE(hasher.Hash(input, spec), of_first);
  input.prompt[0].context = &first;
  EXPECT_EQ(hasher.Hash(input, spec), of_first);
}

}  // namespace
}  // namespace moa
