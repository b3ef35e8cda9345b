#include "worker/rpc/attempt_table.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace moa::worker {
namespace {

using upstream::CallResult;
using upstream::ErrorCode;

// Nobody stores that an attempt was cancelled or refused, so nobody will say that it is durable.
bool IsWorthKeeping(const CallResult& result) {
  if (result.ok()) return true;
  const ErrorCode code = result.error().error.code;
  return code != ErrorCode::kCancelled && code != ErrorCode::kWorkerLost;
}

}  // namespace

size_t FinishedAttempt::bytes() const {
  size_t size = 256 + ref.job_id.size() + input_hash.size();
  if (!result.ok()) return size + result.error().error.message.size();
  const upstream::Completion& completion = result.completion();
  size += completion.content.size() + completion.reasoning.size();
  for (const upstream::ToolCall& call : completion.tool_calls) size += call.arguments.size();
  return size;
}

CallResult MakeErrorResult(ErrorCode code, absl::string_view message, bool retryable) {
  upstream::AttemptError error;
  error.error.code = code;
  error.error.message = std::string(message);
  error.retryable = retryable;
  CallResult result;
  result.outcome = std::move(error);
  return result;
}

AttemptTable::Key AttemptTable::Insert(const AttemptRef& ref, std::string input_hash) {
  const Key key = next_key_++;
  Entry& entry = entries_[key];
  entry.ref = ref;
  entry.input_hash = std::move(input_hash);
  keys_[ref] = key;
  ++running_;
  if (!welcomed_) ++offer_version_;
  return key;
}

void AttemptTable::Erase(Entries::iterator it) {
  if (it->second.finished == nullptr) {
    --running_;
  } else {
    held_bytes_ -= it->second.finished->bytes();
  }
  if (IsOffered(it->second)) ++offer_version_;
  if (it->second.undecided) --undecided_;
  unreported_.erase(it->first);
  keys_.erase(it->second.ref);
  entries_.erase(it);
}

AttemptTable::Verdict AttemptTable::Admit(const AttemptRef& ref, std::string input_hash, Key* key) {
  *key = 0;
  if (keys_.contains(ref)) return Verdict::kDuplicate;
  const bool full = running_ >= slots_;
  *key = Insert(ref, std::move(input_hash));
  if (!draining_ && !full) return Verdict::kStart;
  Finish(*key,
         MakeErrorResult(ErrorCode::kWorkerLost,
                         draining_ ? "the worker is draining and takes no new task"
                                   : absl::StrCat("the worker's ", slots_, " slots are taken"),
                         true));
  *key = 0;
  return Verdict::kRefused;
}

bool AttemptTable::Finish(Key key, CallResult result) {
  const auto it = entries_.find(key);
  if (it == entries_.end() || it->second.finished != nullptr) return false;
  Entry& entry = it->second;
  auto finished = std::make_shared<FinishedAttempt>();
  finished->ref = entry.ref;
  finished->input_hash = entry.input_hash;
  finished->result = std::move(result);
  if (!connected_ && !IsWorthKeeping(finished->result)) {
    Erase(it);
    return true;
  }
  held_bytes_ += finished->bytes();
  --running_;
  entry.finished = std::move(finished);
  if (!entry.undecided) unreported_.emplace(key, entry.finished);  // else once it is claimed
  DropBeyondLimits();
  return true;
}

void AttemptTable::DropBeyondLimits() {
  auto it = entries_.begin();
  while (it != entries_.end() &&
         (held_results() > limits_.held_results_max || held_bytes_ > limits_.held_bytes_max)) {
    // What this connection has not been told yet is on its way out and must be told.
    const bool droppable =
        it->second.finished != nullptr && !(connected_ && unreported_.count(it->first) != 0);
    const auto victim = it++;
    if (!droppable) continue;
    Erase(victim);
    ++dropped_results_;
  }
}

AttemptTable::Key AttemptTable::FindRunning(const AttemptRef& ref) const {
  const auto it = keys_.find(ref);
  if (it == keys_.end() || entries_.at(it->second).finished != nullptr) return 0;
  return it->second;
}

void AttemptTable::MarkDurable(const AttemptRef& ref) {
  const auto it = keys_.find(ref);
  if (it == keys_.end()) return;
  const auto entry = entries_.find(it->second);
  // A running attempt has no result that could be durable: a peer's defect, or an old message.
  if (entry->second.finished != nullptr) Erase(entry);
}

std::vector<AttemptTable::Key> AttemptTable::HandBack() {
  std::vector<Key> running;
  for (const auto& [key, entry] : entries_) {
    if (entry.finished == nullptr) running.push_back(key);
  }
  for (const Key key : running) {
    Finish(key, MakeErrorResult(ErrorCode::kWorkerLost,
                                "the worker shut down before the call ended", true));
  }
  return running;
}

std::vector<AttemptTable::Held> AttemptTable::BeginConnection() {
  std::vector<Held> held;
  held.reserve(entries_.size());
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto current = it++;
    Entry& entry = current->second;
    // Cancelled or refused on a connection that broke before it was told: Hello, which does not name it,
    // tells the same.
    if (entry.finished != nullptr && !IsWorthKeeping(entry.finished->result)) {
      Erase(current);
      continue;
    }
    entry.in_hello = true;
    if (std::exchange(entry.undecided, false)) --undecided_;
    held.push_back({entry.ref, entry.input_hash, entry.finished});
  }
  // Results that Hello carries are reported by it.
  unreported_.clear();
  connected_ = true;
  return held;
}

std::vector<AttemptTable::Key> AttemptTable::Welcomed(const std::vector<AttemptRef>& keep,
                                                      const std::vector<AttemptRef>& undecided,
                                                      absl::Time now) {
  const absl::flat_hash_set<AttemptRef> kept(keep.begin(), keep.end());
  const absl::flat_hash_set<AttemptRef> open(undecided.begin(), undecided.end());
  std::vector<Key> closed;
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto current = it++;
    if (!current->second.in_hello) continue;
    current->second.in_hello = false;
    current->second.undecided_since = absl::InfiniteFuture();
    if (kept.contains(current->second.ref)) continue;
    if (open.contains(current->second.ref)) {
      current->second.undecided = true;
      current->second.undecided_since = std::min(lost_time_, now);
      ++undecided_;
      continue;
    }
    if (current->second.finished == nullptr) closed.push_back(current->first);
    Erase(current);
  }
  welcomed_ = true;
  lost_time_ = absl::InfiniteFuture();
  ++offer_version_;
  return closed;
}

void AttemptTable::LoseConnection(absl::Time now) {
  if (!connected_) return;
  connected_ = false;
  // A try to connect that failed changes nothing.
  lost_time_ = std::min(lost_time_, now);
  if (std::exchange(welcomed_, false)) ++offer_version_;
  for (auto& [key, entry] : entries_) entry.in_hello = false;
}

absl::Time AttemptTable::OrphanedSince(const Entry& entry) const {
  if (!welcomed_) return std::min(lost_time_, entry.undecided_since);
  return entry.undecided ? entry.undecided_since : absl::InfiniteFuture();
}

std::vector<AttemptTable::Key> AttemptTable::ExpireOrphans(absl::Time now) {
  std::vector<Key> closed;
  if (now < orphan_deadline()) return closed;
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto current = it++;
    const Entry& entry = current->second;
    if (now < OrphanedSince(entry) + limits_.orphan_limit) continue;
    if (entry.finished != nullptr && !entry.undecided) continue;
    if (entry.finished == nullptr) closed.push_back(current->first);
    Erase(current);
  }
  return closed;
}

absl::Time AttemptTable::orphan_deadline() const {
  if (welcomed_ ? undecided_ == 0 : running_ == 0) return absl::InfiniteFuture();
  absl::Time first = absl::InfiniteFuture();
  for (const auto& [key, entry] : entries_) {
    if (entry.finished == nullptr || entry.undecided) first = std::min(first, OrphanedSince(entry));
  }
  return first + limits_.orphan_limit;
}

std::vector<AttemptTable::Held> AttemptTable::OnOffer() const {
  std::vector<Held> offered;
  if (welcomed_ && undecided_ == 0) return offered;
  for (const auto& [key, entry] : entries_) {
    if (IsOffered(entry)) offered.push_back({entry.ref, entry.input_hash, entry.finished});
  }
  return offered;
}

std::optional<AttemptTable::Moved> AttemptTable::TakeOffered(const AttemptRef& ref) {
  const auto it = keys_.find(ref);
  if (it == keys_.end()) return std::nullopt;
  const auto entry = entries_.find(it->second);
  if (!IsOffered(entry->second)) return std::nullopt;
  Moved moved{.held = {ref, entry->second.input_hash, entry->second.finished}};
  if (moved.held.finished == nullptr) moved.key = entry->first;
  Erase(entry);
  return moved;
}

AttemptTable::Key AttemptTable::Adopt(Held held) {
  const Key key = Insert(held.ref, std::move(held.input_hash));
  if (held.finished == nullptr) return key;
  --running_;
  held_bytes_ += held.finished->bytes();
  entries_.at(key).finished = held.finished;
  unreported_.emplace(key, std::move(held.finished));
  return key;
}

bool AttemptTable::Claim(const AttemptRef& ref) {
  const auto it = keys_.find(ref);
  if (it == keys_.end()) return false;
  Entry& entry = entries_.at(it->second);
  if (!std::exchange(entry.undecided, false)) return true;
  --undecided_;
  ++offer_version_;
  entry.undecided_since = absl::InfiniteFuture();
  if (entry.finished != nullptr) unreported_.emplace(it->second, entry.finished);
  return true;
}

void AttemptTable::RefuseClaim(const AttemptRef& ref) {
  Finish(Insert(ref, ""),
         MakeErrorResult(ErrorCode::kWorkerLost, "the attempt is not on offer any more", true));
}

std::vector<FinishedPtr> AttemptTable::TakeUnreported(size_t bytes_max) {
  std::vector<FinishedPtr> taken;
  size_t bytes = 0;
  while (!unreported_.empty()) {
    const auto it = unreported_.begin();
    const size_t more = it->second->bytes();
    if (!taken.empty() && bytes + more > bytes_max) break;
    bytes += more;
    taken.push_back(it->second);
    const Key key = it->first;
    unreported_.erase(it);
    if (!IsWorthKeeping(taken.back()->result)) Erase(entries_.find(key));
  }
  return taken;
}

void AttemptTable::CheckInvariants() const {
  size_t running = 0;
  size_t bytes = 0;
  size_t undecided = 0;
  for (const auto& [key, entry] : entries_) {
    MOA_CHECK(keys_.at(entry.ref) == key);
    MOA_CHECK(key < next_key_);
    if (entry.finished == nullptr) ++running;
    if (entry.undecided) ++undecided;
    if (entry.finished != nullptr) bytes += entry.finished->bytes();
  }
  MOA_CHECK(keys_.size() == entries_.size());
  MOA_CHECK(running == running_);
  MOA_CHECK(bytes == held_bytes_ && undecided == undecided_);
  for (const auto& [key, finished] : unreported_) MOA_CHECK(entries_.at(key).finished == finished);
}

}  // namespace moa::worker
