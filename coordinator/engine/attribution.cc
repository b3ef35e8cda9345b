#include "coordinator/engine/attribution.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "coordinator/engine/word_grams.h"

namespace moa {
namespace {

// Without repetitions.
std::vector<uint64_t> GramsOf(const Text& text, size_t size) {
  std::vector<uint64_t> grams = HashGrams(HashWords(text.view()), size);
  std::sort(grams.begin(), grams.end());
  grams.erase(std::unique(grams.begin(), grams.end()), grams.end());
  return grams;
}

}  // namespace

std::vector<Attribution> Attribute(const Text& answer, const std::vector<Text>& outputs) {
  std::vector<Attribution> result(outputs.size());
  const std::vector<uint64_t> words = HashWords(answer.view());
  const size_t size = std::max<size_t>(1, std::min(kGramWords, words.size()));
  absl::flat_hash_set<uint64_t> of_answer;
  for (const uint64_t gram : HashGrams(words, size)) of_answer.insert(gram);
  absl::flat_hash_map<uint64_t, uint32_t> holders;  // of each gram: outputs that hold it
  std::vector<std::vector<uint64_t>> grams;
  grams.reserve(outputs.size());
  size_t found = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    grams.push_back(GramsOf(outputs[i], size));
    for (const uint64_t gram : grams.back()) {
      const bool is_first = ++holders[gram] == 1;
      if (!of_answer.contains(gram)) continue;
      found += is_first ? 1 : 0;
      result[i].share_of_answer += 1;
    }
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    result[i].share_of_answer /= static_cast<double>(std::max<size_t>(found, 1));
    if (grams[i].empty()) continue;
    const auto own = std::count_if(grams[i].begin(), grams[i].end(),
                                   [&](uint64_t gram) { return holders.at(gram) == 1; });
    result[i].novelty = static_cast<double>(own) / static_cast<double>(grams[i].size());
  }
  return result;
}

std::vector<std::optional<Attribution>> Attribute(const JobMachine& job) {
  if (job.state() != JobState::kSucceeded) return {};
  const Plan& plan = job.plan();
  std::vector<std::optional<Attribution>> by_task(plan.tasks.size());
  std::vector<Text> outputs;
  std::vector<uint32_t> tasks;
  for (uint32_t i = 0; i < plan.aggregator_task(); ++i) {
    const bool answers = plan.stages[plan.tasks[i].stage].kind == StageKind::kPropose;
    if (!answers || job.task(i).state != TaskState::kSucceeded) continue;
    tasks.push_back(i);
    outputs.push_back(job.task(i).result.completion.content);
  }
  const std::vector<Attribution> found = Attribute(job.answer().content, outputs);
  for (size_t i = 0; i < tasks.size(); ++i) by_task[tasks[i]] = found[i];
  return by_task;
}

}  // namespace moa
