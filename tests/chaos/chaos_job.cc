#include "tests/chaos/chaos_job.h"

#include "absl/strings/str_cat.h"
#include "simulator/digest.h"
#include "simulator/prompt.h"

namespace moa::chaos {
namespace {

constexpr char kModel[] = "gpt-oss-120b";
constexpr uint32_t kMaxCompletionTokens = 400;
constexpr char kBefore[] = "Others have said:\n\n";
constexpr char kAfter[] = "\n\nSay it better.";

std::string Question(int64_t number) {
  return absl::StrCat("[mark ", MarkOf(number), "] Question ", number,
                      ": what should two people who like to walk see in one afternoon?");
}

uint64_t SeedOf(int64_t number, int layer, int agent) {
  return static_cast<uint64_t>(number * 100 + layer * 10 + agent + 1);
}

bool HasSystemPrompt(const ChaosJob& job, int layer) { return layer > 0 && job.in_system_prompt; }

void SetAgent(int64_t number, int layer, int agent, v1::Agent* proto) {
  proto->set_model(kModel);
  proto->set_max_completion_tokens(kMaxCompletionTokens);
  proto->set_reasoning_effort("low");
  proto->set_seed(SeedOf(number, layer, agent));
  if (HasSystemPrompt(ShapeOf(number), layer)) {
    proto->set_system_prompt(absl::StrCat(kBefore, "{helper_response}", kAfter));
  }
}

std::string NumberedList(const std::vector<std::string>& references) {
  std::string list;
  for (size_t i = 0; i < references.size(); ++i) {
    absl::StrAppend(&list, i == 0 ? "" : "\n\n", "[Answer ", i + 1, "]\n", references[i]);
  }
  return list;
}

}  // namespace

ChaosJob ShapeOf(int64_t number) {
  return {.layers = static_cast<int>(1 + number % 3),
          .agents = static_cast<int>(2 + number / 3 % 3),
          .in_system_prompt = number / 9 % 2 == 1};
}

std::string MarkOf(int64_t number) { return absl::StrCat("c", number); }

std::string KeyOf(uint64_t seed, int64_t number) {
  return absl::StrCat("chaos-", seed, "-", number);
}

v1::JobSpec MakeJob(int64_t number) {
  const ChaosJob shape = ShapeOf(number);
  v1::JobSpec job;
  v1::Message* message = job.add_messages();
  message->set_role(v1::ROLE_USER);
  message->set_content(Question(number));
  for (int l = 0; l < shape.layers; ++l) {
    v1::Layer* layer = job.mutable_moa()->add_layers();
    for (int a = 0; a < shape.agents; ++a) {
      v1::Agent* agent = layer->add_agents();
      agent->set_name(absl::StrCat("agent", a));
      SetAgent(number, l, a, agent);
    }
  }
  SetAgent(number, shape.layers, 0, job.mutable_moa()->mutable_aggregator());
  if (!shape.in_system_prompt) {
    job.mutable_moa()->mutable_references()->set_template_(
        absl::StrCat(kBefore, "{responses}", kAfter));
  }
  return job;
}

std::string ExpectedDigest(int64_t number, int layer, int agent,
                           const std::vector<std::string>& references) {
  const ChaosJob shape = ShapeOf(number);
  const std::string list = absl::StrCat(kBefore, NumberedList(references), kAfter);
  simulator::ChatRequest request;
  const auto add = [&request](const char* role, std::string content) {
    simulator::ChatMessage message;
    message.role = role;
    message.content = std::move(content);
    request.messages.push_back(std::move(message));
  };
  if (HasSystemPrompt(shape, layer)) add("system", list);
  add("user", Question(number));
  if (layer > 0 && !shape.in_system_prompt) add("user", list);
  request.seed = static_cast<int64_t>(SeedOf(number, layer, agent));
  return simulator::Hex16(simulator::RenderPrompt(request, kModel).digest);
}

}  // namespace moa::chaos
