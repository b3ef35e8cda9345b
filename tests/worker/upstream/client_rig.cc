#include "tests/worker/upstream/client_rig.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <utility>

#include "common/base/check.h"
#include "common/base/text.h"

namespace moa::upstream {
namespace {

constexpr std::chrono::seconds kPatience(30);

}  // namespace

CallResult RecordedCall::Result() {
  const auto limit = std::chrono::steady_clock::now() + kPatience;
  MutexLock lock(mutex_);
  while (!result_) {
    if (std::chrono::steady_clock::now() > limit) {
      ADD_FAILURE() << "the call did not end";
      return CallResult();
    }
    changed_.WaitFor(mutex_, kPatience);
  }
  return *result_;
}

bool RecordedCall::WaitForContent(absl::string_view text) {
  const auto limit = std::chrono::steady_clock::now() + kPatience;
  MutexLock lock(mutex_);
  while (content_ != text) {
    if (result_ || std::chrono::steady_clock::now() > limit) return false;
    changed_.WaitFor(mutex_, kPatience);
  }
  return true;
}

bool RecordedCall::done() const { return done_count() > 0; }

int RecordedCall::done_count() const {
  MutexLock lock(mutex_);
  return done_count_;
}

std::string RecordedCall::content() const {
  MutexLock lock(mutex_);
  return content_;
}

std::string RecordedCall::reasoning() const {
  MutexLock lock(mutex_);
  return reasoning_;
}

bool RecordedCall::deltas_are_whole() const {
  MutexLock lock(mutex_);
  return whole_;
}

void RecordedCall::OnDelta(absl::string_view content, absl::string_view reasoning) {
  MutexLock lock(mutex_);
  EXPECT_EQ(done_count_, 0) << "a delta after the result";
  EXPECT_FALSE(content.empty() && reasoning.empty());
  whole_ = whole_ && IsValidUtf8(content) && IsValidUtf8(reasoning);
  content_.append(content.data(), content.size());
  reasoning_.append(reasoning.data(), reasoning.size());
  changed_.NotifyAll();
}

void RecordedCall::OnDone(CallResult result) {
  MutexLock lock(mutex_);
  ++done_count_;
  result_ = std::move(result);
  changed_.NotifyAll();
}

ClientRig::ClientRig(UpstreamOptions options) {
  auto client = UpstreamClient::Create(loop_, std::move(options));
  EXPECT_TRUE(client.ok()) << client.status();
  client_ = *std::move(client);
}

ClientRig::~ClientRig() {
  DestroyClient();
  loop_.Stop();
}

UpstreamOptions ClientRig::OptionsFor(const std::string& base_url) {
  UpstreamOptions options;
  options.base_url = base_url;
  options.api_key = ApiKey::FromString("csk-secret");
  return options;
}

void ClientRig::Run(std::function<void(UpstreamClient& client)> task) {
  std::promise<void> ran;
  loop_.Post([&] {
    task(*client_);
    ran.set_value();
  });
  MOA_CHECK(ran.get_future().wait_for(kPatience) == std::future_status::ready);
}

void ClientRig::DestroyClient() {
  std::promise<void> ran;
  loop_.Post([&] {
    client_.reset();
    ran.set_value();
  });
  MOA_CHECK(ran.get_future().wait_for(kPatience) == std::future_status::ready);
}

std::shared_ptr<RecordedCall> ClientRig::Start(ChatRequest request) {
  auto call = std::make_shared<RecordedCall>();
  Run([&](UpstreamClient& client) {
    ChatCallbacks callbacks;
    callbacks.delta = [call](absl::string_view content, absl::string_view reasoning) {
      call->OnDelta(content, reasoning);
    };
    callbacks.done = [call](CallResult result) { call->OnDone(std::move(result)); };
    call->id = client.Start(std::move(request), std::move(callbacks));
    EXPECT_FALSE(call->done()) << "the result came from inside Start";
  });
  return call;
}

bool ClientRig::Cancel(const RecordedCall& call) {
  bool cancelled = false;
  Run([&](UpstreamClient& client) {
    const int before = call.done_count();
    cancelled = client.Cancel(call.id);
    EXPECT_EQ(call.done_count(), before) << "the result came from inside Cancel";
  });
  return cancelled;
}

ModelsResult ClientRig::ListModels() {
  std::promise<ModelsResult> result;
  Run([&](UpstreamClient& client) {
    client.ListModels([&](ModelsResult models) { result.set_value(std::move(models)); });
  });
  return result.get_future().get();
}

ChatRequest SimpleRequest(bool stream, absl::string_view prompt) {
  ChatRequest request;
  request.model = "gpt-oss-120b";
  Message message;
  message.content = prompt;
  request.prompt = {MessagesJson::Encode({&message, 1})};
  request.stream = stream;
  return request;
}

}  // namespace moa::upstream
