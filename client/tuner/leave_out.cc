#include "client/tuner/leave_out.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace moa {
namespace {

// Of a round, at most: with a router those of the agents that have the most samples.
uint32_t AnswersOf(const v1::Layer& layer) {
  std::vector<uint32_t> samples;
  for (const v1::Agent& agent : layer.agents()) samples.push_back(std::max(1u, agent.samples()));
  if (layer.has_route()) {
    std::sort(samples.rbegin(), samples.rend());
    samples.resize(std::min<size_t>(samples.size(), layer.route().top()));
  }
  return std::accumulate(samples.begin(), samples.end(), 0u);
}

}  // namespace

void LeaveOut(v1::Moa& moa, int layer, int agent) {
  auto* layers = moa.mutable_layers();
  auto* agents = layers->Mutable(layer)->mutable_agents();
  agents->erase(agents->begin() + agent);
  if (agents->empty()) {
    layers->erase(layers->begin() + layer);
  } else {
    FitLimits(*layers->Mutable(layer));
  }
}

void FitLimits(v1::Layer& layer) {
  if (layer.has_route()) {
    layer.mutable_route()->set_top(
        std::min(layer.route().top(), static_cast<uint32_t>(layer.agents_size())));
  }
  const uint32_t answers = AnswersOf(layer);
  const auto lower = [&](uint32_t value) { return std::min(value, answers); };
  if (layer.has_quorum()) layer.mutable_quorum()->set_min(lower(layer.quorum().min()));
  if (layer.has_enough()) layer.mutable_enough()->set_answers(lower(layer.enough().answers()));
  if (layer.has_vote()) layer.mutable_vote()->set_min_agree(lower(layer.vote().min_agree()));
  if (layer.has_early_exit() && answers < 2) layer.clear_early_exit();
  if (layer.has_early_exit()) {
    layer.mutable_early_exit()->set_min_agree(lower(layer.early_exit().min_agree()));
  }
  if (!layer.has_critique()) return;
  v1::Critique* critique = layer.mutable_critique();
  critique->set_keep(lower(critique->keep()));
  critique->set_accept_min(lower(critique->accept_min()));
}

}  // namespace moa
