#include "coordinator/engine/attribution.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"

namespace moa {
namespace {

constexpr size_t kGramWords = 5;

bool IsWordByte(unsigned char c) { return absl::ascii_isalnum(c) || c >= 0x80; }

// FNV-1a of every word of `text`, without ASCII case.
std::vector<uint64_t> HashWords(absl::string_view text) {
  std::vector<uint64_t> words;
  constexpr uint64_t kBasis = 0xcbf29ce484222325;
  constexpr uint64_t kPrime = 0x100000001b3;
  uint64_t hash = kBasis;
  bool in_word = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (IsWordByte(byte)) {
      hash = (hash ^ static_cast<unsigned char>(absl::ascii_tolower(byte))) * kPrime;
      in_word = true;
    } else if (in_word) {
      words.push_back(hash);
      if (words.size() == kAttributionWordsMax) return words;
      hash = kBasis;
      in_word = false;
    }
  }
  if (in_word) words.push_back(hash);
  return words;
}

// Calls `visit` with the hash of every run of `size` words.
template <typename Visit>
void ForEachGram(const std::vector<uint64_t>& words, size_t size, Visit visit) {
  for (size_t i = 0; i + size <= words.size(); ++i) {
    uint64_t hash = 0;
    for (size_t j = 0; j < size; ++j) {
      hash = (hash ^ words[i + j]) * 0x9e3779b97f4a7c15;
      hash ^= hash >> 29;
    }
    visit(hash);
  }
}

}  // namespace

std::vector<double> SharesOfAnswer(const Text& answer, const std::vector<Text>& outputs) {
  std::vector<double> shares(outputs.size(), 0);
  const std::vector<uint64_t> words = HashWords(answer.view());
  if (words.empty()) return shares;
  const size_t size = std::min(kGramWords, words.size());
  // Of each gram of the answer: the last output (counted from 1) that was seen to hold it.
  absl::flat_hash_map<uint64_t, size_t> holder;
  ForEachGram(words, size, [&](uint64_t gram) { holder.emplace(gram, 0); });
  size_t found = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    ForEachGram(HashWords(outputs[i].view()), size, [&](uint64_t gram) {
      const auto it = holder.find(gram);
      if (it == holder.end() || it->second == i + 1) return;
      if (it->second == 0) ++found;
      it->second = i + 1;
      shares[i] += 1;
    });
  }
  for (double& share : shares) share /= static_cast<double>(std::max<size_t>(found, 1));
  return shares;
}

std::vector<std::optional<double>> SharesOfAnswer(const JobMachine& job) {
  if (job.state() != JobState::kSucceeded) return {};
  std::vector<std::optional<double>> by_task(job.plan().tasks.size());
  std::vector<Text> outputs;
  std::vector<uint32_t> tasks;
  const uint32_t aggregator = job.plan().aggregator_task();
  for (uint32_t i = 0; i < aggregator; ++i) {
    if (job.task(i).state != TaskState::kSucceeded) continue;
    tasks.push_back(i);
    outputs.push_back(job.task(i).result.completion.content);
  }
  const std::vector<double> shares =
      SharesOfAnswer(job.task(aggregator).result.completion.content, outputs);
  for (size_t i = 0; i < tasks.size(); ++i) by_task[tasks[i]] = shares[i];
  return by_task;
}

}  // namespace moa
