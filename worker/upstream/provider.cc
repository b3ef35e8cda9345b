#include "worker/upstream/provider.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace moa::upstream {
namespace {

using CacheKey = Provider::CacheKey;

// Sources: CEREBRAS_API sections 1, 2 and 7; the servers' own documentation of their chat
// completions. Ollama lists max_tokens only; OpenAI's reasoning models refuse it. The role
// "developer" is unknown to most chat templates of self-hosted models, and "system" means the same.
constexpr Provider kProviders[] = {
    {.name = "cerebras",
     .max_completion_tokens = true,
     .ask_for_usage = false,
     .prompt_cache_key = CacheKey::kIfAllowed,
     .gzip_requests = true,
     .warm_path = "/v1/tcp_warming",
     .messages = {.reasoning_member = "reasoning", .developer_role = true}},
    {.name = "openai",
     .max_completion_tokens = true,
     .prompt_cache_key = CacheKey::kAlways,
     .messages = {.reasoning_member = "", .developer_role = true}},
    {.name = "vllm",
     .max_completion_tokens = true,
     .messages = {.reasoning_member = "reasoning", .developer_role = false}},
    {.name = "ollama", .messages = {.reasoning_member = "reasoning", .developer_role = false}},
    {.name = "llama.cpp",
     .reasoning_effort = false,
     .messages = {.reasoning_member = "reasoning_content", .developer_role = false}},
    {.name = "compatible",
     .prompt_cache_key = CacheKey::kIfAllowed,
     .messages = {.reasoning_member = "reasoning", .developer_role = false}},
};

const Provider& Named(absl::string_view name) {
  for (const Provider& provider : kProviders) {
    if (provider.name == name) return provider;
  }
  return kProviders[std::size(kProviders) - 1];
}

}  // namespace

absl::Span<const Provider> Providers() { return kProviders; }

const Provider* FindProvider(absl::string_view name) {
  const Provider& provider = Named(name);
  return provider.name == name ? &provider : nullptr;
}

const Provider& GuessProvider(absl::string_view base_url) {
  const std::string origin = OriginOf(base_url);
  absl::string_view host = origin;
  host.remove_prefix(std::min(host.size(), host.find("://") + 3));
  if (absl::EndsWith(host, ":11434")) return Named("ollama");
  host = host.substr(0, host.rfind(':'));
  if (host == "api.cerebras.ai" || absl::EndsWith(host, ".cerebras.ai")) return Named("cerebras");
  if (host == "api.openai.com") return Named("openai");
  return Named("compatible");
}

std::string OriginOf(absl::string_view url) {
  const size_t scheme_end = url.find("://");
  if (scheme_end == absl::string_view::npos) return "";
  const size_t host = scheme_end + 3;
  std::string origin = absl::AsciiStrToLower(url.substr(0, url.find_first_of("/?#", host)));
  const absl::string_view implied = absl::StartsWith(origin, "https:") ? ":443" : ":80";
  if (absl::EndsWith(origin, implied)) origin.resize(origin.size() - implied.size());
  return origin;
}

}  // namespace moa::upstream
