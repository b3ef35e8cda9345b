// How long lists and counts take when there are a million jobs.
//
//   listing [--jobs 1000000] [--queries 200] [--repeat 3] [--json] [-- FLAGS OF THE COORDINATOR]
//
// The rows of `jobs` jobs of the last week (97 in 100 succeeded, two failed, one was cancelled; a hundred tenants) are
// written into a store's tables directly, a coordinator is started on it, and one client asks `queries` times for a page
// of 50: the newest, and pages at random places of all jobs, of a tenant's, of those that were cancelled. Counts: one
// after another, and the first one, which is not answered from what was counted before. PostgreSQL has run VACUUM and
// ANALYZE, as it does by itself within minutes of such a load. Times are those that the client sees.

#include <grpcpp/create_channel.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/net/random_id.h"
#include "coordinator/store/open.h"
#include "coordinator/store/postgres/session.h"
#include "coordinator/store/sqlite/database.h"
#include "moa/v1/moa.grpc.pb.h"
#include "tests/bench/arguments.h"
#include "tests/bench/bench_cluster.h"
#include "tests/postgres/postgres_server.h"

namespace moa::bench {
namespace {

constexpr int kTenants = 100;
constexpr int64_t kRowsAtOnce = 1000;
constexpr double kTargetMs = 50;

void Check(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(std::string(status.message()));
}

absl::Time CreatedOf(int64_t job, int64_t jobs) {
  static const absl::Time now = absl::Now();
  return now - absl::Hours(24 * 7) * (static_cast<double>(jobs - job) / static_cast<double>(jobs));
}

// INSERT statements for the jobs, some at a time. `hash` is a literal of the store's type of bytes.
void Fill(int64_t jobs, absl::string_view into, absl::string_view hash,
          const std::function<void(const std::string&)>& execute) {
  for (int64_t job = 0; job < jobs;) {
    std::string sql = absl::StrCat("INSERT INTO ", into, " VALUES ");
    for (int64_t row = 0; row < kRowsAtOnce && job < jobs; ++row, ++job) {
      const absl::Time created = CreatedOf(job, jobs);
      const int64_t of_hundred = job * 37 % 100;
      const int state = of_hundred == 0 ? 5 : of_hundred <= 2 ? 4 : 3;
      absl::StrAppend(&sql, row == 0 ? "" : ",", "('", NewTimeOrderedId(created), "','tenant-",
                      job % kTenants, "','job ", job, "',", state, ",0,",
                      absl::ToUnixMicros(created) * 1000, ",",
                      absl::ToUnixNanos(created + absl::Seconds(1)), ",", hash, ")");
    }
    execute(sql);
  }
}

void FillSqlite(const std::string& path, int64_t jobs) {
  { Check(OpenJobStore("sqlite:" + path, {}).status()); }
  auto database = Database::Open(path, {});
  Check(database.status());
  Check((*database)->Execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -500000; BEGIN"));
  Fill(jobs, "jobs (id, tenant, name, state, degraded, created_ns, ended_ns, request_hash)",
       "CAST('h' AS BLOB)",
       [&](const std::string& sql) { Check((*database)->Execute(sql.c_str())); });
  Check((*database)->Execute("COMMIT"));
}

void FillPostgres(const std::string& url, int64_t jobs) {
  { Check(OpenJobStore(url, {}).status()); }
  auto session = Session::Connect(url);
  Check(session.status());
  (*session)->SetAnswerTimeout(absl::Minutes(5));
  Fill(jobs,
       "moa_jobs (id, tenant, name, state, degraded, created_ns, ended_ns, request_hash, owner)",
       "'h', 0", [&](const std::string& sql) { Check((*session)->Execute(sql)); });
  Check((*session)->Execute("VACUUM ANALYZE moa_jobs"));
}

class Queries {
 public:
  Queries(const std::string& address, const Arguments& arguments, std::string variant,
          Report& report)
      : stub_(v1::MoaService::NewStub(
            grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))),
        jobs_(arguments.numbers.at("jobs")),
        count_(arguments.numbers.at("queries")),
        variant_(std::move(variant)),
        report_(report) {}

  void Run() {
    const double first = TimeCount("");
    report_.Add(variant_, "first count of all, ms", first);
    Measure("count of all", [&] { return TimeCount(""); });
    Measure("count of a tenant", [&] { return TimeCount(AnyTenant()); });
    Measure("newest page", [&] { return TimeList({}); });
    Measure("any page", [&] {
      v1::ListJobsRequest request;
      request.set_page_token(AnyToken());
      return TimeList(request);
    });
    Measure("any page of a tenant", [&] {
      v1::ListJobsRequest request;
      request.set_tenant(AnyTenant());
      request.set_page_token(AnyToken());
      return TimeList(request);
    });
    Measure("any page of the cancelled", [&] {
      v1::ListJobsRequest request;
      request.add_states(v1::JOB_STATE_CANCELLED);
      request.set_page_token(AnyToken());
      return TimeList(request);
    });
  }

 private:
  template <typename Query>
  void Measure(const std::string& name, const Query& query) {
    std::vector<double> took;
    for (int64_t i = 0; i < count_; ++i) took.push_back(query());
    report_.Add(variant_, name + " p50, ms", Quantile(took, 0.5));
    report_.Add(variant_, name + " p95, ms", Quantile(took, 0.95), AtMost(kTargetMs));
  }
  double TimeCount(const std::string& tenant) {
    v1::CountJobsRequest request;
    request.set_tenant(tenant);
    v1::CountJobsResponse response;
    return Time([&](grpc::ClientContext* context) {
      return stub_->CountJobs(context, request, &response);
    });
  }
  double TimeList(const v1::ListJobsRequest& request) {
    v1::ListJobsResponse response;
    const double took = Time(
        [&](grpc::ClientContext* context) { return stub_->ListJobs(context, request, &response); });
    if (response.jobs_size() == 0) throw std::runtime_error("a page without jobs");
    return took;
  }
  template <typename Call>
  double Time(const Call& call) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    const int64_t began = MonotonicNs();
    const grpc::Status status = call(&context);
    if (!status.ok()) throw std::runtime_error(status.error_message());
    return static_cast<double>(MonotonicNs() - began) / 1e6;
  }
  std::string AnyTenant() { return absl::StrCat("tenant-", random_() % kTenants); }
  // Of the newer nine tenths, so that a page is full.
  std::string AnyToken() {
    const auto job =
        jobs_ / 10 + static_cast<int64_t>(random_() % static_cast<uint64_t>(jobs_ * 9 / 10));
    return absl::StrCat(absl::ToUnixMicros(CreatedOf(job, jobs_)), ".", NewTimeOrderedId());
  }

  const std::unique_ptr<v1::MoaService::Stub> stub_;
  const int64_t jobs_;
  const int64_t count_;
  const std::string variant_;
  Report& report_;
  std::mt19937_64 random_{1};
};

void MeasureStore(const Arguments& arguments, const std::string& variant, const std::string& store,
                  Report& report) {
  cluster::Args flags = arguments.coordinator;
  flags.insert(flags.end(), {"--store", store});
  const int64_t began = MonotonicNs();
  BenchCluster cluster({.simulator = {}, .coordinator = flags, .worker = {}, .workers = 0});
  report.Add(variant, "start until it serves, ms",
             static_cast<double>(MonotonicNs() - began) / 1e6);
  Queries(cluster.processes().coordinator_address(), arguments, variant, report).Run();
}

Report MeasureListing(const Arguments& arguments) {
  const int64_t jobs = arguments.numbers.at("jobs");
  Report report("listing", absl::StrCat(jobs, " jobs' rows, pages of 50, one client"));
  char folder[] = "/tmp/moa-listing-XXXXXX";
  if (mkdtemp(folder) == nullptr) throw std::runtime_error("cannot make a folder in /tmp");
  const std::string path = absl::StrCat(folder, "/jobs.db");
  FillSqlite(path, jobs);
  PostgresServer server;
  const std::string url = server.NewDatabase();
  FillPostgres(url, jobs);
  for (int64_t i = 0; i < arguments.repeat; ++i) {
    MeasureStore(arguments, "SQLite", "sqlite:" + path, report);
    MeasureStore(arguments, "PostgreSQL", url, report);
  }
  std::filesystem::remove_all(folder);
  return report;
}

}  // namespace
}  // namespace moa::bench

int main(int argc, char** argv) {
  return moa::bench::RunBenchmark(argc, argv, {{"jobs", 1'000'000}, {"queries", 200}},
                                  moa::bench::MeasureListing);
}
