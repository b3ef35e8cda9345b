#include "worker/rpc/call_runner.h"

#include <optional>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "worker/rpc/convert.h"

namespace moa::worker {

CallRunner::CallRunner(CallClient& client, Done done) : client_(client), done_(std::move(done)) {}

CallRunner::~CallRunner() { MOA_CHECK(calls_.empty()); }

absl::Status CallRunner::Start(Key key, const AttemptRef& ref, const v1::RunTask& task,
                               const Contexts& contexts, const upstream::Timeouts& timeouts) {
  const auto place = std::make_shared<Place>(Place{.runner = this, .key = key});
  upstream::ChatCallbacks callbacks;
  callbacks.delta = [place](absl::string_view, absl::string_view) {
    if (place->runner != nullptr) place->runner->OnText(place->key);
  };
  callbacks.done = [place](upstream::CallResult result) {
    if (place->runner != nullptr) place->runner->OnDone(place->key, std::move(result));
  };
  MOA_ASSIGN_OR_RETURN(const upstream::CallId id,
                       client_.Start(task, contexts, timeouts, std::move(callbacks)));
  Call& call = calls_[key];
  call.place = place;
  call.id = id;
  call.ref = ref;
  call.model = task.model();
  call.deltas = task.stream_deltas();
  return absl::OkStatus();
}

void CallRunner::Cancel(Key key) {
  const auto it = calls_.find(key);
  if (it != calls_.end()) client_.Cancel(it->second.id);
}

void CallRunner::Drop(Key key) {
  const auto it = calls_.find(key);
  if (it == calls_.end()) return;
  const upstream::CallId id = it->second.id;
  SetWaiting(it->second, false);
  *it->second.place = {};
  calls_.erase(it);
  client_.Cancel(id);
}

void CallRunner::MoveTo(CallRunner& to, Key key, Key key_there) {
  const auto it = calls_.find(key);
  MOA_CHECK(it != calls_.end());
  SetWaiting(it->second, false);
  Call call = std::move(it->second);
  calls_.erase(it);
  call.deltas = false;
  *call.place = {.runner = &to, .key = key_there};
  to.calls_.emplace(key_there, std::move(call));
}

void CallRunner::SetWaiting(Call& call, bool waiting) {
  if (std::exchange(call.waiting, waiting) == waiting) return;
  waiting ? ++waiting_ : --waiting_;
  if (!call.begun) waiting ? ++beginning_ : --beginning_;
}

void CallRunner::OnText(Key key) {
  const auto it = calls_.find(key);
  if (it != calls_.end() && it->second.deltas) SetWaiting(it->second, true);
}

void CallRunner::OnDone(Key key, upstream::CallResult result) {
  const auto it = calls_.find(key);
  if (it == calls_.end()) return;
  Call& call = it->second;
  client_.Count(call.model, result);
  if (call.deltas && result.ok()) {
    v1::AttemptDelta delta;
    const upstream::Completion& completion = result.completion();
    if (FillDelta(call, completion.content, completion.reasoning, &delta)) {
      last_deltas_.push_back(std::move(delta));
    }
  }
  SetWaiting(call, false);
  calls_.erase(it);
  done_(key, std::move(result));
}

void CallRunner::SetDeltas(Key key, bool on) {
  const auto it = calls_.find(key);
  if (it == calls_.end()) return;
  Call& call = it->second;
  SetWaiting(call, false);
  call.deltas = on;
  call.content_sent = 0;
  call.reasoning_sent = 0;
  call.begun = false;
  SetWaiting(call, on);
}

void CallRunner::StopDeltas() {
  for (auto& [key, call] : calls_) {
    call.deltas = false;
    SetWaiting(call, false);
  }
  last_deltas_.clear();
}

std::vector<v1::AttemptDelta> CallRunner::TakeDeltas(absl::Time now, size_t bytes_max) {
  std::vector<v1::AttemptDelta> deltas;
  size_t bytes = 0;
  const auto take = [&](v1::AttemptDelta delta) {
    bytes += delta.content().size() + delta.reasoning().size();
    deltas.push_back(std::move(delta));
  };
  while (!last_deltas_.empty() && bytes < bytes_max) {
    take(std::move(last_deltas_.front()));
    last_deltas_.pop_front();
  }
  const bool on_beat = now >= next_beat_;
  bool all = true;
  if (beginning_ > 0 || (on_beat && waiting_ > 0)) {
    for (auto& [key, call] : calls_) {
      if (!call.waiting || (call.begun && !on_beat)) continue;
      if (bytes >= bytes_max) {
        all = false;
        break;
      }
      SetWaiting(call, false);
      const std::optional<upstream::CallProgress> progress = client_.Progress(call.id);
      v1::AttemptDelta delta;
      if (!progress.has_value() ||
          !FillDelta(call, progress->content, progress->reasoning, &delta)) {
        continue;
      }
      take(std::move(delta));
      call.begun = true;
    }
  }
  if (!deltas.empty() && all && on_beat) next_beat_ = now + kDeltaInterval;
  return deltas;
}

bool CallRunner::FillDelta(Call& call, absl::string_view content, absl::string_view reasoning,
                           v1::AttemptDelta* delta) {
  if (content.size() <= call.content_sent && reasoning.size() <= call.reasoning_sent) return false;
  ToProto(call.ref, delta->mutable_ref());
  delta->set_content_offset(call.content_sent);
  delta->set_reasoning_offset(call.reasoning_sent);
  if (content.size() > call.content_sent) {
    delta->set_content(std::string(content.substr(call.content_sent)));
    call.content_sent = content.size();
  }
  if (reasoning.size() > call.reasoning_sent) {
    delta->set_reasoning(std::string(reasoning.substr(call.reasoning_sent)));
    call.reasoning_sent = reasoning.size();
  }
  return true;
}

absl::Time CallRunner::NextDeltaTime() const {
  if (!last_deltas_.empty() || beginning_ > 0) return absl::InfinitePast();
  return waiting_ > 0 ? next_beat_ : absl::InfiniteFuture();
}

uint32_t CallRunner::CountProgressing(absl::Time since) const {
  uint32_t count = 0;
  for (const auto& [key, call] : calls_) {
    const std::optional<upstream::CallProgress> progress = client_.Progress(call.id);
    if (progress.has_value() && progress->last_byte_time > since) ++count;
  }
  return count;
}

}  // namespace moa::worker
