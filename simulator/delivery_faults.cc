// The half of Delivery that goes wrong on purpose: a reply is prepared as pieces with pauses
// between them.

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "simulator/api_error.h"
#include "simulator/delivery.h"

namespace moa::simulator {
namespace {

// Long enough that the peer has read one piece before the next arrives.
constexpr absl::Duration kBetweenSegments = absl::Milliseconds(3);
constexpr char kInvalidBytes[] = "\xff\xc3\x28";
constexpr char kWideCharacters[] = " é€🙂";

// Puts bytes that are no UTF-8 at the start of the first text of `json`; false when there is none.
bool SpoilText(std::string& json) {
  for (const char* key : {"\"content\":\"", "\"reasoning\":\"", "\"text\":\""}) {
    const size_t at = json.find(key);
    if (at == std::string::npos) continue;
    json.insert(at + absl::string_view(key).size(), kInvalidBytes);
    return true;
  }
  return false;
}

// Cuts `text` behind the first byte of every character that has several.
std::vector<std::string> CutInsideCharacters(absl::string_view text) {
  std::vector<std::string> parts;
  size_t start = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (static_cast<unsigned char>(text[i]) < 0xC0) continue;
    parts.emplace_back(text.substr(start, i + 1 - start));
    start = i + 1;
  }
  parts.emplace_back(text.substr(start));
  return parts;
}

std::string ErrorEvent(bool named) {
  return absl::StrCat(named ? "event: error\n" : "",
                      "data: {\"status_code\":500,\"error\":", ServerError().ToJson(), "}\n\n");
}

}  // namespace

void Delivery::PrepareFaulty() {
  if (Find(FaultKind::kLengthEmpty) != nullptr) {
    for (ReplyChoice& choice : plan_.completion.choices) {
      choice.content.clear();
      choice.tool_call.reset();
      choice.finish_reason = "length";
      choice.completion_tokens = choice.reasoning_tokens;
    }
  }
  // What is to be empty stays so.
  if (Find(FaultKind::kSplitUtf8) != nullptr && Find(FaultKind::kLengthEmpty) == nullptr) {
    for (ReplyChoice& choice : plan_.completion.choices) choice.content += kWideCharacters;
  }
  if (plan_.stream) {
    PrepareFaultyStream();
  } else {
    PrepareFaultyBody();
  }
  const FaultSpec* slow = Find(FaultKind::kSlow);
  if (slow != nullptr && !pieces_.empty()) pieces_.front().delay += slow->delay;
  WatchClient();
  SendPieces();
}

void Delivery::PrepareFaultyStream() {
  const double rate = plan_.completion.timing.tokens_per_second;
  absl::Duration delay = absl::Seconds(plan_.completion.timing.to_first_token());
  const FaultSpec* terminal = Terminal();
  const FaultSpec* broken = Find(FaultKind::kBrokenJson);
  const FaultSpec* invalid = Find(FaultKind::kInvalidUtf8);
  int64_t tokens = 0;
  for (int64_t index = 0;; ++index) {
    // Whatever cuts the stream does so before its end, however short it is.
    if (terminal != nullptr && (index >= terminal->at || chunks_->at_done())) break;
    std::string event;
    if (!chunks_->Next(event, &tokens)) break;
    if (broken != nullptr && index >= broken->at && event.size() > 40) {
      event = absl::StrCat(event.substr(0, event.size() / 2), "\n\n");
      broken = nullptr;
    }
    if (invalid != nullptr && index >= invalid->at && SpoilText(event)) invalid = nullptr;
    AddEvent(std::move(event), delay);
    delay = rate > 0 ? absl::Seconds(static_cast<double>(tokens) / rate) : absl::ZeroDuration();
  }
  if (terminal == nullptr) return;
  if (terminal->kind == FaultKind::kErrorEvent) AddEvent(ErrorEvent(false), delay);
  if (terminal->kind == FaultKind::kErrorNamedEvent) AddEvent(ErrorEvent(true), delay);
}

void Delivery::AddEvent(std::string event, absl::Duration delay) {
  if (Find(FaultKind::kComments) != nullptr) event.insert(0, ": keep-alive\n\n:\n");
  if (Find(FaultKind::kCrlf) != nullptr) event = absl::StrReplaceAll(event, {{"\n", "\r\n"}});
  std::vector<std::string> parts = {event};
  if (Find(FaultKind::kSplitUtf8) != nullptr) parts = CutInsideCharacters(event);
  if (Find(FaultKind::kSplitLines) != nullptr) {
    // In the field name, in the data, and between the two line ends.
    parts = {event.substr(0, 3), event.substr(3, event.size() / 2),
             event.substr(3 + event.size() / 2)};
    if (!parts.back().empty()) {
      parts.emplace_back(1, parts.back().back());
      parts[2].pop_back();
    }
  }
  for (std::string& part : parts) {
    if (part.empty()) continue;
    pieces_.push_back({delay, std::move(part), false});
    delay = kBetweenSegments;
  }
}

void Delivery::PrepareFaultyBody() {
  std::string body = CompletionJson(plan_.completion);
  if (Find(FaultKind::kInvalidUtf8) != nullptr) SpoilText(body);
  if (Find(FaultKind::kBrokenJson) != nullptr) body.resize(body.size() / 2);
  std::string head =
      absl::StrCat("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n", plan_.headers,
                   "Content-Length: ", body.size(), "\r\nConnection: close\r\n\r\n");
  std::vector<std::string> parts = {std::move(body)};
  if (Find(FaultKind::kSplitUtf8) != nullptr) parts = CutInsideCharacters(parts.front());
  if (Terminal() != nullptr) {
    const std::string whole = parts.front();
    parts = {whole.substr(0, whole.size() / 2)};
  }
  pieces_.push_back({absl::Seconds(plan_.completion.timing.total), std::move(head), true});
  for (std::string& part : parts) pieces_.push_back({kBetweenSegments, std::move(part), true});
}

void Delivery::SendPieces() {
  if (finished_) return;
  if (next_piece_ == pieces_.size()) return EndFaulty();
  plan_.responder.CallAfter(pieces_[next_piece_].delay, [self = shared_from_this()] {
    const Piece& piece = self->pieces_[self->next_piece_];
    if (self->plan_.stream && self->next_piece_ == 0) self->StartStream();
    ++self->next_piece_;
    const bool written = piece.raw ? self->plan_.responder.WriteRaw(piece.bytes)
                                   : self->plan_.responder.Write(piece.bytes);
    if (!written) return self->FinishClientGone();
    self->SendPieces();
  });
}

void Delivery::EndFaulty() {
  const FaultSpec* terminal = Terminal();
  if (terminal == nullptr) {
    Finish(200, "completed");
    plan_.stream ? plan_.responder.End() : plan_.responder.Close();
    return;
  }
  switch (terminal->kind) {
    case FaultKind::kHangStream:
      return;  // the client ends it
    case FaultKind::kResetStream:
      // What was written should have been read: a reset discards what is still on its way.
      plan_.responder.CallAfter(10 * kBetweenSegments, [self = shared_from_this()] {
        self->Finish(200, "fault");
        self->plan_.responder.Abort();
      });
      return;
    default:
      Finish(200, "fault");
      plan_.stream ? plan_.responder.End() : plan_.responder.Close();
  }
}

}  // namespace moa::simulator
