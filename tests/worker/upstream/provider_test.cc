#include "worker/upstream/provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker/upstream/api_key.h"

namespace moa::upstream {
namespace {

using CacheKey = Provider::CacheKey;

TEST(ProviderTest, TheTableSaysWhatEachUnderstands) {
  struct Row {
    const char* name;
    bool max_completion_tokens;
    bool reasoning_effort;
    bool ask_for_usage;
    CacheKey cache_key;
    bool gzip;
    const char* warm_path;
    const char* reasoning_member;
    bool developer_role;
  };
  const Row rows[] = {
      {"cerebras", true, true, false, CacheKey::kIfAllowed, true, "/v1/tcp_warming", "reasoning",
       true},
      {"openai", true, true, true, CacheKey::kAlways, false, "/v1/models", "", true},
      {"vllm", true, true, true, CacheKey::kNever, false, "/v1/models", "reasoning", false},
      {"ollama", false, true, true, CacheKey::kNever, false, "/v1/models", "reasoning", false},
      {"llama.cpp", false, false, true, CacheKey::kNever, false, "/v1/models", "reasoning_content",
       false},
      {"compatible", false, true, true, CacheKey::kIfAllowed, false, "/v1/models", "reasoning",
       false},
  };
  EXPECT_EQ(Providers().size(), std::size(rows));
  for (const Row& row : rows) {
    const Provider* provider = FindProvider(row.name);
    ASSERT_NE(provider, nullptr) << row.name;
    EXPECT_EQ(provider->name, row.name);
    EXPECT_EQ(provider->max_completion_tokens, row.max_completion_tokens) << row.name;
    EXPECT_EQ(provider->reasoning_effort, row.reasoning_effort) << row.name;
    EXPECT_EQ(provider->ask_for_usage, row.ask_for_usage) << row.name;
    EXPECT_EQ(provider->prompt_cache_key, row.cache_key) << row.name;
    EXPECT_EQ(provider->gzip_requests, row.gzip) << row.name;
    EXPECT_EQ(provider->warm_path, row.warm_path) << row.name;
    EXPECT_EQ(provider->messages.reasoning_member, row.reasoning_member) << row.name;
    EXPECT_EQ(provider->messages.developer_role, row.developer_role) << row.name;
  }
  EXPECT_EQ(FindProvider("auto"), nullptr);
  EXPECT_EQ(FindProvider(""), nullptr);
}

TEST(ProviderTest, IsGuessedFromTheAddress) {
  const std::pair<const char*, const char*> cases[] = {
      {"https://api.cerebras.ai", "cerebras"},
      {"HTTPS://API.Cerebras.AI:443", "cerebras"},
      {"https://eu.api.cerebras.ai/path", "cerebras"},
      {"https://api.cerebras.ai.example.test", "compatible"},
      {"https://notcerebras.ai", "compatible"},
      {"https://api.openai.com", "openai"},
      {"http://127.0.0.1:8181", "compatible"},
      {"http://localhost:11434", "ollama"},
      {"http://[::1]:11434", "ollama"},
      {"http://[::1]:8000", "compatible"},
      {"http://host", "compatible"},
      {"", "compatible"},
  };
  for (const auto& [url, name] : cases) EXPECT_EQ(GuessProvider(url).name, name) << url;
}

TEST(ProviderTest, AnOriginIsTheSameHoweverItsUrlIsWritten) {
  const std::pair<const char*, const char*> cases[] = {
      {"https://api.cerebras.ai", "https://api.cerebras.ai"},
      {"HTTPS://Api.Cerebras.ai:443/v1?x#y", "https://api.cerebras.ai"},
      {"http://h:80", "http://h"},
      {"http://h:8080/v1", "http://h:8080"},
      {"https://h:80", "https://h:80"},
      {"http://[::1]:80/", "http://[::1]"},
      {"nonsense", ""},
  };
  for (const auto& [url, origin] : cases) EXPECT_EQ(OriginOf(url), origin) << url;
}

TEST(KeyFingerprintTest, TellsAccountsApartAndShowsNoKey) {
  const std::string one = KeyFingerprint("https://api.cerebras.ai", "csk-one");
  EXPECT_EQ(one, KeyFingerprint("https://API.cerebras.ai:443/v1", "csk-one"));
  // Fixed, because workers of different versions must agree.
  EXPECT_EQ(one, "73db577e40c6dbc1");
  EXPECT_NE(one, KeyFingerprint("https://api.cerebras.ai", "csk-two"));
  EXPECT_NE(one, KeyFingerprint("https://api.openai.com", "csk-one"));
  EXPECT_EQ(KeyFingerprint("https://api.cerebras.ai", ""), "");
}

}  // namespace
}  // namespace moa::upstream
