#pragma once

namespace moa::cluster {

// Three agents twice, then the main model: 7 calls, the workshop's shape.
inline constexpr char kWorkshopJob[] = R"(
name: workshop
prompt: "Why is the sky blue?"
seed: 7
moa:
  layers:
    - cycles: 2
      agents:
        - {name: first, model: gpt-oss-120b, max_completion_tokens: 400}
        - {name: second, model: qwen-3.8-27b, max_completion_tokens: 400}
        - {name: third, model: gpt-oss-120b, max_completion_tokens: 400, system_prompt: "Be brief."}
  aggregator: {model: gpt-oss-120b, max_completion_tokens: 600}
)";

// One call.
inline constexpr char kSingleCallJob[] = R"(
prompt: "Say something."
moa:
  aggregator: {model: gpt-oss-120b, max_completion_tokens: 400}
)";

}  // namespace moa::cluster
