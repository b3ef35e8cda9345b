#include "simulator/model_table.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "simulator/digest.h"

namespace moa::simulator {
namespace {

constexpr ModelLimits kFree = {5, 30'000, 90'000, 150, 2'400, 1'000'000, 1'000'000};
constexpr ModelLimits kGptOssDeveloper = {1'000, 1'000'000, 3'000'000};
constexpr ModelLimits kQwenDeveloper = {300, 150'000, 750'000};
constexpr ModelLimits kOtherDeveloper = {300, 500'000, 1'500'000};
constexpr ModelLimits kGlmDeveloper = {500, 500'000, 1'500'000};

constexpr Model kModels[] = {
    {"gpt-oss-120b", "OpenAI GPT OSS 120B", 131'072, 40'960, 1'650, 3'000, ReasoningStyle::kAlways,
     false, "0.00000035", "0.00000075", kGptOssDeveloper, kFree},
    {"qwen-3.8-27b", "Qwen 3.8 27B", 131'072, 40'960, 1'850, 1'850, ReasoningStyle::kSwitch, true,
     "0.00000099", "0.00000149", kQwenDeveloper, kFree},
    {"gemma-4-31b", "Gemma 4 31B", 131'072, 40'960, 1'850, 1'850, ReasoningStyle::kOptIn, true,
     "0.00000099", "0.00000149", kOtherDeveloper, kFree},
    {"kimi-k2.6", "Kimi K2.6", 131'072, 40'960, 981, 981, ReasoningStyle::kOptIn, false, "0", "0",
     kOtherDeveloper, kFree},
    {"kimi-k2.7-code", "Kimi K2.7 Code", 131'072, 40'960, 981, 981, ReasoningStyle::kOptIn, false,
     "0", "0", kOtherDeveloper, kFree},
    {"glm-5", "GLM 5", 131'072, 40'960, 1'000, 1'000, ReasoningStyle::kSwitch, false, "0", "0",
     kGlmDeveloper, kFree},
    {"glm-5.1", "GLM 5.1", 131'072, 40'960, 1'000, 1'000, ReasoningStyle::kSwitch, false, "0", "0",
     kGlmDeveloper, kFree},
    {"step-3.5-flash", "Step 3.5 Flash", 131'072, 40'960, 1'500, 1'500, ReasoningStyle::kOptIn,
     false, "0", "0", kOtherDeveloper, kFree},
    {"step-3.7-flash", "Step 3.7 Flash", 131'072, 40'960, 1'500, 1'500, ReasoningStyle::kOptIn,
     false, "0", "0", kOtherDeveloper, kFree},
};

constexpr const char* kRetired[] = {
    "zai-glm-4.7",
    "zai-glm-4.6",
    "llama3.1-8b",
    "llama3.1-70b",
    "llama-3.3-70b",
    "llama3.3-70b",
    "qwen-3-32b",
    "qwen-3-235b-a22b-instruct-2507",
    "qwen-3-235b-a22b-thinking-2507",
    "qwen-3-coder-480b",
    "llama-4-scout-17b-16e-instruct",
    "llama-4-maverick-17b-128e-instruct",
    "deepseek-r1-distill-llama-70b",
};

template <typename Append>
std::string ListJson(const Append& append) {
  std::string out = "{\"object\":\"list\",\"data\":[";
  for (const Model& model : kModels) {
    if (out.back() != '[') out += ',';
    append(out, model);
  }
  return out + "]}";
}

const char* Bool(bool value) { return value ? "true" : "false"; }

}  // namespace

absl::Span<const Model> Models() { return kModels; }

const Model* FindModel(absl::string_view id) {
  const auto* found = std::find_if(std::begin(kModels), std::end(kModels),
                                   [&](const Model& m) { return m.id == id; });
  return found == std::end(kModels) ? nullptr : found;
}

bool IsRetired(absl::string_view id) {
  return std::find(std::begin(kRetired), std::end(kRetired), id) != std::end(kRetired);
}

std::string ModelJson(const Model& model) {
  return absl::StrCat("{\"id\":\"", model.id,
                      "\",\"object\":\"model\",\"created\":0,\"owned_by\":\"Cerebras\"}");
}

std::string ModelListJson() {
  return ListJson([](std::string& out, const Model& model) { out += ModelJson(model); });
}

std::string PublicModelJson(const Model& model) {
  return absl::StrCat(
      "{\"id\":\"", model.id,
      "\",\"object\":\"model\",\"created\":0,\"owned_by\":\"Cerebras\",\"name\":\"", model.name,
      "\",\"description\":\"", model.name,
      " as the local simulator plays it.\",\"hugging_face_id\":\"\",\"pricing\":{\"prompt\":\"",
      model.prompt_price, "\",\"completion\":\"", model.completion_price,
      "\"},\"capabilities\":{\"streaming\":true,\"function_calling\":true,\"structured_outputs\":"
      "true,"
      "\"vision\":",
      Bool(model.vision),
      ",\"json_mode\":true,\"tools\":true,\"tool_choice\":true,\"parallel_tool_calls\":true,"
      "\"response_format\":true,\"reasoning\":true"
      "},\"supported_parameters\":{\"temperature\":true,\"top_p\":true,\"max_completion_tokens\":"
      "true,"
      "\"stop\":true,\"seed\":true,\"frequency_penalty\":true,\"presence_penalty\":true,\"logit_"
      "bias\":true,"
      "\"logprobs\":false,\"top_k\":false,\"min_p\":false,\"repetition_penalty\":false},"
      "\"architecture\":{\"modality\":\"",
      model.vision ? "text+image->text" : "text->text",
      "\",\"tokenizer\":\"Other\",\"instruct_type\":null},\"limits\":{\"max_context_length\":",
      model.context_tokens_max, ",\"max_completion_tokens\":", model.completion_tokens_max,
      ",\"requests_per_minute\":null,\"tokens_per_minute\":null},\"datacenter_locations\":["
      "\"local\"],"
      "\"deprecated\":false,\"preview\":false,\"quantization\":\"none\"}");
}

std::string PublicModelListJson() {
  return ListJson([](std::string& out, const Model& model) { out += PublicModelJson(model); });
}

}  // namespace moa::simulator
