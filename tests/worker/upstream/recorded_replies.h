#pragma once

// Replies in the provider's shapes (CEREBRAS_API section 3), for the tests of this folder.

namespace moa::upstream {

inline constexpr char kWholeReply[] =
    R"({"id":"chatcmpl-1","choices":[{"finish_reason":"stop","index":0,"message":{"content":"4.",)"
    R"("reasoning":"User asks a sum.","role":"assistant"}}],"created":1781021261,)"
    R"("model":"gpt-oss-120b","system_fingerprint":"fp_1","object":"chat.completion",)"
    R"("service_tier_used":"flex","usage":{"prompt_tokens":79,"completion_tokens":37,)"
    R"("total_tokens":116,"image_tokens":5,"prompt_tokens_details":{"cached_tokens":64},)"
    R"("completion_tokens_details":{"accepted_prediction_tokens":2,"rejected_prediction_tokens":3,)"
    R"("reasoning_tokens":25}},"time_info":{"queue_time":0.5,"prompt_time":0.25,)"
    R"("completion_time":1.5,"total_time":2.5,"created":1781021261.165281}})";

// Events of one stream: a role, reasoning, content with characters of two and four bytes, the end.
inline constexpr char kStream[] =
    R"(data: {"id":"chatcmpl-2","choices":[{"delta":{"role":"assistant"},"index":0}],)"
    R"("created":1775751421,"model":"gpt-oss-120b","system_fingerprint":"fp_2",)"
    R"("object":"chat.completion.chunk"})"
    "\n\n"
    R"(data: {"id":"chatcmpl-2","choices":[{"delta":{"reasoning":"We answer."},"index":0}]})"
    "\n\n"
    "data: {\"id\":\"chatcmpl-2\",\"choices\":[{\"delta\":{\"content\":\"Gr\xC3\xBC\xC3\x9F\"},"
    "\"index\":0}]}\n\n"
    "data: {\"id\":\"chatcmpl-2\",\"choices\":[{\"delta\":{\"content\":\" dich \xF0\x9F\x98\x80\"},"
    "\"index\":0}]}\n\n"
    R"(data: {"id":"chatcmpl-2","choices":[{"delta":{},"finish_reason":"stop","index":0}],)"
    R"("usage":{"total_tokens":104,"completion_tokens":35,"prompt_tokens":69},)"
    R"("time_info":{"queue_time":0.003,"prompt_time":0.002,"completion_time":0.017,)"
    R"("total_time":0.026,"created":1775751421.8778915}})"
    "\n\n"
    "data: [DONE]\n\n";

inline constexpr char kStreamContent[] = "Gr\xC3\xBC\xC3\x9F dich \xF0\x9F\x98\x80";
inline constexpr char kStreamReasoning[] = "We answer.";

}  // namespace moa::upstream
