#include "tests/coordinator/store/memory_job_store.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace moa {

void MemoryJobStore::Hold() {
  MutexLock lock(mutex_);
  holding_ = true;
}

void MemoryJobStore::Release() {
  std::vector<Callback> group;
  {
    MutexLock lock(mutex_);
    holding_ = false;
    group.swap(held_);
  }
  Run(std::move(group));
}

void MemoryJobStore::SetHealth(absl::Status health) {
  MutexLock lock(mutex_);
  health_ = std::move(health);
}

absl::Status MemoryJobStore::Refusal() const {
  if (closed_) return absl::UnavailableError("the store is closed");
  return health_.ok() ? health_ : absl::UnavailableError(health_.message());
}

absl::StatusOr<uint64_t> MemoryJobStore::NextEpoch() {
  MutexLock lock(mutex_);
  MOA_RETURN_IF_ERROR(Refusal());
  return ++epoch_;
}

void MemoryJobStore::Insert(NewJob job,
                            absl::AnyInvocable<void(absl::StatusOr<InsertOutcome>)> done) {
  absl::StatusOr<InsertOutcome> outcome = InsertOutcome();
  {
    MutexLock lock(mutex_);
    outcome = InsertLocked(std::move(job));
  }
  Finish([done = std::move(done), outcome = std::move(outcome)]() mutable {
    done(std::move(outcome));
  });
}

absl::StatusOr<InsertOutcome> MemoryJobStore::InsertLocked(NewJob job) {
  MOA_RETURN_IF_ERROR(Refusal());
  InsertOutcome outcome;
  outcome.id = job.row.id;
  for (const auto& [id, held] : jobs_) {
    if (job.idempotency_key.empty() || held.job.idempotency_key != job.idempotency_key ||
        held.job.row.tenant != job.row.tenant) {
      continue;
    }
    outcome.id = id;
    outcome.existing = true;
    outcome.same_request = held.job.request_hash == job.request_hash;
    return outcome;
  }
  if (jobs_.count(job.row.id) != 0) {
    return absl::AlreadyExistsError(absl::StrCat("another job has the id ", job.row.id.value()));
  }
  Job& held = jobs_[job.row.id];
  held.events[job.accepted.sequence] = job.accepted;
  held.job = std::move(job);
  return outcome;
}

void MemoryJobStore::Update(JobUpdate update, absl::AnyInvocable<void()> done) {
  {
    MutexLock lock(mutex_);
    if (closed_) return;
    const auto found = jobs_.find(update.id);
    if (found != jobs_.end()) {
      Job& job = found->second;
      job.events.emplace(update.event.sequence, update.event);
      JobRow& row = job.job.row;
      if (!IsTerminal(row.state)) {
        row.degraded = row.degraded || update.degraded;
        row.state = update.state.value_or(row.state);
        if (IsTerminal(row.state)) row.ended = update.ended;
      }
      if (update.grade) grades_.emplace(update.grade->id, *update.grade);
    }
  }
  if (done) Finish(std::move(done));
}

absl::StatusOr<StoredJob> MemoryJobStore::Read(const JobId& id) {
  MutexLock lock(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return absl::NotFoundError(absl::StrCat("no job ", id.value()));
  StoredJob stored;
  stored.row = found->second.job.row;
  stored.spec = found->second.job.spec;
  for (const auto& [sequence, event] : found->second.events) stored.events.push_back(event);
  return stored;
}

absl::StatusOr<std::vector<StoredEvent>> MemoryJobStore::ReadEvents(const JobId& id,
                                                                    uint64_t after_sequence) {
  MOA_ASSIGN_OR_RETURN(StoredJob job, Read(id));
  std::erase_if(job.events,
                [&](const StoredEvent& event) { return event.sequence <= after_sequence; });
  return std::move(job.events);
}

absl::StatusOr<std::vector<JobRow>> MemoryJobStore::List(const JobQuery& query) {
  std::vector<JobRow> rows;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, job] : jobs_) rows.push_back(job.job.row);
  }
  std::erase_if(rows, [&](const JobRow& row) {
    if (!query.tenant.empty() && row.tenant.value() != query.tenant) return true;
    if (!query.states.empty() &&
        std::find(query.states.begin(), query.states.end(), row.state) == query.states.end()) {
      return true;
    }
    return query.before.has_value() &&
           std::tie(row.created, row.id) >= std::tie(query.before->first, query.before->second);
  });
  std::sort(rows.begin(), rows.end(), [](const JobRow& a, const JobRow& b) {
    return std::tie(a.created, a.id) > std::tie(b.created, b.id);
  });
  if (rows.size() > query.limit) rows.resize(query.limit);
  return rows;
}

absl::StatusOr<JobCounts> MemoryJobStore::Count(const std::string& tenant) {
  MutexLock lock(mutex_);
  JobCounts counts;
  for (const auto& [id, job] : jobs_) {
    if (tenant.empty() || job.job.row.tenant.value() == tenant) ++counts.of(job.job.row.state);
  }
  return counts;
}

absl::StatusOr<std::vector<StoredGrade>> MemoryJobStore::ListGrades(const GradeQuery& query) {
  std::vector<StoredGrade> grades;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, grade] : grades_) grades.push_back(grade);
  }
  std::erase_if(grades, [&](const StoredGrade& grade) {
    if (!query.tenant.empty() && grade.tenant.value() != query.tenant) return true;
    if (!query.grader.empty() && grade.grader != query.grader) return true;
    if (!query.config.empty() && grade.config != query.config) return true;
    return query.before.has_value() &&
           std::tie(grade.ended, grade.id) >= std::tie(query.before->first, query.before->second);
  });
  std::sort(grades.begin(), grades.end(), [](const StoredGrade& a, const StoredGrade& b) {
    return std::tie(a.ended, a.id) > std::tie(b.ended, b.id);
  });
  if (grades.size() > query.limit) grades.resize(query.limit);
  return grades;
}

absl::StatusOr<std::vector<LeaderboardEntry>> MemoryJobStore::Leaderboard(const std::string& tenant,
                                                                          const std::string& grader,
                                                                          size_t limit) {
  MOA_ASSIGN_OR_RETURN(
      std::vector<StoredGrade> grades,
      ListGrades({.tenant = tenant, .grader = grader, .config = "", .limit = SIZE_MAX}));
  std::map<std::pair<std::string, std::string>, LeaderboardEntry> by_config;
  for (auto it = grades.rbegin(); it != grades.rend(); ++it) {  // oldest first
    LeaderboardEntry& entry = by_config[{it->name, it->config}];
    entry.name = it->name;
    entry.config = it->config;
    if (entry.attempts++ == 0 || it->total > entry.best) {
      entry.best = it->total;
      entry.best_graded = it->graded;
    }
    entry.total_sum += it->total;
    entry.max = std::max(entry.max, it->max);
    entry.last = it->ended;
    entry.tokens_sum += it->tokens;
    entry.cost_nano_usd_sum += it->cost_nano_usd;
  }
  std::vector<LeaderboardEntry> entries;
  for (auto& [of, entry] : by_config) entries.push_back(std::move(entry));
  const auto mean = [](uint64_t sum, const LeaderboardEntry& entry) {
    return static_cast<double>(sum) / static_cast<double>(entry.attempts);
  };
  std::stable_sort(entries.begin(), entries.end(),
                   [&](const LeaderboardEntry& a, const LeaderboardEntry& b) {
                     const double a_mean = mean(a.total_sum, a);
                     const double b_mean = mean(b.total_sum, b);
                     if (a_mean != b_mean) return a_mean > b_mean;
                     return mean(a.tokens_sum, a) < mean(b.tokens_sum, b);
                   });
  if (entries.size() > limit) entries.resize(limit);
  return entries;
}

absl::StatusOr<std::vector<JobId>> MemoryJobStore::ListUnfinished() {
  JobQuery query;
  query.states = {StoredState::kQueued, StoredState::kRunning};
  query.limit = SIZE_MAX;
  MOA_ASSIGN_OR_RETURN(std::vector<JobRow> rows, List(query));
  std::vector<JobId> ids;
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) ids.push_back(row->id);
  return ids;
}

absl::Status MemoryJobStore::Health() const {
  MutexLock lock(mutex_);
  return health_;
}

size_t MemoryJobStore::PendingWrites() const {
  MutexLock lock(mutex_);
  return held_.size();
}

absl::Status MemoryJobStore::Close(absl::Duration) {
  Release();
  MutexLock lock(mutex_);
  closed_ = true;
  return absl::OkStatus();
}

void MemoryJobStore::Finish(Callback callback) {
  std::vector<Callback> group;
  {
    MutexLock lock(mutex_);
    if (holding_) {
      held_.push_back(std::move(callback));
      return;
    }
  }
  group.push_back(std::move(callback));
  Run(std::move(group));
}

void MemoryJobStore::Run(std::vector<Callback> group) {
  if (group.empty()) return;
  if (runner_) {
    runner_(std::move(group));
  } else {
    for (Callback& callback : group) callback();
  }
}

}  // namespace moa
