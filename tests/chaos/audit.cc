#include "tests/chaos/audit.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/chaos/chaos_job.h"

namespace moa::chaos {
namespace {

// A call that a fault of the provider's cut off is tried again for so long at most: three attempts with the workers'
// time limits (ChaosCluster) and the pauses between them.
constexpr int64_t kProviderAftermathUs = 60'000'000;
constexpr const char* kRules[] = {"lost",         "failed", "duplicate",     "sequence",
                                  "wrong answer", "watch",  "repeated call", "crash"};

using Prompt = std::pair<std::string, std::string>;  // mark, digest

class Auditor {
 public:
  explicit Auditor(const History& history) : history_(history) {
    for (const char* rule : kRules) audit_.counts[rule] = 0;
    for (const UpstreamCall& call : history.calls) {
      if (!call.answer.empty()) given_[{call.mark, call.digest}].insert(call.answer);
    }
    for (const FetchedJob& job : history.fetched) fetched_[job.id] = &job;
    for (const StoredHistory& job : history.stored) stored_[job.id] = &job;
  }

  Audit Run() {
    CheckStore();
    for (const ClientJob& job : history_.jobs) CheckJob(job);
    CheckPrompts();
    CheckRepeatedCalls();
    for (const UnaskedEnd& end : history_.ends) {
      if (end.status < 128) continue;
      Find("crash", end.node,
           absl::StrCat("ended by signal ", end.status - 128, ": ", end.last_words));
    }
    return std::move(audit_);
  }

 private:
  void Find(const std::string& rule, const std::string& job, std::string what) {
    if (++audit_.counts[rule] <= kFindingsMax) {
      audit_.findings.push_back({rule, job, std::move(what)});
    }
  }

  void CheckStore() {
    std::map<std::string, std::string> by_key;
    for (const StoredHistory& job : history_.stored) {
      const auto [first, inserted] = by_key.emplace(job.key, job.id);
      if (!inserted) Find("duplicate", job.id, "has the key of job " + first->second);
      if (job.ends > 1) Find("duplicate", job.id, absl::StrCat(job.ends, " terminal events"));
      if (job.ends == 0) Find("lost", job.id, "has no terminal event in the store");
      if (job.unread > 0) Find("sequence", job.id, "an event in the store does not read");
      for (const auto& [task, results] : job.finished) {
        if (results > 1) {
          Find("duplicate", job.id, absl::StrCat("task ", task, " has ", results, " results"));
        }
      }
      for (size_t i = 0; i < job.sequences.size(); ++i) {
        if (job.sequences[i] == i + 1) continue;
        Find("sequence", job.id,
             absl::StrCat("event ", i + 1, " has the number ", job.sequences[i]));
        break;
      }
      if (job.ends > 0 && !job.end_is_last) Find("sequence", job.id, "events after its end");
    }
  }

  void CheckJob(const ClientJob& job) {
    ++audit_.jobs;
    const std::string name = job.id.empty() ? MarkOf(job.number) : job.id;
    if (job.id.empty()) return Find("lost", name, "was never acknowledged: " + job.trouble);
    for (const std::string& other : job.ids) {
      if (other != job.id) Find("duplicate", name, "its key was also acknowledged as " + other);
    }
    const auto stored = stored_.find(job.id);
    const auto fetched = fetched_.find(job.id);
    if (stored == stored_.end()) return Find("lost", name, "acknowledged, and not in the store");
    if (fetched == fetched_.end() || !fetched->second->trouble.empty()) {
      return Find("lost", name,
                  "cannot be fetched: " +
                      (fetched == fetched_.end() ? "not asked for" : fetched->second->trouble));
    }
    if (job.ended_us == 0) Find("lost", name, "its client never heard of an end: " + job.trouble);
    CheckEvents(job, *stored->second);
    CheckEnd(job, *fetched->second, *stored->second);
    CheckAnswers(job, *fetched->second, *stored->second);
  }

  void CheckEvents(const ClientJob& job, const StoredHistory& stored) {
    uint64_t last = 0;
    int connection = -1;
    for (const WatchedEvent& event : job.events) {
      ++audit_.events_watched;
      if (event.connection != connection) ++audit_.watch_connections;
      connection = event.connection;
      if (event.sequence <= last) {
        return Find("watch", job.id,
                    absl::StrCat("event ", event.sequence, " came after event ", last));
      }
      if (event.sequence != last + 1) {
        return Find("watch", job.id,
                    absl::StrCat("after event ", last, " came event ", event.sequence));
      }
      last = event.sequence;
    }
    if (job.ended_us != 0 && last != stored.sequences.size()) {
      Find("watch", job.id,
           absl::StrCat("the watcher's last event is ", last, ", the store has ",
                        stored.sequences.size()));
    }
  }

  bool ProviderWasStruckIn(const ClientJob& job) const {
    const int64_t end = job.ended_us == 0 ? std::numeric_limits<int64_t>::max() : job.ended_us;
    return std::any_of(history_.faults.begin(), history_.faults.end(), [&](const FaultRecord& f) {
      return f.strikes_provider && f.struck_us <= end &&
             f.undone_us + kProviderAftermathUs >= job.acknowledged_us;
    });
  }

  void CheckEnd(const ClientJob& job, const FetchedJob& fetched, const StoredHistory& stored) {
    if (stored.ends == 1 && stored.end_state != fetched.state) {
      Find("duplicate", job.id, "GetJob tells another end than the store");
    }
    if (job.ended_us != 0 && job.state_heard != fetched.state) {
      Find("duplicate", job.id, "the watcher heard of another end than GetJob tells");
    }
    if (fetched.state == v1::JOB_STATE_SUCCEEDED && !fetched.degraded) return;
    if (ProviderWasStruckIn(job)) {
      ++audit_.failed_rightly;
      return;
    }
    Find("failed", job.id,
         absl::StrCat(v1::JobState_Name(fetched.state), fetched.degraded ? ", degraded" : "", ": ",
                      fetched.error));
  }

  // That each answer is the provider's to the prompt that the records before it make.
  void CheckAnswers(const ClientJob& job, const FetchedJob& fetched, const StoredHistory& stored) {
    std::vector<std::string> before;
    int answers = 0;
    std::string last;
    for (const std::vector<TaskRecord>& stage : fetched.stages) {
      std::vector<std::string> digests;
      for (const TaskRecord& task : stage) {
        if (task.state != v1::TASK_STATE_SUCCEEDED) continue;
        ++answers;
        ++audit_.answers_checked;
        CheckAnswer(job, task, before, stored);
        digests.push_back(task.digest);
        last = task.answer;
      }
      before = std::move(digests);
    }
    if (fetched.state != v1::JOB_STATE_SUCCEEDED) return;
    if (!fetched.degraded && answers != ShapeOf(job.number).calls()) {
      Find("wrong answer", job.id,
           absl::StrCat(answers, " answers on record, not ", ShapeOf(job.number).calls()));
    }
    if (!fetched.degraded && fetched.answer != last) {
      Find("wrong answer", job.id, "the job's answer is not the aggregator's");
    }
  }

  void CheckAnswer(const ClientJob& job, const TaskRecord& task,
                   const std::vector<std::string>& before, const StoredHistory& stored) {
    const std::string where = absl::StrCat("task ", task.index, ": ");
    const auto given = given_.find({MarkOf(job.number), task.digest});
    if (given == given_.end()) {
      return Find("wrong answer", job.id, where + "the provider saw no such prompt of this job");
    }
    if (given->second.count(task.answer) == 0) {
      return Find("wrong answer", job.id, where + "the provider gave another text");
    }
    if (task.saw != before) {
      return Find("wrong answer", job.id, where + "it had not the references on record");
    }
    if (!task.expected_digest.empty() && task.digest != task.expected_digest) {
      return Find("wrong answer", job.id, where + "its prompt was not the one that it should be");
    }
    const auto kept = stored.answers.find(task.index);
    if (kept == stored.answers.end() || kept->second != task.answer) {
      Find("wrong answer", job.id, where + "GetJob tells another text than the store");
    }
  }

  // That no prompt was sent which no record calls for: as one with an answer that was lost again.
  void CheckPrompts() {
    std::set<Prompt> called_for;
    std::set<std::string> whole;  // marks of jobs whose every prompt is known
    for (const ClientJob& job : history_.jobs) {
      const auto fetched = fetched_.find(job.id);
      if (fetched == fetched_.end() || fetched->second->degraded ||
          fetched->second->state != v1::JOB_STATE_SUCCEEDED) {
        continue;
      }
      whole.insert(MarkOf(job.number));
      for (const auto& stage : fetched->second->stages) {
        for (const TaskRecord& task : stage) called_for.insert({MarkOf(job.number), task.digest});
      }
    }
    for (const auto& [prompt, answers] : given_) {
      if (whole.count(prompt.first) == 0 || called_for.count(prompt) > 0) continue;
      Find("wrong answer", prompt.first, "a prompt was sent that no record calls for");
    }
  }

  // When a call that has no end on record was cut off: its process's successor knows.
  int64_t EndOf(const UpstreamCall& call, const std::set<int64_t>& runs) const {
    if (call.ended_us != 0) return call.ended_us;
    const auto next = runs.upper_bound(call.run);
    return next == runs.end() ? std::numeric_limits<int64_t>::max() : *next;
  }

  void CheckRepeatedCalls() {
    std::vector<std::pair<int64_t, int64_t>> spans;
    std::set<int64_t> runs;
    for (const UpstreamCall& call : history_.calls) runs.insert(call.run);
    std::map<Prompt, std::vector<int64_t>> begins;
    for (const UpstreamCall& call : history_.calls) {
      ++audit_.calls;
      spans.emplace_back(call.began_us, EndOf(call, runs));
      begins[{call.mark, call.digest}].push_back(call.began_us);
    }
    const auto under_way = [&](int64_t from, int64_t to) {
      return std::count_if(spans.begin(), spans.end(), [from, to](const auto& span) {
        return span.first <= to && from < span.second;
      });
    };
    for (const FaultRecord& fault : history_.faults) {
      RepeatedCalls& calls = audit_.by_fault[fault.kind];
      calls.exposed += under_way(fault.struck_us, std::max(fault.struck_us, fault.in_force_us));
      if (fault.comes_back) calls.exposed += under_way(fault.undone_us, fault.undone_us);
    }
    for (auto& [prompt, times] : begins) {
      std::sort(times.begin(), times.end());
      for (size_t i = 1; i < times.size(); ++i) ++audit_.by_fault[FaultBefore(times[i])].repeated;
    }
    for (const auto& [kind, calls] : audit_.by_fault) {
      audit_.repeated += calls.repeated;
      audit_.exposed += calls.exposed;
    }
    if (audit_.repeated > audit_.exposed) {
      Find("repeated call", "all",
           absl::StrCat(audit_.repeated, " calls beyond one a task, and ", audit_.exposed,
                        " were under way at the faults"));
    }
  }

  std::string FaultBefore(int64_t at) const {
    std::string kind;
    for (const FaultRecord& fault : history_.faults) {
      if (fault.struck_us <= at) kind = fault.kind;
    }
    return kind;
  }

  const History& history_;
  std::map<Prompt, std::set<std::string>> given_;
  std::map<std::string, const FetchedJob*> fetched_;
  std::map<std::string, const StoredHistory*> stored_;
  Audit audit_;
};

}  // namespace

Audit CheckHistory(const History& history) { return Auditor(history).Run(); }

}  // namespace moa::chaos
