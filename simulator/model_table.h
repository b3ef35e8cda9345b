#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace moa::simulator {

// What the simulator knows of each model: CEREBRAS_API.md, sections 5 to 7. Where the service
// publishes no figure (the dedicated models), a plausible one stands, so that every listed id can
// chat.

// How a model treats reasoning_effort.
enum class ReasoningStyle {
  kAlways,  // gpt-oss: low, medium (default), high; "none" is refused
  kSwitch,  // on unless "none"
  kOptIn,   // off unless asked for
};

// Requests and tokens an organisation may send for a model in a minute; 0: no limit. Hour and day
// are given where they are not 60 and 1,440 times the minute.
struct ModelLimits {
  int64_t requests_per_minute = 0;
  int64_t tokens_per_minute = 0;        // not read from the prompt cache
  int64_t total_tokens_per_minute = 0;  // all
  int64_t requests_per_hour = 0;
  int64_t requests_per_day = 0;
  int64_t tokens_per_hour = 0;
  int64_t tokens_per_day = 0;
};

struct Model {
  const char* id;
  const char* name;
  int64_t context_tokens_max;
  int64_t completion_tokens_max;
  double tokens_per_second_short;  // decode rate of short replies
  double tokens_per_second_long;   // and of long ones
  ReasoningStyle reasoning;
  bool vision;
  const char* prompt_price;  // dollars a token, as the catalogue prints them
  const char* completion_price;
  ModelLimits developer;
  ModelLimits free;
};

// Every model that can chat, in the order in which it is listed.
absl::Span<const Model> Models();

// By id or alias; nullptr when there is none of that name (or it is retired).
const Model* FindModel(absl::string_view id);

// True for ids (and aliases) that the service once had: they answer 404 model_archived.
bool IsRetired(absl::string_view id);

// Bodies of GET /v1/models, of one entry of it, and of the public catalogue.
std::string ModelListJson();
std::string ModelJson(const Model& model);
std::string PublicModelListJson();
std::string PublicModelJson(const Model& model);

}  // namespace moa::simulator
