#include "worker/rpc/call_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"

namespace moa::worker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1);
constexpr absl::Duration kBeat = CallRunner::kDeltaInterval;
constexpr size_t kNoBound = 1 << 20;

// Calls whose text the test writes. A call's id is its task's index.
class FakeClient : public CallClient {
 public:
  void Text(upstream::CallId id, absl::string_view content) {
    Call& call = calls_.at(id);
    absl::StrAppend(&call.content, content);
    call.callbacks.delta(content, "");
  }
  void End(upstream::CallId id) {
    Call call = std::move(calls_.at(id));
    calls_.erase(id);
    upstream::Completion completion;
    completion.content = call.content;
    upstream::CallResult result;
    result.outcome = std::move(completion);
    call.callbacks.done(std::move(result));
  }

  upstream::MessagesJson Encode(const v1::PutContext&) const override { return {}; }
  absl::StatusOr<upstream::CallId> Start(const v1::RunTask& task, const Contexts&,
                                         const upstream::Timeouts&,
                                         upstream::ChatCallbacks callbacks) override {
    const upstream::CallId id = task.ref().task_index();
    calls_[id].callbacks = std::move(callbacks);
    return id;
  }
  bool Cancel(upstream::CallId id) override { return calls_.erase(id) > 0; }
  std::optional<upstream::CallProgress> Progress(upstream::CallId id) const override {
    const auto it = calls_.find(id);
    if (it == calls_.end()) return std::nullopt;
    return upstream::CallProgress{
        .content = it->second.content, .reasoning = "", .last_byte_time = kStart};
  }
  void Count(absl::string_view, const upstream::CallResult&) override {}

 private:
  struct Call {
    upstream::ChatCallbacks callbacks;
    std::string content;
  };
  std::map<upstream::CallId, Call> calls_;
};

class CallRunnerTest : public testing::Test {
 protected:
  CallRunnerTest()
      : runner_(client_,
                [this](CallRunner::Key key, upstream::CallResult) { done_.push_back(key); }) {}
  ~CallRunnerTest() override {
    for (const CallRunner::Key key : started_) runner_.Drop(key);
  }

  // Somebody watches it.
  void Start(uint32_t task) {
    v1::RunTask run;
    run.mutable_ref()->set_task_index(task);
    run.set_stream_deltas(true);
    EXPECT_OK(runner_.Start(task, {"job", task, 1, 7}, run, {}, {}));
    started_.push_back(task);
  }
  // "task:offset:text" of each.
  std::vector<std::string> Take(absl::Time now, size_t bytes_max = kNoBound) {
    std::vector<std::string> taken;
    for (const v1::AttemptDelta& delta : runner_.TakeDeltas(now, bytes_max)) {
      taken.push_back(absl::StrCat(delta.ref().task_index(), ":", delta.content_offset(), ":",
                                   delta.content()));
    }
    return taken;
  }

  FakeClient client_;
  std::vector<CallRunner::Key> done_;
  std::vector<CallRunner::Key> started_;
  CallRunner runner_;
};

TEST_F(CallRunnerTest, TheFirstTextGoesAtOnceTheNextOnTheBeatWithAllThatHasCome) {
  Start(1);
  EXPECT_EQ(runner_.NextDeltaTime(), absl::InfiniteFuture());
  client_.Text(1, "a");
  EXPECT_LE(runner_.NextDeltaTime(), kStart);
  EXPECT_THAT(Take(kStart), ElementsAre("1:0:a"));
  client_.Text(1, "b");
  client_.Text(1, "c");
  EXPECT_EQ(runner_.NextDeltaTime(), kStart + kBeat);
  EXPECT_THAT(Take(kStart + kBeat / 2), IsEmpty());
  EXPECT_THAT(Take(kStart + kBeat), ElementsAre("1:1:bc"));
  EXPECT_THAT(Take(kStart + 5 * kBeat), IsEmpty());
  client_.Text(1, "d");
  EXPECT_THAT(Take(kStart + 5 * kBeat), ElementsAre("1:3:d"));
}

TEST_F(CallRunnerTest, AllCallsKeepOneBeat) {
  Start(1);
  Start(2);
  client_.Text(1, "a");
  EXPECT_THAT(Take(kStart), ElementsAre("1:0:a"));
  // One that begins in between is not held back, and does not move the beat.
  client_.Text(2, "x");
  client_.Text(1, "b");
  EXPECT_THAT(Take(kStart + kBeat / 2), ElementsAre("2:0:x"));
  client_.Text(2, "y");
  EXPECT_EQ(runner_.NextDeltaTime(), kStart + kBeat);
  EXPECT_THAT(Take(kStart + kBeat), UnorderedElementsAre("1:1:b", "2:1:y"));
}

TEST_F(CallRunnerTest, WhatIsTooMuchForOneMessageComesInTheNextOfTheSameBeat) {
  for (const uint32_t task : {1, 2, 3}) {
    Start(task);
    client_.Text(task, "abc");
  }
  EXPECT_THAT(Take(kStart, 4), SizeIs(2));
  EXPECT_LE(runner_.NextDeltaTime(), kStart);
  EXPECT_THAT(Take(kStart, 4), SizeIs(1));
  for (const uint32_t task : {1, 2, 3}) client_.Text(task, "def");
  EXPECT_THAT(Take(kStart + kBeat, 4), SizeIs(2));
  EXPECT_THAT(Take(kStart + kBeat, 4), SizeIs(1));
  EXPECT_THAT(Take(kStart + kBeat, 4), IsEmpty());
}

TEST_F(CallRunnerTest, TheLastTextIsThereWhenTheCallHasEnded) {
  Start(1);
  Start(2);
  client_.Text(1, "a");
  EXPECT_THAT(Take(kStart), ElementsAre("1:0:a"));
  client_.Text(1, "b");
  client_.End(1);
  EXPECT_THAT(done_, ElementsAre(1));
  EXPECT_TRUE(runner_.has_last_deltas());
  EXPECT_THAT(Take(kStart), ElementsAre("1:1:b")) << "it waits for no beat";
  EXPECT_FALSE(runner_.has_last_deltas());
}

TEST_F(CallRunnerTest, ACallThatIsGoneIsNotWaitedFor) {
  CallRunner other(client_, [](CallRunner::Key, upstream::CallResult) {});
  for (const uint32_t task : {1, 2, 3}) {
    Start(task);
    client_.Text(task, "a");
  }
  runner_.Drop(1);
  client_.End(2);
  runner_.MoveTo(other, 3, 3);
  EXPECT_EQ(other.NextDeltaTime(), absl::InfiniteFuture()) << "nobody has asked there";
  EXPECT_THAT(Take(kStart), ElementsAre("2:0:a"));
  EXPECT_EQ(runner_.NextDeltaTime(), absl::InfiniteFuture());
  Start(4);
  client_.Text(4, "b");
  EXPECT_THAT(Take(kStart), ElementsAre("4:0:b"));
  client_.Text(4, "c");
  EXPECT_EQ(runner_.NextDeltaTime(), kStart + kBeat);
  other.SetDeltas(3, true);
  EXPECT_THAT(other.TakeDeltas(kStart, kNoBound), SizeIs(1));
  other.Drop(3);
}

TEST_F(CallRunnerTest, WhoAsksAgainGetsTheTextFromItsStartAtOnce) {
  Start(1);
  client_.Text(1, "ab");
  EXPECT_THAT(Take(kStart), ElementsAre("1:0:ab"));
  runner_.SetDeltas(1, true);
  EXPECT_THAT(Take(kStart), ElementsAre("1:0:ab"));
  runner_.SetDeltas(1, false);
  client_.Text(1, "c");
  EXPECT_THAT(Take(kStart + kBeat), IsEmpty());
  runner_.StopDeltas();
  EXPECT_EQ(runner_.NextDeltaTime(), absl::InfiniteFuture());
}

}  // namespace
}  // namespace moa::worker
