#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/reply.h"
#include "simulator/timing.h"

namespace moa::simulator {

// A finished answer and what the service says around it.
struct Completion {
  std::string id;  // chatcmpl-<uuid> or cmpl-<uuid>
  const char* model = "";
  std::string fingerprint;
  double created = 0;  // Unix seconds
  bool text_completion = false;
  bool logprobs = false;
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;
  Timing timing;
  std::vector<ReplyChoice> choices;

  int64_t completion_tokens() const;
};

// The body of a reply that is not streamed (CEREBRAS_API.md, section 3.1).
std::string CompletionJson(const Completion& completion);

// The server-sent events of a streamed one (section 3.2): role, reasoning, content or tool call in
// several tokens a chunk, then finish_reason with usage and time_info in the same chunk, then
// [DONE]. Externally synchronised.
class ChunkStream {
 public:
  struct Options {
    // Deviations that clients must bear with (the simulator's faults).
    bool content_with_reasoning = false;  // one chunk carries both
    bool usage_chunk_apart = false;       // usage comes in a last chunk without choices
  };

  // `completion` outlives the stream. `tokens_per_chunk` is the mean; chunks vary around it.
  ChunkStream(const Completion& completion, Options options, double tokens_per_chunk,
              Random random);

  // Appends the next event, blank line included, to `out`. False when [DONE] has been appended
  // before.
  // `*tokens` gets the number of completion tokens in it.
  bool Next(std::string& out, int64_t* tokens);

  // True when the next event is [DONE].
  bool at_done() const { return stage_ == Stage::kDone; }

 private:
  enum class Stage {
    kRole,
    kReasoning,
    kContent,
    kToolStart,
    kToolArguments,
    kFinish,
    kUsage,
    kDone,
    kEnd
  };

  // The next few tokens of `text`; borrowed from it.
  absl::string_view TakePiece(const std::string& text, int64_t* tokens);
  // Moves on from texts that are finished or were never there.
  void SkipEmptyStages();
  void AppendDelta(std::string& out, int64_t* tokens);
  void AppendFinish(std::string& out);
  void Begin(std::string& out) const;
  void End(std::string& out, bool usage) const;

  const Completion& completion_;
  const Options options_;
  const double tokens_per_chunk_;
  Random random_;
  const std::string prefix_;  // up to the choices
  const std::string suffix_;  // after them
  size_t choice_ = 0;
  Stage stage_ = Stage::kRole;
  size_t position_ = 0;  // within the text of the stage
};

}  // namespace moa::simulator
