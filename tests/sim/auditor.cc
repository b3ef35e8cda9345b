#include "tests/sim/auditor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/sim/job_shapes.h"
#include "tests/sim/prompt_audit.h"
#include "tests/sim/sim_member.h"

namespace moa::sim {
namespace {

std::string At(const JobId& id, uint64_t sequence) {
  return absl::StrCat("job ", id.value(), ", record ", sequence);
}

// The last task of a job whose best answer, or the one that agents agreed on, is the job's.
bool IsStandIn(const JobSpec& spec, const TaskResult& result) {
  return HasFlows(spec) && result.attempts == 0 && result.task + 1 == Unroll(spec).size();
}

}  // namespace

uint64_t NonceOf(const Completion& completion) {
  absl::string_view id = completion.response_id;
  uint64_t nonce = 0;
  if (!absl::ConsumePrefix(&id, "call-") || !absl::SimpleAtoi(id, &nonce)) return 0;
  return nonce;
}

void Auditor::Fail(absl::string_view rule, absl::string_view details) {
  if (failed()) return;
  rule_ = std::string(rule);
  details_ = std::string(details);
  trace_("VIOLATION ", rule, ": ", details);
}

// ------------------------------------------------------------------------------------------------
// The disk

void Auditor::Committed(const JobId& id, const DiskJob& job) {
  CheckSequence(id, job);
  const Record& record = job.records.back();
  if (const auto* finished = std::get_if<TaskFinished>(&record.what)) {
    finished_.emplace(std::make_pair(id, finished->result.task), queue_.now());
    CheckResult(id, job, finished->result);
  } else if (const auto* end = std::get_if<JobEnded>(&record.what)) {
    ended_.emplace(id, queue_.now());
    CheckEnd(id, job, *end);
    CheckSums(id, job, *end);
    CheckDegraded(id, job);
  }
}

void Auditor::CheckSequence(const JobId& id, const DiskJob& job) {
  const Record& record = job.records.back();
  Require(record.sequence == job.records.size(), "sequences have no gaps",
          absl::StrCat(At(id, record.sequence), " is number ", job.records.size(), " on disk"));
  for (size_t i = 0; i + 1 < job.records.size(); ++i) {
    Require(!std::holds_alternative<JobEnded>(job.records[i].what),
            "a job has one terminal record and nothing after it",
            absl::StrCat(At(id, record.sequence), " comes after the end"));
  }
  const auto* finished = std::get_if<TaskFinished>(&record.what);
  if (finished == nullptr) return;
  for (size_t i = 0; i + 1 < job.records.size(); ++i) {
    const auto* earlier = std::get_if<TaskFinished>(&job.records[i].what);
    Require(earlier == nullptr || earlier->result.task != finished->result.task,
            "a task finishes once", At(id, record.sequence));
  }
}

void Auditor::CheckResult(const JobId& id, const DiskJob& job, const TaskResult& result) {
  const std::string where = absl::StrCat("job ", id.value(), ", task ", result.task);
  if (result.state == TaskState::kCancelled || result.state == TaskState::kSkipped) {
    return CheckLeftOut(id, job, result);
  }
  if (IsStandIn(job.spec, result)) return CheckStandIn(where, job, result);
  Require(result.attempts > 0, "a task that finished was tried", where);
  if (result.state != TaskState::kSucceeded) return;
  const uint64_t nonce = NonceOf(result.completion);
  const auto answer = answers_.find(nonce);
  if (answer == answers_.end()) return Fail("every result is a provider's answer", where);
  Require(answer->second.ref.job == id && answer->second.ref.task == result.task,
          "a result goes to the task that asked for it",
          absl::StrCat(where, " got that of ", Name(answer->second.ref)));
  Require(answer->second.completion == result.completion, "results are stored unchanged", where);
  Require(answer->second.call->model == result.model, "a result names the model that answered",
          where);
  Require(durable_results_.emplace(nonce, id).second, "no result is taken twice", where);
}

// The answer of another task, unchanged, and nobody was asked for it.
void Auditor::CheckStandIn(const std::string& where, const DiskJob& job, const TaskResult& result) {
  if (result.state != TaskState::kSucceeded) return;
  const bool is_there =
      std::any_of(job.records.begin(), job.records.end(), [&](const Record& record) {
        const auto* finished = std::get_if<TaskFinished>(&record.what);
        return finished != nullptr && finished->result.task != result.task &&
               finished->result.state == TaskState::kSucceeded &&
               finished->result.completion.content == result.completion.content;
      });
  Require(is_there, "an answer that stands in is one on record", where);
}

// A job may go on without a task only for a reason that its owner gave.
void Auditor::CheckLeftOut(const JobId& id, const DiskJob& job, const TaskResult& result) {
  const std::string where = absl::StrCat("job ", id.value(), ", task ", result.task);
  Require(!result.error.message.empty(), "what is left out says why", where);
  if (HasFlows(job.spec) && result.error.code == ErrorCode::kNotNeeded) return;
  if (result.state == TaskState::kSkipped) {
    return Require(job.spec.budget != Budget{} && result.attempts == 0,
                   "only a budget leaves a task out", where);
  }
  const std::vector<AuditedTask> tasks = Unroll(job.spec);
  const uint32_t stage = tasks[result.task].stage;
  const uint32_t stages = tasks.back().stage;  // before the aggregator's
  uint32_t answers = 0;
  for (const Record& record : job.records) {
    const auto* finished = std::get_if<TaskFinished>(&record.what);
    answers += finished != nullptr && finished->result.state == TaskState::kSucceeded &&
               tasks[finished->result.task].stage == stage;
  }
  const std::optional<Quorum>& quorum = job.spec.moa.layers[tasks[result.task].layer].quorum;
  const bool enough = quorum.has_value() && answers >= quorum->min;
  // How long stages may take depends on what they do.
  bool late = HasFlows(job.spec) && job.spec.deadline.has_value();
  if (!late && job.spec.deadline.has_value()) {
    const double parts = answers > 0 ? stage + 1 : stages;
    const absl::Duration share = *job.spec.deadline * (parts / (stages + 1.5));
    late = job.records.back().time >= job.records.front().time + share - absl::Milliseconds(1);
  }
  Require(enough || late, "only a quorum or a stage's end cancels a straggler", where);
}

// A job that lost answers and went on has said so.
void Auditor::CheckDegraded(const JobId& id, const DiskJob& job) {
  // Whose loss matters there is for critics and votes to say.
  if (HasFlows(job.spec)) return;
  const std::vector<AuditedTask> tasks = Unroll(job.spec);
  std::set<uint32_t> lossy;
  std::set<uint32_t> said;
  uint32_t last = 0;
  for (const Record& record : job.records) {
    if (const auto* finished = std::get_if<TaskFinished>(&record.what)) {
      const uint32_t stage = tasks[finished->result.task].stage;
      if (finished->result.state != TaskState::kSucceeded) lossy.insert(stage);
    } else if (const auto* degraded = std::get_if<JobDegraded>(&record.what)) {
      said.insert(degraded->stage);
    } else if (const auto* started = std::get_if<LayerStarted>(&record.what)) {
      Require(started->stage == last || said.contains(last > 0 ? last - 1 : 0),
              "layers are not left out in silence", absl::StrCat("job ", id.value()));
      last = started->stage + 1;
    }
  }
  for (const uint32_t stage : lossy) {
    Require(stage + 1 >= last || said.contains(stage), "lost answers are not hushed up",
            absl::StrCat("job ", id.value(), ", stage ", stage));
  }
}

void Auditor::CheckEnd(const JobId& id, const DiskJob& job, const JobEnded& end) {
  const std::vector<AuditedTask> tasks = Unroll(job.spec);
  const auto aggregator = static_cast<uint32_t>(tasks.size()) - 1;
  bool answered = false;
  bool any_answer = false;
  bool stood_in = false;  // an agent's answer took the aggregator's place, and the job says so
  for (const Record& record : job.records) {
    if (const auto* degraded = std::get_if<JobDegraded>(&record.what)) {
      stood_in = degraded->stage == tasks[aggregator].stage;
    }
    const auto* finished = std::get_if<TaskFinished>(&record.what);
    if (finished == nullptr || finished->result.state != TaskState::kSucceeded) continue;
    answered = answered || finished->result.task == aggregator;
    any_answer = true;
    if (IsStandIn(job.spec, finished->result)) continue;
    const auto answer = answers_.find(NonceOf(finished->result.completion));
    if (answer == answers_.end()) continue;  // reported when it was stored
    const std::string wrong =
        CheckCall(job.spec, job.records, finished->result.task, *answer->second.call);
    Require(wrong.empty(), "prompts hold exactly the accepted answers of the stage before",
            absl::StrCat("job ", id.value(), ", task ", finished->result.task, ": ", wrong));
  }
  // With flows, an answer may be the job's by their rules.
  const bool flows = HasFlows(job.spec) && end.state == JobState::kSucceeded && any_answer;
  Require((end.state == JobState::kSucceeded) == (answered || stood_in || flows),
          "a job succeeds when its aggregator does, or an answer stands in for it",
          absl::StrCat("job ", id.value()));
  Require(end.state != JobState::kCancelled || cancelled_.contains(id),
          "only who is asked to cancel does", absl::StrCat("job ", id.value()));
  const absl::Time deadline =
      job.records.front().time + job.spec.deadline.value_or(absl::Minutes(10));
  Require(end.error.code != ErrorCode::kDeadlineExceeded || end.state != JobState::kFailed ||
              job.records.back().time >= deadline || answered,
          "no job ends by its deadline before it", absl::StrCat("job ", id.value()));
}

// Sums of what was accepted, added up here once more.
void Auditor::CheckSums(const JobId& id, const DiskJob& job, const JobEnded& end) {
  const std::vector<AuditedTask> tasks = Unroll(job.spec);
  std::map<uint32_t, absl::Duration> longest;
  uint64_t tokens = 0;
  uint32_t attempts = 0;
  for (const Record& record : job.records) {
    const auto* finished = std::get_if<TaskFinished>(&record.what);
    if (finished == nullptr) continue;
    attempts += finished->result.attempts;
    tokens += finished->result.wasted.total_tokens;
    if (finished->result.state != TaskState::kSucceeded) continue;
    tokens += finished->result.completion.usage.total_tokens;
    absl::Duration& stage = longest[tasks[finished->result.task].stage];
    stage = std::max(stage, finished->result.run);
  }
  absl::Duration path;
  for (const auto& [stage, run] : longest) path += run;
  Require(path == end.critical_path, "the critical path is the sum of the longest accepted runs",
          absl::StrCat("job ", id.value()));
  Require(end.usage.tokens.total_tokens >= tokens && end.usage.upstream_calls >= attempts,
          "a job's usage holds that of its tasks", absl::StrCat("job ", id.value()));
}

void Auditor::CheckOnDisk(const JobId& id, const Record& record, absl::string_view rule) {
  const auto job = disk_->jobs.find(id);
  const bool there = job != disk_->jobs.end() && record.sequence >= 1 &&
                     record.sequence <= job->second.records.size() &&
                     job->second.records[record.sequence - 1] == record;
  Require(there, rule, At(id, record.sequence));
}

// ------------------------------------------------------------------------------------------------
// Clients

void Auditor::Acknowledged(const std::string& key, const JobId& id) {
  Require(disk_->jobs.contains(id), "an acknowledged job is on disk",
          absl::StrCat("job ", id.value()));
  const auto [it, first] = acknowledged_.emplace(key, id);
  Require(first || it->second == id, "one idempotency key makes one job",
          absl::StrCat(key, " gave ", it->second.value(), " and ", id.value()));
}

void Auditor::EndReported(const JobId& id) {
  const auto job = disk_->jobs.find(id);
  Require(job != disk_->jobs.end() && job->second.terminal(), "an end is stored, then reported",
          absl::StrCat("job ", id.value()));
}

void Auditor::Published(const JobId& id, const Record& record) {
  CheckOnDisk(id, record, "what is published is on disk");
  published_[id].emplace(record.sequence, record);
}

void Auditor::Received(const JobId& id, uint64_t last_seen, const Record& record) {
  Require(record.sequence == last_seen + 1, "watchers see every record once and in order",
          absl::StrCat(At(id, record.sequence), " after ", last_seen));
  CheckOnDisk(id, record, "what a watcher was shown is never contradicted");
}

void Auditor::CheckAcknowledgedJobsEnded() {
  for (const auto& [key, id] : acknowledged_) {
    const auto job = disk_->jobs.find(id);
    if (job == disk_->jobs.end()) {
      Fail("no acknowledged job is lost", absl::StrCat("job ", id.value()));
      continue;
    }
    Require(job->second.terminal(), "every job ends once faults have stopped",
            absl::StrCat("job ", id.value(), " has ", job->second.records.size(), " records"));
  }
  for (const auto& [id, records] : published_) {
    for (const auto& [sequence, record] : records) {
      CheckOnDisk(id, record, "what is published is never contradicted");
    }
  }
  std::map<std::string, JobId> keys;
  for (const auto& [id, job] : disk_->jobs) {
    Require(job.key.empty() || keys.emplace(job.key, id).second,
            "one idempotency key makes one job", absl::StrCat("job ", id.value()));
  }
}

// ------------------------------------------------------------------------------------------------
// The coordinator

void Auditor::WrittenBy(uint64_t epoch) {
  Require(!disk_->IsDead(epoch), "nothing of a member that was declared dead is committed",
          absl::StrCat("member ", epoch));
}

void Auditor::DispatchedBy(uint64_t epoch, const AttemptRef& ref) {
  Require(!disk_->IsDead(epoch), "nobody dispatches whose lease was taken over",
          absl::StrCat(Name(ref), " by ", epoch));
}

void Auditor::Renewed(uint64_t epoch) {
  const auto [it, first] = renewing_.try_emplace(epoch, queue_.now(), queue_.now());
  if (queue_.now() > it->second.second + SimMember::kLease) it->second.first = queue_.now();
  it->second.second = queue_.now();
}

void Auditor::DeclaredDead(uint64_t epoch, uint64_t by) {
  const DiskMember& member = disk_->cluster.members.at(epoch);
  if (epoch < by && member.address == disk_->cluster.members.at(by).address) return;  // replaced
  const auto& [since, last] = renewing_.at(epoch);
  Require(queue_.now() > last + SimMember::kLease, "who has renewed has a whole lease",
          absl::StrCat("member ", epoch, " after ", absl::FormatDuration(queue_.now() - last)));
  // After an outage all have the time to renew before any may be declared dead. The second of its looks, half a lease
  // after the first at most, and all later ones began with a renewal after the one before.
  const absl::Duration looked = queue_.now() - renewing_.at(by).first;
  Require(looked >= SimMember::kLease / 2, "only one that could look declares others dead",
          absl::StrCat("member ", by, " after ", absl::FormatDuration(looked)));
}

void Auditor::SharesInUse(const QuotaKey& of, uint64_t sum_ppm) {
  Require(sum_ppm <= kQuotaWhole, "the shares in use are never more than the whole",
          absl::StrCat(of.model, ": ", sum_ppm));
}

void Auditor::OwnerLost(uint64_t epoch) { emitted_results_.erase(epoch); }

void Auditor::Emitted(uint64_t epoch, const Record& record) {
  const auto* finished = std::get_if<TaskFinished>(&record.what);
  if (finished == nullptr || finished->result.state != TaskState::kSucceeded) return;
  emitted_results_[epoch].insert(NonceOf(finished->result.completion));
}

void Auditor::CoordinatorLost() {
  emitted_results_.clear();
  streams_.clear();
}

void Auditor::Connected(uint64_t stream, const WorkerId& worker, uint32_t slots) {
  streams_[stream] = {worker, slots, {}};
}

void Auditor::SlotsChanged(uint64_t stream, uint32_t slots) {
  if (const auto it = streams_.find(stream); it != streams_.end()) it->second.slots = slots;
}

void Auditor::Dispatched(uint64_t stream, const AttemptRef& ref) {
  StreamCount& count = streams_[stream];
  Require(count.running.size() < count.slots, "no attempt is dispatched beyond a worker's slots",
          absl::StrCat(Name(ref), " to ", count.worker.value(), ", which runs ",
                       count.running.size(), " of ", count.slots));
  Require(count.running.insert(ref).second, "an attempt is dispatched once", Name(ref));
}

void Auditor::Adopted(uint64_t stream, const AttemptRef& ref) {
  for (const auto& [id, count] : streams_) {
    // One that was lost may count on, until it hears of it.
    if (epochs_[id] != epochs_[stream]) continue;
    Require(!count.running.contains(ref), "an attempt runs in one place", Name(ref));
  }
  streams_[stream].running.insert(ref);
  // A call that is found again was not lost.
  if (const auto it = tries_.find({ref.epoch, ref.job, ref.task}); it != tries_.end()) {
    it->second.losses -= std::min(it->second.losses, 1u);
  }
}

void Auditor::Ended(uint64_t stream, const AttemptRef& ref) {
  if (const auto it = streams_.find(stream); it != streams_.end()) it->second.running.erase(ref);
}

void Auditor::Disconnected(uint64_t stream) { streams_.erase(stream); }

void Auditor::AttemptFailed(const AttemptRef& ref, uint64_t epoch, ErrorCode code) {
  Tries& tries = tries_[{epoch, ref.job, ref.task}];
  // Hedges fail beside what they are for, and each model has its own attempts.
  const auto job = disk_->jobs.find(ref.job);
  if (job == disk_->jobs.end()) return;
  const std::vector<AuditedTask> tasks = Unroll(job->second.spec);
  const Agent* agent = tasks[ref.task].agent;
  const size_t models = agent == nullptr ? Models().size() : agent->fallback_models.size() + 1;
  if (code == ErrorCode::kWorkerLost) {
    Require(++tries.losses <= 2 * (limits_.worker_losses_max + 1), "losses have a limit",
            Name(ref));
  } else if (code == ErrorCode::kQuotaExceeded || code == ErrorCode::kQueueExceeded) {
    Require(++tries.refusals <= 2 * models * (limits_.refusals_max + 1), "refusals have a limit",
            Name(ref));
  } else {
    Require(++tries.failures <= 2 * models * limits_.attempts_max, "attempts have a limit",
            Name(ref));
  }
}

void Auditor::Answered(uint64_t nonce, const AttemptRef& ref, std::shared_ptr<const Call> call,
                       const Completion& completion) {
  answers_[nonce] = {ref, std::move(call), completion};
}

void Auditor::Billed(const AttemptRef& ref, const std::string& model, const Usage& usage) {
  Bill& bill = bills_[{ref.job, ref.epoch}];
  bill.tokens += usage.total_tokens;
  bill.calls += 1;
  bill.cost_usd += Prices().CostUsd(model, usage);
  const auto job = disk_->jobs.find(ref.job);
  if (job == disk_->jobs.end()) return;
  const Budget& budget = job->second.spec.budget;
  constexpr double kRounding = 1e-9;
  Require(bill.tokens <= budget.max_total_tokens.value_or(bill.tokens) &&
              bill.calls <= budget.max_upstream_calls.value_or(bill.calls) &&
              bill.cost_usd <= budget.max_cost_usd.value_or(bill.cost_usd) + kRounding,
          "no job exceeds its budget",
          absl::StrCat(Name(ref), ": ", bill.tokens, " tokens, ", bill.calls, " calls, $",
                       bill.cost_usd));
}

void Auditor::TakenUp(const JobId& id, uint64_t epoch) {
  Bill& bill = bills_[{id, epoch}];
  for (const Record& record : disk_->jobs.at(id).records) {
    const auto* finished = std::get_if<TaskFinished>(&record.what);
    if (finished == nullptr) continue;
    const TaskResult& result = finished->result;
    bill.tokens += result.completion.usage.total_tokens + result.wasted.total_tokens;
    bill.calls += result.attempts;
    bill.cost_usd += result.cost_usd.value_or(0);
  }
}

void Auditor::CheckNoneIsOver(const std::vector<AttemptRef>& running) {
  for (const AttemptRef& ref : running) {
    const auto ended = ended_.find(ref.job);
    Require(ended == ended_.end() || queue_.now() < ended->second + absl::Seconds(10),
            "no call goes on after its job's end", Name(ref));
    const auto finished = finished_.find({ref.job, ref.task});
    Require(finished == finished_.end() || queue_.now() < finished->second + absl::Seconds(10),
            "no call goes on after its task's end", Name(ref));
  }
}

void Auditor::Forgotten(uint64_t stream, const Event& finished) {
  const auto* succeeded = std::get_if<AttemptSucceeded>(&finished);
  if (succeeded == nullptr) return;
  const uint64_t nonce = NonceOf(succeeded->completion);
  const auto emitted = emitted_results_.find(epochs_[stream]);
  const bool taken = emitted != emitted_results_.end() && emitted->second.contains(nonce);
  Require(!taken || durable_results_.contains(nonce),
          "a worker keeps a taken result until it is durable", Name(succeeded->ref));
}

}  // namespace moa::sim
