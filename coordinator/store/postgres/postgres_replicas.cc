#include "coordinator/store/postgres/postgres_replicas.h"

#include <iterator>
#include <map>
#include <utility>

#include "common/base/status_macros.h"
#include "coordinator/store/postgres/job_commands.h"

namespace moa {
namespace {

// By place in kReplicaStatements.
struct Sql {
  enum : int {
    kHold,
    kHoldSince,
    kRenew,
    kVersion,
    kMembers,
    kShares,
    kExpect,
    kDeclareDead,
    kDropSharesOfDead,
    kSetShare,
    kDropShare,
    kClaim,
    kReadClaimed,
    kReadClaimedEvents,
    kForgetDead,
    kRelease,
    kLeave,
  };
};

constexpr StatementText kReplicaStatements[] = {
    {"SELECT moa_hold($1)", "i"},
    {"SELECT moa_hold_since($1, $2)", "ii"},
    {"UPDATE moa_members SET address = $2, jobs = $3, renewals = renewals + 1,"
     " renewed_at = clock_timestamp() WHERE epoch = $1 AND dead = 0",
     "ibi"},
    {"SELECT version FROM moa_cluster", ""},
    {"SELECT epoch, address, host, dead, renewals, jobs FROM moa_members ORDER BY epoch", ""},
    {"SELECT member, quota_key, model, share FROM moa_quota_shares JOIN moa_members ON epoch = "
     "member"
     " WHERE dead = 0 ORDER BY quota_key, model, member",
     ""},
    {"SELECT moa_expect($1)", "i"},
    // Not one that is committing a group right now: there will be another time.
    {"UPDATE moa_members SET dead = 1 WHERE epoch ="
     " (SELECT epoch FROM moa_members WHERE epoch = $1 AND renewals = $2 AND dead = 0"
     " FOR UPDATE SKIP LOCKED)",
     "ii"},
    {"DELETE FROM moa_quota_shares WHERE member IN (SELECT epoch FROM moa_members WHERE dead = 1)",
     ""},
    {"INSERT INTO moa_quota_shares VALUES ($1, $2, $3, $4)"
     " ON CONFLICT (member, quota_key, model) DO UPDATE SET share = excluded.share",
     "ibbb"},
    {"DELETE FROM moa_quota_shares WHERE member = $1 AND quota_key = $2 AND model = $3", "ibb"},
    // `claim` is the number of the member's claim. One whose outcome was lost with the connection is made again under
    // its number, and finds what it took the first time.
    {"WITH free AS (SELECT id FROM moa_jobs WHERE state < 3 AND owner IN"
     " (SELECT epoch FROM moa_members WHERE dead = 1 UNION ALL SELECT 0)"
     " ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)"
     " UPDATE moa_jobs SET owner = $1, claim = $3 FROM free WHERE moa_jobs.id = free.id",
     "iii"},
    {"SELECT id, tenant, name, state, degraded, created_ns, ended_ns, owner, spec"
     " FROM moa_jobs JOIN moa_specs USING (id) WHERE state < 3 AND owner = $1 AND claim = $2"
     " ORDER BY id",
     "ii"},
    {"SELECT moa_events.id, sequence, payload FROM moa_events JOIN moa_jobs USING (id)"
     " WHERE state < 3 AND owner = $1 AND claim = $2 ORDER BY moa_events.id, sequence",
     "ii"},
    {"DELETE FROM moa_members WHERE dead = 1 AND NOT EXISTS"
     " (SELECT FROM moa_jobs WHERE owner = moa_members.epoch AND state < 3)",
     ""},
    {"UPDATE moa_jobs SET owner = 0, claim = 0 WHERE id = $1 AND owner = $2 AND state < 3", "bi"},
    {"UPDATE moa_members SET dead = 1 WHERE epoch = $1", "i"},
};

constexpr absl::Duration kAnswerTimeout = absl::Seconds(2);

Parameter Whole(uint64_t value) { return Parameter::Integer(static_cast<int64_t>(value)); }
uint64_t Number(const Rows& rows, int row, int column) {
  return static_cast<uint64_t>(rows.Integer(row, column));
}

ClusterView ViewOf(const Rows& version, const Rows& members, const Rows& shares) {
  ClusterView view{.version = Number(version, 0, 0)};
  for (int row = 0; row < members.size(); ++row) {
    view.members.push_back({.epoch = Number(members, row, 0),
                            .address = std::string(members.Bytes(row, 1)),
                            .host = std::string(members.Bytes(row, 2)),
                            .dead = members.Integer(row, 3) != 0,
                            .renewals = Number(members, row, 4),
                            .jobs = Number(members, row, 5)});
  }
  for (int row = 0; row < shares.size(); ++row) {
    view.shares.push_back({.member = Number(shares, row, 0),
                           .quota_key = std::string(shares.Bytes(row, 1)),
                           .model = std::string(shares.Bytes(row, 2)),
                           .share = Text(shares.Bytes(row, 3))});
  }
  return view;
}

}  // namespace

PostgresReplicas::PostgresReplicas(const std::string& url, std::function<uint64_t()> epoch,
                                   PostgresReader& reader)
    : url_(url), epoch_(std::move(epoch)), reader_(reader) {}

absl::StatusOr<std::vector<Rows>> PostgresReplicas::Run(
    const std::vector<Session::Command>& commands) {
  MutexLock lock(mutex_);
  if (session_ == nullptr) {
    MOA_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Session::Connect(url_));
    // Less than a lease, which is at stake.
    session->SetAnswerTimeout(kAnswerTimeout);
    MOA_RETURN_IF_ERROR(session->Prepare(kReplicaStatements));
    session_ = std::move(session);
  }
  absl::StatusOr<std::vector<Rows>> rows =
      session_->RunTransaction(commands, Session::Access::kReadWrite);
  if (session_->is_broken()) session_ = nullptr;
  return rows;
}

absl::StatusOr<ClusterView> PostgresReplicas::Renew(const std::string& address, uint64_t jobs) {
  const uint64_t me = epoch_();
  // The version first: what changes after it makes a change on this view fail.
  MOA_ASSIGN_OR_RETURN(const std::vector<Rows> rows,
                       Run({{Sql::kHold, {Whole(me)}},
                            {Sql::kRenew, {Whole(me), Parameter::Bytes(address), Whole(jobs)}},
                            {Sql::kVersion, {}},
                            {Sql::kMembers, {}},
                            {Sql::kShares, {}}}));
  ClusterView view = ViewOf(rows[2], rows[3], rows[4]);
  for (const Member& member : view.members) {
    if (member.epoch == me) renewals_.store(member.renewals);
  }
  return view;
}

absl::Status PostgresReplicas::Apply(uint64_t version, const Change& change) {
  const uint64_t me = epoch_();
  std::vector<Session::Command> commands = {{Sql::kExpect, {Whole(version)}},
                                            {Sql::kHold, {Whole(me)}}};
  for (const Member& dead : change.dead) {
    commands.push_back({Sql::kDeclareDead, {Whole(dead.epoch), Whole(dead.renewals)}});
  }
  for (const StoredShare& share : change.gone_shares) {
    commands.push_back(
        {Sql::kDropShare,
         {Whole(me), Parameter::Bytes(share.quota_key), Parameter::Bytes(share.model)}});
  }
  for (const StoredShare& share : change.shares) {
    commands.push_back({Sql::kSetShare,
                        {Whole(me), Parameter::Bytes(share.quota_key),
                         Parameter::Bytes(share.model), Parameter::Bytes(share.share.view())}});
  }
  return Run(commands).status();
}

absl::StatusOr<std::vector<StoredJob>> PostgresReplicas::Claim(size_t limit) {
  const uint64_t me = epoch_();
  const uint64_t claim = claims_.load() + 1;
  MOA_ASSIGN_OR_RETURN(const std::vector<Rows> rows,
                       Run({{Sql::kHoldSince, {Whole(me), Whole(renewals_.load())}},
                            {Sql::kClaim, {Whole(me), Whole(limit), Whole(claim)}},
                            {Sql::kReadClaimed, {Whole(me), Whole(claim)}},
                            {Sql::kReadClaimedEvents, {Whole(me), Whole(claim)}},
                            {Sql::kDropSharesOfDead, {}},
                            {Sql::kForgetDead, {}}}));
  claims_.store(claim);
  const Rows& jobs = rows[2];
  const Rows& events = rows[3];
  std::vector<StoredJob> claimed;
  int event = 0;
  for (int row = 0; row < jobs.size(); ++row) {
    StoredJob& job = claimed.emplace_back();
    job.row = RowOf(jobs, row);
    job.spec = Text(jobs.Bytes(row, 8));
    for (; event < events.size() && events.Bytes(event, 0) == jobs.Bytes(row, 0); ++event) {
      job.events.push_back(
          {.sequence = Number(events, event, 1), .payload = Text(events.Bytes(event, 2))});
    }
  }
  return claimed;
}

absl::StatusOr<std::vector<Member>> PostgresReplicas::Members() {
  MOA_ASSIGN_OR_RETURN(const std::vector<Rows> rows,
                       Run({{Sql::kVersion, {}}, {Sql::kMembers, {}}, {Sql::kShares, {}}}));
  return ViewOf(rows[0], rows[1], rows[2]).members;
}

absl::StatusOr<JobRow> PostgresReplicas::Find(const JobId& id) { return reader_.Find(id); }

absl::Status PostgresReplicas::Release(const std::vector<JobId>& jobs) {
  const uint64_t me = epoch_();
  std::vector<Session::Command> commands = {
      {Sql::kHoldSince, {Whole(me), Whole(renewals_.load())}}};
  for (const JobId& id : jobs) {
    commands.push_back({Sql::kRelease, {Parameter::Bytes(id.value()), Whole(me)}});
  }
  return Run(commands).status();
}

absl::Status PostgresReplicas::Leave() { return Run({{Sql::kLeave, {Whole(epoch_())}}}).status(); }

}  // namespace moa
