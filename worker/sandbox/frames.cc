#include "worker/sandbox/frames.h"

#include <cstdint>
#include <utility>

#include "common/base/text.h"
#include "worker/sandbox/json_check.h"

namespace moa::sandbox {
namespace {

constexpr size_t kHeaderSize = 9;
constexpr size_t kErrorSizeMax = 2000;
constexpr int kDepthMax = 33;  // 32 levels, and what stands for a thing below them
constexpr absl::string_view kForged = "the program wrote into the sandbox's own pipe";

uint32_t LittleEndian(const char* bytes) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::string ErrorText(absl::string_view bytes) {
  return RepairUtf8(bytes.substr(0, kErrorSizeMax));
}

}  // namespace

EvaluationReader::EvaluationReader(size_t calls, size_t bytes_max) : bytes_max_(bytes_max) {
  evaluation_.calls.resize(calls);
}

bool EvaluationReader::Feed(absl::string_view bytes) {
  if (over_) return true;
  bytes_ += bytes.size();
  if (bytes_ > bytes_max_) {
    Killed("the output's limit");
    return true;
  }
  buffer_.append(bytes.data(), bytes.size());
  absl::string_view left = buffer_;
  Frame frame;
  size_t used = 0;
  while (!over_ && NextFrame(left, &frame, &used)) {
    Apply(frame);
    left.remove_prefix(used);
  }
  buffer_.erase(0, buffer_.size() - left.size());
  return over_;
}

// False when the frame is not complete, or can never be: its sizes are beyond the limit, which ends the run.
bool EvaluationReader::NextFrame(absl::string_view bytes, Frame* frame, size_t* used) {
  if (bytes.size() < kHeaderSize) return false;
  const size_t first = LittleEndian(bytes.data() + 1);
  const size_t second = LittleEndian(bytes.data() + 5);
  if (first > bytes_max_ || second > bytes_max_) {
    Killed(kForged);
    return false;
  }
  *used = kHeaderSize + first + second;
  if (bytes.size() < *used) return false;
  *frame = {bytes[0], bytes.substr(kHeaderSize, first), bytes.substr(kHeaderSize + first, second)};
  return true;
}

void EvaluationReader::Apply(const Frame& frame) {
  if (frame.kind == 'K') {
    Killed(frame.first);
  } else if (!loaded_) {
    ApplyBeforeLoaded(frame);
  } else {
    ApplyToCall(frame);
  }
}

void EvaluationReader::ApplyBeforeLoaded(const Frame& frame) {
  switch (frame.kind) {
    case 'L':
      loaded_ = true;
      evaluation_.kind = Evaluation::Kind::kLoaded;
      over_ = evaluation_.calls.empty();
      return;
    case 'S':
      evaluation_.kind = Evaluation::Kind::kNotPython;
      break;
    case 'N':
      evaluation_.kind = Evaluation::Kind::kNoFunction;
      break;
    case 'M':
      evaluation_.kind = Evaluation::Kind::kRaised;
      break;
    default:
      Killed(kForged);
      return;
  }
  evaluation_.error = ErrorText(frame.first);
  over_ = true;
}

void EvaluationReader::ApplyToCall(const Frame& frame) {
  const bool returned = frame.kind == 'V';
  if ((!returned && frame.kind != 'X') || !IsPlainJson(frame.second, kDepthMax) ||
      (returned && !IsPlainJson(frame.first, kDepthMax))) {
    Killed(kForged);
    return;
  }
  EvaluationOutcome& call = evaluation_.calls[next_call_++];
  call.arguments = std::string(frame.second);
  if (returned) {
    call.kind = EvaluationOutcome::Kind::kReturned;
    call.value = std::string(frame.first);
  } else {
    call.kind = EvaluationOutcome::Kind::kRaised;
    call.error = ErrorText(frame.first);
  }
  over_ = next_call_ == evaluation_.calls.size();
}

void EvaluationReader::TimedOut() {
  if (over_) return;
  over_ = true;
  if (!loaded_) {
    evaluation_.kind = Evaluation::Kind::kTimeout;
    evaluation_.error = "the time was over while the program was loaded";
    return;
  }
  evaluation_.calls[next_call_].kind = EvaluationOutcome::Kind::kTimeout;
  evaluation_.calls[next_call_].error = "the time for all calls was over";
}

void EvaluationReader::Killed(absl::string_view error) {
  if (over_) return;
  over_ = true;
  if (!loaded_) {
    evaluation_.kind = Evaluation::Kind::kKilled;
    evaluation_.error = ErrorText(error);
    return;
  }
  evaluation_.calls[next_call_].kind = EvaluationOutcome::Kind::kKilled;
  evaluation_.calls[next_call_].error = ErrorText(error);
}

}  // namespace moa::sandbox
