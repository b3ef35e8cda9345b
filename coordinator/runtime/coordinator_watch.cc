#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/runtime/coordinator.h"

namespace moa {
namespace {

// A watcher's events come in so many messages a second at most (1 / this), however fast its job moves.
constexpr absl::Duration kWatchPace = absl::Milliseconds(20);

// Whether this watch wants what that task says.
bool Wants(const LiveJob& job, const WatchEntry& watch, uint32_t task) {
  return watch.progress && (!watch.answer_only || task == job.plan->aggregator_task());
}

}  // namespace

Coordinator::WatchId Coordinator::Watch(const JobId& id, const WatchOptions& options,
                                        std::shared_ptr<WatchSink> sink) {
  const WatchId watch = next_watch_.fetch_add(1);
  loop_.Post([this, watch, id, options, sink = std::move(sink)]() mutable {
    loop_.AssertHeld();
    LiveJob* job = FindJob(id);
    if (job == nullptr) return WatchStored(id, options.after_sequence, std::move(sink));
    if (left_) return sink->End(*left_);
    if (watches_.size() >= options_.watchers_max) {
      return sink->End(absl::ResourceExhaustedError(absl::StrCat(
          "too many watchers: ", options_.watchers_max, " (--max-watchers); ask with GetJob")));
    }
    AddWatch(watch, *job, options, std::move(sink));
  });
  return watch;
}

void Coordinator::WatchStored(const JobId& id, uint64_t after_sequence,
                              std::shared_ptr<WatchSink> sink) {
  reader_.Post([this, id, after_sequence, sink = std::move(sink)] {
    // The state first: what it says to be the end is then among the events.
    absl::StatusOr<JobRow> row = JobRow{.state = StoredState::kSucceeded};
    if (replicas_ != nullptr) row = replicas_->Find(id);
    if (!row.ok()) return sink->End(row.status());
    const absl::StatusOr<std::vector<StoredEvent>> events = store_.ReadEvents(id, after_sequence);
    if (!events.ok()) return sink->End(events.status());
    std::vector<Text> payloads;
    for (const StoredEvent& event : *events) payloads.push_back(event.payload);
    if (!sink->Events(payloads)) return;
    sink->End(IsTerminal(row->state)
                  ? absl::OkStatus()
                  : absl::UnavailableError(
                        "the job is on its way to another coordinator: watch again from the last "
                        "sequence"));
  });
}

void Coordinator::AddWatch(WatchId watch, LiveJob& job, const WatchOptions& options,
                           std::shared_ptr<WatchSink> sink) {
  WatchEntry entry{.job = job.machine.id(),
                   .sink = sink,
                   .sent = options.after_sequence,
                   .progress = options.progress,
                   .answer_only = options.answer_only,
                   .cancel_on_disconnect = options.cancel_on_disconnect};
  if (!CatchUp(job, entry)) return;
  watches_.emplace(watch, std::move(entry));
  job.watches.push_back(watch);
  if (!options.progress) return;

  const LiveJob::Readers before = job.readers;
  ++job.readers.progress;
  if (!options.answer_only) ++job.readers.all_text;
  SwitchStreams(job, before);
  const JobMachine& machine = job.machine;
  if (machine.stages_started() == 0 || machine.ended()) return;
  const Stage& stage = job.plan->stages[machine.stages_started() - 1];
  bool keeps_up = true;
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    const JobMachine::Task& task = machine.task(i);
    if (task.state != TaskState::kRunning) continue;
    keeps_up = keeps_up && sink->Started(*job.plan, i, task.current.attempt, task.worker);
    const auto text = job.texts.find(i);
    if (text != job.texts.end() && Wants(job, watches_.at(watch), i)) {
      keeps_up = keeps_up && sink->Delta(*job.plan, {.task = i,
                                                     .attempt = text->second.attempt,
                                                     .content = Text(text->second.content),
                                                     .reasoning = Text(text->second.reasoning)});
    }
  }
  if (!keeps_up) DropWatches(job, {watch});
}

void Coordinator::Unwatch(WatchId id) {
  loop_.Post([this, id] {
    loop_.AssertHeld();
    const auto it = watches_.find(id);
    if (it == watches_.end()) return;
    LiveJob* job = FindJob(it->second.job);
    const bool cancel = it->second.cancel_on_disconnect;
    DropWatches(*job, {id});
    if (cancel) {
      Apply(*job, CancelRequested{.reason = "the client that asked for this has disconnected"}, {});
    }
  });
}

void Coordinator::DropWatches(LiveJob& job, const std::vector<WatchId>& ids) {
  const LiveJob::Readers before = job.readers;
  for (const WatchId id : ids) {
    const auto it = watches_.find(id);
    if (it == watches_.end()) continue;
    if (it->second.progress) --job.readers.progress;
    if (it->second.progress && !it->second.answer_only) --job.readers.all_text;
    job.watches.erase(std::remove(job.watches.begin(), job.watches.end(), id), job.watches.end());
    watches_.erase(it);
  }
  SwitchStreams(job, before);
}

void Coordinator::SwitchStreams(LiveJob& job, const LiveJob::Readers& before) {
  const JobMachine& machine = job.machine;
  if (machine.stages_started() == 0 || machine.ended()) return;
  const Stage& stage = job.plan->stages[machine.stages_started() - 1];
  for (uint32_t i = stage.first_task; i < stage.first_task + stage.task_count; ++i) {
    const bool is_read = job.readers.Read(*job.plan, i);
    if (is_read == before.Read(*job.plan, i)) continue;
    if (!is_read) job.texts.erase(i);
    const JobMachine::Task& task = machine.task(i);
    if (task.state != TaskState::kRunning) continue;
    const WorkerId* worker = scheduler_.WorkerOf(task.current);
    if (worker != nullptr) LinkOf(*worker)->StreamDeltas(task.current, is_read);
  }
}

bool Coordinator::CatchUp(const LiveJob& job, WatchEntry& watch) {
  watch.last_push = Loop::Now();
  if (watch.sent >= job.events.size()) return true;
  const absl::Span<const Text> news = absl::MakeSpan(job.events).subspan(watch.sent);
  watch.sent = job.events.size();
  return watch.sink->Events(news);
}

void Coordinator::Publish(LiveJob& job) {
  const absl::Time now = Loop::Now();
  std::vector<WatchId> slow;
  for (const WatchId id : job.watches) {
    WatchEntry& watch = watches_.at(id);
    if (watch.paced) continue;
    if (now >= watch.last_push + kWatchPace) {
      if (!CatchUp(job, watch)) slow.push_back(id);
    } else {
      watch.paced = true;
      paced_.emplace_back(now + kWatchPace, id);
    }
  }
  if (!slow.empty()) DropWatches(job, slow);
}

void Coordinator::PublishPaced() {
  if (paced_.empty()) return;
  const absl::Time now = Loop::Now();
  for (; !paced_.empty() && paced_.front().first <= now; paced_.pop_front()) {
    const WatchId id = paced_.front().second;
    const auto it = watches_.find(id);
    if (it == watches_.end()) continue;
    it->second.paced = false;
    LiveJob* job = FindJob(it->second.job);
    if (!CatchUp(*job, it->second)) DropWatches(*job, {id});
  }
}

void Coordinator::PublishStarted(LiveJob& job, uint32_t task) {
  if (job.readers.progress == 0) return;
  const JobMachine::Task& state = job.machine.task(task);
  std::vector<WatchId> slow;
  for (const WatchId id : job.watches) {
    WatchEntry& watch = watches_.at(id);
    if (!watch.progress) continue;
    if (!CatchUp(job, watch) ||
        !watch.sink->Started(*job.plan, task, state.current.attempt, state.worker)) {
      slow.push_back(id);
    }
  }
  if (!slow.empty()) DropWatches(job, slow);
}

void Coordinator::AttemptDelta(const WorkerId& id, const WorkerLink* link, const AttemptRef& ref,
                               DeltaPiece piece) {
  const WorkerId* where = scheduler_.WorkerOf(ref);
  LiveJob* job = FindJob(ref.job);
  if (job == nullptr || LinkOf(id) != link || where == nullptr || *where != id ||
      !job->readers.Read(*job->plan, ref.task))
    return;
  if (job->machine.task(ref.task).current != ref) return;
  LiveJob::TaskText& text = job->texts[ref.task];
  if (text.attempt != ref.attempt) text = {.attempt = ref.attempt, .content = {}, .reasoning = {}};
  // After a reconnect a worker may say again what was already heard; a gap cannot be mended from here, and
  // the watcher sees it by its offset.
  const bool known = piece.content_offset + piece.content.size() <= text.content.size() &&
                     piece.reasoning_offset + piece.reasoning.size() <= text.reasoning.size();
  if (known || piece.content_offset > text.content.size() ||
      piece.reasoning_offset > text.reasoning.size()) {
    return;
  }
  text.content.resize(piece.content_offset);
  text.content.append(piece.content.view().data(), piece.content.size());
  text.reasoning.resize(piece.reasoning_offset);
  text.reasoning.append(piece.reasoning.view().data(), piece.reasoning.size());
  piece.task = ref.task;
  piece.attempt = ref.attempt;
  std::vector<WatchId> slow;
  for (const WatchId watch_id : job->watches) {
    WatchEntry& watch = watches_.at(watch_id);
    if (!Wants(*job, watch, ref.task)) continue;
    if (!CatchUp(*job, watch) || !watch.sink->Delta(*job->plan, piece)) {
      slow.push_back(watch_id);
    }
  }
  if (!slow.empty()) DropWatches(*job, slow);
}

void Coordinator::EndWatches(LiveJob& job, const absl::Status& status) {
  for (const WatchId id : job.watches) {
    const auto it = watches_.find(id);
    if (CatchUp(job, it->second)) it->second.sink->End(status);
    watches_.erase(it);
  }
  job.watches.clear();
  job.readers = {};
  job.texts.clear();
}

}  // namespace moa
