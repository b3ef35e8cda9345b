#include "coordinator/rpc/admin_service.h"

#include <filesystem>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/log/log.h"
#include "coordinator/convert/convert.h"
#include "coordinator/rpc/rpc_errors.h"
#include "coordinator/rpc/store_check.h"

namespace moa {
namespace {

constexpr size_t kPrunedAtOnce = 1000;
constexpr absl::Duration kPruneInterval = absl::Hours(1);
constexpr uint64_t kProblemsShown = 100;
constexpr absl::Duration kProgressInterval = absl::Seconds(1);

absl::StatusOr<StoreAdmin*> AdminOf(JobStore& store) {
  if (store.admin() != nullptr) return store.admin();
  return absl::FailedPreconditionError("this store cannot be looked after from here");
}

// One CheckStore call. gRPC's; deletes itself in OnDone. The check runs elsewhere and waits for each message to be
// written, so nothing is queued.
class CheckStream final : public grpc::ServerWriteReactor<v1::CheckStoreProgress> {
 public:
  // False when the client has gone. Blocks until the message is written.
  bool Send(const v1::CheckStoreProgress& progress) {
    {
      MutexLock lock(mutex_);
      if (cancelled_) return false;
      writing_ = true;
    }
    StartWrite(&progress);
    MutexLock lock(mutex_);
    while (writing_) changed_.Wait(mutex_);
    return !cancelled_;
  }
  void OnWriteDone(bool ok) override {
    MutexLock lock(mutex_);
    writing_ = false;
    cancelled_ = cancelled_ || !ok;
    changed_.NotifyAll();
  }
  void OnCancel() override {
    MutexLock lock(mutex_);
    cancelled_ = true;
  }
  void OnDone() override { delete this; }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

AdminService::AdminService(JobStore& store, const JobLimits& limits)
    : store_(store), limits_(limits), loop_("moa-admin") {}

void AdminService::Stop() {
  stopping_.store(true);
  loop_.Stop();
}

grpc::ServerUnaryReactor* AdminService::Answer(grpc::CallbackServerContext* context,
                                               std::function<absl::Status()> work) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  loop_.Post([reactor, work = std::move(work)] { reactor->Finish(ToClientStatus(work())); });
  return reactor;
}

grpc::ServerUnaryReactor* AdminService::GetStoreStatus(grpc::CallbackServerContext* context,
                                                       const v1::GetStoreStatusRequest*,
                                                       v1::StoreStatus* response) {
  return Answer(context, [this, response]() -> absl::Status {
    MOA_ASSIGN_OR_RETURN(StoreAdmin * admin, AdminOf(store_));
    MOA_ASSIGN_OR_RETURN(const StoreAdmin::Space space, admin->SpaceUsed());
    response->set_kind(admin->kind());
    response->set_used_bytes(space.used_bytes);
    if (space.free_bytes) response->set_free_bytes(*space.free_bytes);
    response->set_trouble(std::string(store_.Health().message()));
    if (store_.replicas() == nullptr) return absl::OkStatus();
    MOA_ASSIGN_OR_RETURN(const std::vector<Member> members, store_.replicas()->Members());
    for (const Member& member : members) {
      if (member.dead) continue;
      v1::Member* shown = response->add_coordinators();
      shown->set_epoch(member.epoch);
      shown->set_address(member.address);
      shown->set_host(member.host);
      shown->set_unfinished_jobs(member.jobs);
    }
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::CheckStoreProgress>* AdminService::CheckStore(
    grpc::CallbackServerContext*, const v1::CheckStoreRequest*) {
  auto* stream = new CheckStream();
  loop_.Post([this, stream] {
    v1::CheckStoreProgress progress;
    uint64_t found = 0;
    absl::Time sent = Loop::Now();
    const auto note = [&](const JobId& id, const std::string& what) {
      if (++found > kProblemsShown) return;
      v1::StoreProblem* problem = progress.add_problems();
      problem->set_job_id(id.value());
      problem->set_description(what);
    };
    const auto send = [&](uint64_t jobs, bool done) {
      progress.set_jobs_checked(jobs);
      progress.set_problems_found(found);
      progress.set_done(done);
      const bool sent_it = stream->Send(progress);
      progress.clear_problems();
      sent = Loop::Now();
      return sent_it && !stopping_.load();
    };
    uint64_t checked = 0;
    absl::Status status = AdminOf(store_).status();
    if (status.ok()) {
      const absl::Status file = store_.admin()->CheckFile();
      if (absl::IsDataLoss(file)) note(JobId(), std::string(file.message()));
      if (!absl::IsDataLoss(file)) status = file;
    }
    if (status.ok()) {
      status = CheckJobs(store_, limits_, note, [&](uint64_t jobs) {
        checked = jobs;
        return Loop::Now() < sent + kProgressInterval || send(jobs, false);
      });
    }
    if (status.ok()) send(checked, true);
    stream->Finish(ToClientStatus(status));
  });
  return stream;
}

absl::StatusOr<uint64_t> AdminService::Prune(absl::Time before, bool dry_run) {
  MOA_ASSIGN_OR_RETURN(StoreAdmin * admin, AdminOf(store_));
  if (dry_run) return admin->Prune(before, 0, true);
  uint64_t all = 0;
  while (!stopping_.load()) {
    MOA_ASSIGN_OR_RETURN(const uint64_t some, admin->Prune(before, kPrunedAtOnce, false));
    all += some;
    if (some < kPrunedAtOnce) break;
  }
  return all;
}

void AdminService::PruneRegularly(absl::Duration keep) {
  loop_.Post([this, keep] {
    const absl::StatusOr<uint64_t> pruned = Prune(absl::Now() - keep, false);
    if (!pruned.ok()) {
      LogWarning("cannot delete old jobs; I try again in an hour",
                 {{"reason", std::string(pruned.status().message())}});
    } else if (*pruned > 0) {
      LogInfo("deleted old jobs", {{"jobs", *pruned}});
    }
    loop_.CallAt(Loop::Now() + kPruneInterval, [this, keep] { PruneRegularly(keep); });
  });
}

grpc::ServerUnaryReactor* AdminService::PruneJobs(grpc::CallbackServerContext* context,
                                                  const v1::PruneJobsRequest* request,
                                                  v1::PruneJobsResponse* response) {
  return Answer(context, [this, request, response]() -> absl::Status {
    if (!request->has_ended_before()) {
      return absl::InvalidArgumentError("ended_before: is missing");
    }
    const absl::Time before = absl::FromUnixSeconds(request->ended_before().seconds()) +
                              absl::Nanoseconds(request->ended_before().nanos());
    MOA_ASSIGN_OR_RETURN(const uint64_t jobs, Prune(before, request->dry_run()));
    response->set_jobs(jobs);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdminService::BackupStore(grpc::CallbackServerContext* context,
                                                    const v1::BackupStoreRequest* request,
                                                    v1::BackupStoreResponse* response) {
  return Answer(context, [this, request, response]() -> absl::Status {
    MOA_ASSIGN_OR_RETURN(StoreAdmin * admin, AdminOf(store_));
    MOA_RETURN_IF_ERROR(admin->Backup(request->path()));
    std::error_code unknown;
    response->set_bytes(std::filesystem::file_size(request->path(), unknown));
    return absl::OkStatus();
  });
}

}  // namespace moa
