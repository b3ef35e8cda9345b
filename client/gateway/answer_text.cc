#include "client/gateway/answer_text.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace moa::gateway {
namespace {

absl::Status Contradicted() {
  return absl::AbortedError(
      "the model's call broke off after a part of its answer had been sent, and the next call "
      "answers otherwise; ask again");
}

// Adds to `shown` what `text`, which begins at `offset`, has beyond it, and returns that; false where both differ.
bool Extend(absl::string_view text, uint64_t offset, std::string* shown, std::string* added) {
  if (text.empty() || offset > shown->size()) return offset <= shown->size() || text.empty();
  const size_t known = std::min<size_t>(shown->size() - offset, text.size());
  if (absl::string_view(*shown).substr(offset, known) != text.substr(0, known)) return false;
  const absl::string_view rest = text.substr(known);
  shown->append(rest.data(), rest.size());
  added->assign(rest.data(), rest.size());
  return true;
}

}  // namespace

absl::StatusOr<AnswerText::Piece> AnswerText::Apply(const v1::TaskDelta& delta) {
  Piece piece;
  if (delta.attempt() < attempt_) return piece;
  attempt_ = delta.attempt();
  if (!Extend(delta.reasoning(), delta.reasoning_offset(), &reasoning_, &piece.reasoning) ||
      !Extend(delta.content(), delta.content_offset(), &content_, &piece.content)) {
    return Contradicted();
  }
  return piece;
}

absl::StatusOr<AnswerText::Piece> AnswerText::Complete(const v1::Completion& answer) {
  Piece piece;
  if (absl::StartsWith(answer.reasoning(), reasoning_)) {
    Extend(answer.reasoning(), 0, &reasoning_, &piece.reasoning);
  }
  if (!absl::StartsWith(answer.content(), content_)) return Contradicted();
  Extend(answer.content(), 0, &content_, &piece.content);
  return piece;
}

}  // namespace moa::gateway
