#include "simulator/delivery.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "simulator/api_error.h"

namespace moa::simulator {
namespace {

constexpr double kEventsPerSecond = 200;  // the service joins tokens into about so many
constexpr double kTokensPerChunk = 6.2;   // measured mean of its chunks
constexpr size_t kWriteBytes = 64 * 1024;

std::string HttpDate(absl::Time time) {
  return absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", time, absl::UTCTimeZone());
}

}  // namespace

bool Delivery::EndsBeforeReply(FaultKind kind) {
  return kind == FaultKind::kStatus || kind == FaultKind::kReset || kind == FaultKind::kHang ||
         kind == FaultKind::kHtml;
}

void Delivery::Fail(const FaultSpec& fault, absl::string_view headers, HttpResponder responder,
                    OnEnd on_end) {
  switch (fault.kind) {
    case FaultKind::kReset:
      responder.Abort();
      return on_end({.status = 0, .outcome = "fault"});
    case FaultKind::kHang:
      // The callback holds the responder: the exchange stays open until the client gives up.
      responder.OnClientGone([responder, end = std::move(on_end)] {
        end({.status = 0, .outcome = "client_closed", .processed = false});
      });
      return;
    case FaultKind::kHtml:
      responder.Send(HtmlError(200));
      return on_end({.status = 200, .outcome = "fault", .code = "html"});
    default:
      break;
  }
  ApiError error = ErrorForStatus(fault.status);
  if (fault.variant == "queue") error = QueueExceeded();
  if (fault.variant == "tokens") error = TokenQuotaExceeded("minute");
  HttpResponse response = fault.variant == "html" ? HtmlError(fault.status) : error.ToResponse();
  if (fault.variant == "html") error.code = "html";
  if (fault.variant == "queue") response.AddHeader("x-should-retry", "false");
  if (fault.status == 402) {
    response.AddHeader("x-should-retry", "false");
  } else {
    response.AddHeaderBlock(headers);
  }
  if (fault.variant == "requests" || fault.variant == "tokens") {
    response.AddHeader("Retry-After", absl::StrCat(fault.retry_after));
  } else if (fault.variant == "http-date") {
    response.AddHeader("Retry-After", HttpDate(absl::Now() + absl::Seconds(fault.retry_after)));
  }
  responder.Send(std::move(response));
  on_end({.status = fault.status, .outcome = "fault", .code = error.code});
}

Delivery::Delivery(Plan plan) : plan_(std::move(plan)) {
  const Timing& timing = plan_.completion.timing;
  const bool paced = timing.tokens_per_second > 0;
  if (plan_.stream) {
    ChunkStream::Options options;
    options.content_with_reasoning = Find(FaultKind::kContentAndReasoning) != nullptr;
    options.usage_chunk_apart = Find(FaultKind::kUsageChunk) != nullptr;
    const double per_event = timing.tokens_per_second / kEventsPerSecond;
    chunks_ = std::make_unique<ChunkStream>(
        plan_.completion, options,
        paced && per_event > kTokensPerChunk ? per_event : kTokensPerChunk, plan_.random);
  }
}

void Delivery::Start(Plan plan) {
  const auto delivery = std::make_shared<Delivery>(std::move(plan));
  Delivery& self = *delivery;
  const Timing& timing = self.plan_.completion.timing;
  if (!self.plan_.faults.empty()) return self.PrepareFaulty();
  const bool paced = timing.total > 0;
  if (!paced) return self.plan_.stream ? self.StreamAtOnce() : self.SendWhole();
  self.WatchClient();
  if (self.plan_.stream) {
    const absl::Duration wait = absl::Seconds(timing.to_first_token());
    self.due_ = Clock::now() + absl::ToChronoNanoseconds(wait);
    self.plan_.responder.CallAfter(wait, [delivery] {
      delivery->StartStream();
      delivery->StreamChunks();
    });
  } else {
    self.plan_.responder.CallAfter(absl::Seconds(timing.total),
                                   [delivery] { delivery->SendWhole(); });
  }
}

void Delivery::WatchClient() {
  plan_.responder.OnClientGone([self = shared_from_this()] { self->FinishClientGone(); });
}

void Delivery::Finish(int status, absl::string_view outcome) {
  if (finished_) return;
  finished_ = true;
  plan_.on_end({.status = status,
                .outcome = outcome,
                .completion_tokens = plan_.completion.completion_tokens(),
                .to_first_token = to_first_token_});
}

// How far the model has come since the start: in the queue, at the prompt, or so many tokens.
void Delivery::FinishClientGone() {
  if (finished_) return;
  finished_ = true;
  const Timing& timing = plan_.completion.timing;
  const FaultSpec* slow = Find(FaultKind::kSlow);
  const double elapsed = absl::ToDoubleSeconds(absl::FromChrono(Clock::now() - started_) -
                                               (slow != nullptr ? slow->delay : absl::Duration()));
  const double generating = std::max(0.0, elapsed - timing.to_first_token());
  const auto all = static_cast<double>(plan_.completion.completion_tokens());
  const double generated =
      timing.tokens_per_second > 0 ? std::min(all, generating * timing.tokens_per_second) : all;
  const bool processed = elapsed >= timing.queue;
  plan_.on_end({.status = 0,
                .outcome = "client_closed",
                .processed = processed,
                .completion_tokens = processed ? static_cast<int64_t>(generated) : 0});
}

void Delivery::SendWhole() {
  HttpResponse response(200, "application/json", CompletionJson(plan_.completion));
  response.AddHeaderBlock(plan_.headers);
  // Told before it is sent: a client that asks /sim/requests next finds it ended.
  Finish(200, "completed");
  plan_.responder.Send(std::move(response));
}

void Delivery::StartStream() {
  to_first_token_ = absl::FromChrono(Clock::now() - started_);
  HttpResponse head(200, "text/event-stream; charset=utf-8", "");
  head.AddHeaderBlock(plan_.headers);
  plan_.responder.StartStream(std::move(head));
}

void Delivery::StreamAtOnce() {
  StartStream();
  std::string out;
  int64_t tokens = 0;
  while (chunks_->Next(out, &tokens)) {
    if (out.size() < kWriteBytes) continue;
    if (!plan_.responder.Write(out)) return FinishClientGone();
    out.clear();
  }
  Finish(200, "completed");
  plan_.responder.Write(out);
  plan_.responder.End();
}

// Writes the chunks that are due, then waits for the next. The first call is when the first token
// is.
void Delivery::StreamChunks() {
  const double rate = plan_.completion.timing.tokens_per_second;
  const Clock::time_point now = Clock::now();
  while (due_ <= now) {
    std::string out;
    int64_t tokens = 0;
    chunks_->Next(out, &tokens);
    const bool last = chunks_->at_done();
    if (last) {
      chunks_->Next(out, &tokens);
      Finish(200, "completed");
    }
    if (!plan_.responder.Write(out)) return FinishClientGone();
    if (last) return plan_.responder.End();
    due_ += absl::ToChronoNanoseconds(absl::Seconds(static_cast<double>(tokens) / rate));
  }
  plan_.responder.CallAfter(absl::FromChrono(due_ - now),
                            [self = shared_from_this()] { self->StreamChunks(); });
}

const FaultSpec* Delivery::Find(FaultKind kind) const {
  for (const FaultSpec& fault : plan_.faults) {
    if (fault.kind == kind) return &fault;
  }
  return nullptr;
}

const FaultSpec* Delivery::Terminal() const {
  for (const FaultSpec& fault : plan_.faults) {
    if (IsTerminal(fault.kind)) return &fault;
  }
  return nullptr;
}

}  // namespace moa::simulator
