#include "tests/worker/rpc/worker_rig.h"

#include <chrono>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace moa::worker {
namespace {

using upstream::Chunk;
using upstream::HttpReply;
using upstream::ScriptedConnection;

constexpr absl::Duration kProviderWaitLimit = absl::Seconds(20);

std::string WholeReply(absl::string_view text) {
  return HttpReply("200 OK", "application/json",
                   absl::StrCat(R"({"id":"c1","object":"chat.completion","model":"m1",)",
                                R"("choices":[{"index":0,"finish_reason":"stop",)",
                                R"("message":{"role":"assistant","content":")", text, R"("}}],)",
                                R"("usage":{"prompt_tokens":3,"completion_tokens":5,)",
                                R"("total_tokens":8}})"));
}

std::string Event(absl::string_view content, absl::string_view finish_reason) {
  return Chunk(absl::StrCat(
      R"(data: {"id":"c1","object":"chat.completion.chunk","model":"m1","choices":[{"index":0,)",
      R"("delta":{"content":")", content, R"("},"finish_reason":)",
      finish_reason.empty() ? "null" : absl::StrCat("\"", finish_reason, "\""), "}]}\n\n"));
}

// What stands in the first message's content after `verb` and a blank; empty when it is another verb.
std::string After(const std::string& request, absl::string_view verb) {
  const std::string start = absl::StrCat("\"", verb, " ");
  const size_t at = request.find(start);
  if (at == std::string::npos) return "";
  const size_t begin = at + start.size();
  return request.substr(begin, request.find('"', begin) - begin);
}

}  // namespace

ScriptedProvider::ScriptedProvider(std::string key) : key_(std::move(key)) {
  server_ = std::make_unique<upstream::ScriptedServer>(
      [this](ScriptedConnection& connection) { Serve(connection); });
}

ScriptedProvider::~ScriptedProvider() {
  Release();
  server_.reset();
}

void ScriptedProvider::Release() {
  MutexLock lock(mutex_);
  released_ = true;
  for (const auto& [connection, reply] : pending_) connection->Send(reply);
  pending_.clear();
}

int ScriptedProvider::requests() const {
  MutexLock lock(mutex_);
  return requests_;
}

bool ScriptedProvider::WaitForRequests(int count) {
  const absl::Time deadline = absl::Now() + kProviderWaitLimit;
  MutexLock lock(mutex_);
  while (requests_ < count && absl::Now() < deadline) {
    changed_.WaitFor(mutex_, std::chrono::milliseconds(100));
  }
  return requests_ >= count;
}

bool ScriptedProvider::WaitForAbandoned(int count) {
  const absl::Time deadline = absl::Now() + kProviderWaitLimit;
  MutexLock lock(mutex_);
  while (abandoned_ < count && absl::Now() < deadline) {
    changed_.WaitFor(mutex_, std::chrono::milliseconds(100));
  }
  return abandoned_ >= count;
}

void ScriptedProvider::AnswerWhenReleased(ScriptedConnection& connection, std::string reply) {
  MutexLock lock(mutex_);
  if (released_) {
    connection.Send(reply);
  } else {
    pending_[&connection] = std::move(reply);
  }
}

void ScriptedProvider::Serve(ScriptedConnection& connection) {
  while (true) {
    const std::string request = connection.ReadRequest();
    if (request.empty()) {
      // The worker closed the connection; a call that was held on it has been given up.
      MutexLock lock(mutex_);
      if (pending_.erase(&connection) > 0) ++abandoned_;
      changed_.NotifyAll();
      return;
    }
    if (absl::StartsWith(request, "GET /v1/tcp_warming")) {
      connection.Send(HttpReply("200 OK", "application/json", "{}"));
    } else if (!key_.empty() &&
               !absl::StrContains(request, absl::StrCat("Bearer ", key_, "\r\n"))) {
      connection.Send(HttpReply("401 Unauthorized", "application/json",
                                R"({"message":"Wrong API Key","type":"invalid_request_error",)"
                                R"("param":"api_key","code":"wrong_api_key"})"));
    } else if (absl::StartsWith(request, "GET /v1/models")) {
      connection.Send(HttpReply("200 OK", "application/json",
                                R"({"object":"list","data":[{"id":"m1","object":"model"},)"
                                R"({"id":"m2","object":"model"}]})"));
    } else {
      Chat(connection, request);
    }
  }
}

void ScriptedProvider::Chat(ScriptedConnection& connection, const std::string& request) {
  {
    MutexLock lock(mutex_);
    ++requests_;
    changed_.NotifyAll();
  }
  if (const std::string text = After(request, "echo"); !text.empty()) {
    connection.Send(WholeReply(text));
  } else if (const std::string held = After(request, "hold"); !held.empty()) {
    AnswerWhenReleased(connection, WholeReply(held));
  } else if (const std::string streamed = After(request, "stream"); !streamed.empty()) {
    const size_t half = streamed.size() / 2;
    connection.Send(upstream::StreamHead() + Event(streamed.substr(0, half), ""));
    AnswerWhenReleased(
        connection, Event(streamed.substr(half), "stop") + Chunk("data: [DONE]\n\n") + Chunk(""));
  }
}

WorkerOptions RigOptions(const std::vector<std::string>& coordinators,
                         const ScriptedProvider& provider) {
  WorkerOptions options;
  options.coordinators = coordinators;
  options.base_url = provider.url();
  options.api_key = "csk-test";
  options.name = "rig";
  options.slots = 2;
  options.grading_slots = 0;
  options.settle_timeout = absl::Milliseconds(200);
  return options;
}

v1::AttemptRef MakeRef(uint32_t task, uint32_t attempt) {
  v1::AttemptRef ref;
  ref.set_job_id("job-1");
  ref.set_task_index(task);
  ref.set_attempt(attempt);
  ref.set_epoch(1);
  return ref;
}

v1::RunTask MakeTask(uint32_t task, const std::string& prompt) {
  v1::RunTask run;
  *run.mutable_ref() = MakeRef(task);
  run.set_input_hash(absl::StrCat("hash-", task));
  run.set_model("m1");
  v1::Message* message = run.add_prompt()->mutable_message();
  message->set_role(v1::ROLE_USER);
  message->set_content(prompt);
  return run;
}

}  // namespace moa::worker
