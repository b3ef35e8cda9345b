#include "coordinator/store/group_writer.h"

#include <pthread.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/loop/loop.h"

namespace moa {
namespace {

// Of a write's own bookkeeping, so that many small ones count too.
constexpr size_t kWriteOverheadBytes = 256;

absl::Status Unavailable(const absl::Status& why) { return absl::UnavailableError(why.message()); }

}  // namespace

GroupWriter::GroupWriter(std::unique_ptr<GroupSink> sink, Options options)
    : options_(std::move(options)), sink_(std::move(sink)), retry_delay_(options_.retry_delay_min) {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "store-writer");
    Run();
  });
}

GroupWriter::~GroupWriter() {
  thread_.join();
  MutexLock lock(mutex_);
  if (health_.ok()) sink_->Finish();
}

void GroupWriter::Insert(NewJob job, InsertDone done) {
  Write write = InsertWrite{std::move(job), std::move(done)};
  const absl::Status refused = Push(write);
  if (refused.ok()) return;
  std::vector<JobStore::Callback> callbacks;
  callbacks.push_back(
      [why = refused, done = std::move(std::get<InsertWrite>(write).done)]() mutable {
        done(std::move(why));
      });
  RunCallbacks(std::move(callbacks));
}

void GroupWriter::Update(JobUpdate update, JobStore::Callback done) {
  Write write = UpdateWrite{std::move(update), std::move(done)};
  // Refused only after Close: the callback promises that the update is durable, so it never runs.
  Push(write).IgnoreError();
}

absl::StatusOr<uint64_t> GroupWriter::NextEpoch() {
  Mutex mutex;
  CondVar changed;
  std::optional<absl::StatusOr<uint64_t>> result;
  Write write = EpochWrite{[&](absl::StatusOr<uint64_t> epoch) {
    MutexLock lock(mutex);
    result = std::move(epoch);
    changed.NotifyOne();
  }};
  MOA_RETURN_IF_ERROR(Push(write));
  MutexLock lock(mutex);
  while (!result.has_value()) changed.Wait(mutex);
  return *std::move(result);
}

absl::Status GroupWriter::Health() const {
  MOA_RETURN_IF_ERROR(options_.accepts ? options_.accepts() : absl::OkStatus());
  MutexLock lock(mutex_);
  if (health_.ok()) return Stalled();
  // Built anew, not copied: copies share a count that is touched in an uninstrumented library,
  // which ThreadSanitizer would take for a race.
  return absl::Status(health_.code(), health_.message());
}

size_t GroupWriter::PendingWrites() const {
  MutexLock lock(mutex_);
  return queue_.size() + in_flight_;
}

absl::Status GroupWriter::Close(absl::Duration timeout) {
  const absl::Time deadline = Loop::Now() + timeout;
  MutexLock lock(mutex_);
  closing_ = true;
  close_deadline_ = std::min(close_deadline_, deadline);
  work_.NotifyOne();
  while (!has_ended_) {
    const absl::Duration left = deadline - Loop::Now();
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError(
          absl::StrCat("the store's disk has not answered within ", absl::FormatDuration(timeout),
                       "; ", queue_.size() + in_flight_, " writes are not known to be durable"));
    }
    ended_.WaitFor(mutex_, absl::ToChronoMicroseconds(std::min(left, absl::Hours(1))));
  }
  if (abandoned_ == 0) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat(abandoned_, " writes are not known to be durable: ", health_.message()));
}

size_t GroupWriter::BytesOf(const Write& write) {
  struct Measure {
    size_t operator()(const InsertWrite& insert) const {
      const NewJob& job = insert.job;
      return job.spec.size() + job.accepted.payload.size() + job.row.name.size() +
             job.row.tenant.value().size() + job.idempotency_key.size() + job.request_hash.size();
    }
    size_t operator()(const UpdateWrite& update) const {
      return update.update.event.payload.size();
    }
    size_t operator()(const EpochWrite&) const { return 0; }
  };
  return std::visit(Measure(), write) + kWriteOverheadBytes;
}

bool GroupWriter::IsUrgent(const Write& write) {
  const auto* update = std::get_if<UpdateWrite>(&write);
  return update == nullptr || (update->update.state && IsTerminal(*update->update.state));
}

bool GroupWriter::MayBeRefused(const Write& write) {
  const auto* insert = std::get_if<InsertWrite>(&write);
  if (insert != nullptr) return !insert->is_in_doubt;
  return std::holds_alternative<EpochWrite>(write);
}

absl::Status GroupWriter::Push(Write& write) {
  const size_t bytes = BytesOf(write);
  const bool is_update = std::holds_alternative<UpdateWrite>(write);
  MOA_CHECK(!is_update || bytes <= options_.write_bytes_max);
  if (bytes > options_.write_bytes_max) {
    return absl::InvalidArgumentError(
        absl::StrCat("the job has ", bytes, " bytes; the store takes ", options_.write_bytes_max));
  }
  if (options_.accepts && std::holds_alternative<InsertWrite>(write)) {
    MOA_RETURN_IF_ERROR(options_.accepts());
  }
  MutexLock lock(mutex_);
  if (closing_) return absl::UnavailableError("the store is closed; the coordinator is stopping");
  if (!is_update) MOA_RETURN_IF_ERROR(Stalled());
  if (!is_update && (queue_.size() + in_flight_ >= options_.pending_writes_max ||
                     queued_bytes_ + bytes > options_.pending_bytes_max)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the store's disk is slower than what it is given: ", queue_.size() + in_flight_,
        " writes wait; try again in a second"));
  }
  queued_bytes_ += bytes;
  if (!is_update) ++queued_others_;
  const bool urgent = IsUrgent(write);
  if (urgent) ++queued_urgent_;
  const bool first = queue_.empty();
  if (first) due_ = Loop::Now() + options_.update_delay;
  queue_.push_back(std::move(write));
  // The first starts the wait for company; those that join it wake nobody, but for the first urgent one.
  const bool wakes = waiting_ == Waiting::kForWork ? first || urgent || !health_.ok()
                                                   : urgent && queued_urgent_ == 1;
  if (waiting_ != Waiting::kNo && wakes) {
    waiting_ = Waiting::kNo;
    work_.NotifyOne();
  }
  return absl::OkStatus();
}

void GroupWriter::RunCallbacks(std::vector<JobStore::Callback> callbacks) {
  if (callbacks.empty()) return;
  if (options_.run_callbacks) {
    options_.run_callbacks(std::move(callbacks));
  } else {
    for (JobStore::Callback& callback : callbacks) callback();
  }
}

void GroupWriter::Run() {
  while (true) {
    Group group;
    switch (NextTurn(group)) {
      case Turn::kCommit: {
        const absl::Time began = Loop::Now();
        absl::Status status = sink_->Apply(group);
        if (options_.tried) options_.tried(group.size(), Loop::Now() - began, status.ok());
        if (status.ok()) {
          Succeed(std::move(group));
        } else {
          Fail(std::move(group), std::move(status));
        }
        break;
      }
      case Turn::kRefuse: {
        absl::Status why;
        {
          MutexLock lock(mutex_);
          why = absl::Status(health_.code(), health_.message());
        }
        Refuse(std::move(group), why);
        break;
      }
      case Turn::kProbe: {
        absl::Status status = sink_->Probe();
        MutexLock lock(mutex_);
        SetHealth(std::move(status));
        break;
      }
      case Turn::kEnd: {
        Refuse(std::move(group), absl::UnavailableError("the store is closed"));
        MutexLock lock(mutex_);
        has_ended_ = true;
        ended_.NotifyAll();
        return;
      }
    }
  }
}

GroupWriter::Turn GroupWriter::NextTurn(Group& group) {
  MutexLock lock(mutex_);
  while (true) {
    const absl::Time now = Loop::Now();
    if (!health_.ok() && now < retry_at_) {
      if (closing_ && (now >= close_deadline_ || absl::IsFailedPrecondition(health_))) {
        TakeRefused(group);
        abandoned_ = queue_.size();
        // Whether these are durable is not known; who asks again will hear.
        for (Write& write : queue_) {
          if (std::holds_alternative<InsertWrite>(write)) group.push_back(std::move(write));
        }
        queue_.clear();
        queued_bytes_ = 0;
        queued_urgent_ = 0;
        return Turn::kEnd;
      }
      if (queued_others_ > 0) {
        TakeRefused(group);
        return Turn::kRefuse;
      }
      WaitUntil(std::min(retry_at_, close_deadline_), Waiting::kForWork);
      continue;
    }
    if (!queue_.empty()) {
      if (const absl::Time due = GroupDue(); now < due) {
        WaitUntil(due, Waiting::kForCompany);
        continue;
      }
      group_began_ = now;
      TakeGroup(group);
      return Turn::kCommit;
    }
    if (closing_) return Turn::kEnd;
    if (!health_.ok()) return Turn::kProbe;
    WaitUntil(absl::InfiniteFuture(), Waiting::kForWork);
  }
}

absl::Status GroupWriter::Stalled() const {
  if (in_flight_ == 0) return absl::OkStatus();
  const absl::Duration since = Loop::Now() - group_began_;
  if (since < options_.stall_limit) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      "the store has not answered for ", absl::FormatDuration(absl::Trunc(since, absl::Seconds(1))),
      "; ", queue_.size() + in_flight_, " writes wait"));
}

absl::Time GroupWriter::GroupDue() const {
  if (closing_ || queue_.size() >= options_.group_writes_max) return absl::InfinitePast();
  if (queued_urgent_ == 0) return due_;
  const bool try_company = has_company_ || lonely_groups_ >= options_.company_probe;
  return try_company ? group_began_ + options_.company_delay : absl::InfinitePast();
}

void GroupWriter::WaitUntil(absl::Time until, Waiting what) {
  waiting_ = what;
  const absl::Duration wait = until - Loop::Now();
  if (wait > absl::Hours(1)) {
    work_.Wait(mutex_);
  } else if (wait > absl::ZeroDuration()) {
    work_.WaitFor(mutex_, absl::ToChronoMicroseconds(absl::Ceil(wait, absl::Microseconds(1))));
  }
  waiting_ = Waiting::kNo;
}

void GroupWriter::TakeGroup(Group& group) {
  if (queued_urgent_ > 0) {
    has_company_ = queued_urgent_ > 1;
    lonely_groups_ =
        has_company_ || lonely_groups_ >= options_.company_probe ? 0 : lonely_groups_ + 1;
  }
  size_t bytes = 0;
  while (!queue_.empty() && group.size() < options_.group_writes_max) {
    const size_t next = BytesOf(queue_.front());
    if (!group.empty() && bytes + next > options_.group_bytes_max) break;
    bytes += next;
    if (MayBeRefused(queue_.front())) --queued_others_;
    if (IsUrgent(queue_.front())) --queued_urgent_;
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queued_bytes_ -= bytes;
  in_flight_ = group.size();
  due_ = absl::InfinitePast();  // what is left over has waited
}

void GroupWriter::TakeRefused(Group& group) {
  Group kept;
  for (Write& write : queue_) {
    if (MayBeRefused(write)) {
      queued_bytes_ -= BytesOf(write);
      group.push_back(std::move(write));
    } else {
      kept.push_back(std::move(write));
    }
  }
  queue_ = std::move(kept);
  queued_others_ = 0;
  queued_urgent_ = static_cast<size_t>(std::count_if(queue_.begin(), queue_.end(), IsUrgent));
}

void GroupWriter::Succeed(Group group) {
  {
    MutexLock lock(mutex_);
    in_flight_ = 0;
    SetHealth(absl::OkStatus());
  }
  std::vector<JobStore::Callback> callbacks;
  callbacks.reserve(group.size());
  for (Write& write : group) {
    if (auto* insert = std::get_if<InsertWrite>(&write)) {
      callbacks.push_back(
          [done = std::move(insert->done), outcome = std::move(insert->outcome)]() mutable {
            done(std::move(outcome));
          });
    } else if (auto* update = std::get_if<UpdateWrite>(&write)) {
      if (update->done) callbacks.push_back(std::move(update->done));
    } else {
      EpochWrite& epoch = std::get<EpochWrite>(write);
      epoch.done(epoch.epoch);
    }
  }
  RunCallbacks(std::move(callbacks));

  // After the callbacks, which need not wait for it. What it could not move stays in the log,
  // durable.
  absl::Status status = sink_->Upkeep();
  if (status.ok()) return;
  MutexLock lock(mutex_);
  SetHealth(std::move(status));
}

void GroupWriter::Fail(Group group, absl::Status why) {
  Group refused;
  {
    MutexLock lock(mutex_);
    in_flight_ = 0;
    for (auto write = group.rbegin(); write != group.rend(); ++write) {
      if (MayBeRefused(*write)) {
        refused.push_front(std::move(*write));
      } else {
        queued_bytes_ += BytesOf(*write);
        if (IsUrgent(*write)) ++queued_urgent_;
        queue_.push_front(std::move(*write));
      }
    }
    due_ = absl::InfinitePast();
    SetHealth(why);
  }
  Refuse(std::move(refused), why);
}

void GroupWriter::Refuse(Group group, const absl::Status& why) {
  std::vector<JobStore::Callback> callbacks;
  for (Write& write : group) {
    if (auto* insert = std::get_if<InsertWrite>(&write)) {
      callbacks.push_back([done = std::move(insert->done), status = Unavailable(why)]() mutable {
        done(std::move(status));
      });
    } else {
      std::get<EpochWrite>(write).done(Unavailable(why));
    }
  }
  RunCallbacks(std::move(callbacks));
}

void GroupWriter::SetHealth(absl::Status health) {
  if (health.ok()) {
    retry_delay_ = options_.retry_delay_min;
  } else {
    retry_at_ = Loop::Now() + retry_delay_;
    retry_delay_ = std::min(retry_delay_ * 2, options_.retry_delay_max);
  }
  health_ = std::move(health);
}

}  // namespace moa
