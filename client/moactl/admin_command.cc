#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/json/object_writer.h"
#include "client/lib/admin_client.h"
#include "client/moactl/commands.h"
#include "common/base/display_text.h"

namespace moa {
namespace {

constexpr double kMebibyte = 1 << 20;

std::string Mebibytes(uint64_t bytes) {
  return absl::StrFormat("%.1f MiB", static_cast<double>(bytes) / kMebibyte);
}

int ShowStatus(const CommandContext& context, AdminClient& admin) {
  const absl::StatusOr<v1::StoreStatus> status = admin.GetStatus();
  if (!status.ok()) return Fail(context, status.status());
  if (context.invocation.json) {
    ObjectWriter out;
    out.BeginObject();
    out.Text("kind", status->kind());
    out.Count("used_bytes", status->used_bytes());
    if (status->has_free_bytes()) out.Count("free_bytes", status->free_bytes());
    if (!status->trouble().empty()) out.Text("trouble", status->trouble());
    out.BeginArray("coordinators");
    for (const v1::Member& member : status->coordinators()) {
      out.BeginObject();
      out.Text("address", member.address());
      out.Text("host", member.host());
      out.Count("epoch", member.epoch());
      out.Count("unfinished_jobs", member.unfinished_jobs());
      out.EndObject();
    }
    out.EndArray();
    out.EndObject();
    context.console.Json(out.Take());
    return kExitOk;
  }
  std::vector<StyledLine> lines;
  std::string space = absl::StrCat(Mebibytes(status->used_bytes()), " used");
  if (status->has_free_bytes()) {
    absl::StrAppend(&space, ", ", Mebibytes(status->free_bytes()), " free");
  }
  lines.push_back({{absl::StrCat("store         ", OneLine(status->kind()), ", ", space)}});
  if (status->trouble().empty()) {
    lines.push_back({{"takes jobs    "}, {"yes", Style::kGreen}});
  } else {
    lines.push_back({{"takes jobs    "}, {"no: ", Style::kRed}, {OneLine(status->trouble())}});
  }
  for (const v1::Member& member : status->coordinators()) {
    lines.push_back(
        {{absl::StrCat("coordinator   ", OneLine(member.address()), " on ", OneLine(member.host()),
                       ", ", WithThousands(member.unfinished_jobs()), " unfinished jobs")}});
  }
  context.console.Out(lines);
  return kExitOk;
}

int CheckStore(const CommandContext& context, AdminClient& admin) {
  v1::CheckStoreProgress all;
  const absl::Status status = admin.Check([&](const v1::CheckStoreProgress& progress) {
    for (const v1::StoreProblem& problem : progress.problems()) {
      *all.add_problems() = problem;
      if (context.invocation.json) continue;
      const std::string about = problem.job_id().empty() ? "the database" : problem.job_id();
      context.console.Out(
          {{{OneLine(about), Style::kRed}, {": "}, {OneLine(problem.description())}}});
    }
    all.set_jobs_checked(progress.jobs_checked());
    all.set_problems_found(progress.problems_found());
    if (!progress.done() && !context.invocation.json) {
      context.console.Err({{{absl::StrCat(WithThousands(progress.jobs_checked()), " jobs read")}}});
    }
  });
  if (!status.ok()) return Fail(context, status);
  if (context.invocation.json) {
    ObjectWriter out;
    out.BeginObject();
    out.Count("jobs_checked", all.jobs_checked());
    out.Count("problems_found", all.problems_found());
    out.BeginArray("problems");
    for (const v1::StoreProblem& problem : all.problems()) {
      out.BeginObject();
      out.Text("job_id", problem.job_id());
      out.Text("description", problem.description());
      out.EndObject();
    }
    out.EndArray();
    out.EndObject();
    context.console.Json(out.Take());
  } else {
    const bool sound = all.problems_found() == 0;
    context.console.Out(
        {{{absl::StrCat(WithThousands(all.jobs_checked()), " jobs read: ")},
          {sound ? "no problem found"
                 : absl::StrCat(WithThousands(all.problems_found()), " problems found"),
           sound ? Style::kGreen : Style::kRed}}});
  }
  return all.problems_found() == 0 ? kExitOk : kExitJobFailed;
}

int Prune(const CommandContext& context, AdminClient& admin) {
  const AdminArguments& arguments = context.invocation.admin;
  const absl::StatusOr<uint64_t> jobs =
      admin.Prune(absl::Now() - arguments.older_than, arguments.dry_run);
  if (!jobs.ok()) return Fail(context, jobs.status());
  if (context.invocation.json) {
    ObjectWriter out;
    out.BeginObject();
    out.Count("jobs", *jobs);
    out.Flag("dry_run", arguments.dry_run);
    out.EndObject();
    context.console.Json(out.Take());
  } else {
    context.console.Out({{{absl::StrCat(
        WithThousands(*jobs), arguments.dry_run ? " jobs would be deleted" : " jobs deleted")}}});
  }
  return kExitOk;
}

int Backup(const CommandContext& context, AdminClient& admin) {
  const std::string& path = context.invocation.admin.path;
  const absl::StatusOr<uint64_t> bytes = admin.Backup(path);
  if (!bytes.ok()) return Fail(context, bytes.status());
  if (context.invocation.json) {
    ObjectWriter out;
    out.BeginObject();
    out.Text("path", path);
    out.Count("bytes", *bytes);
    out.EndObject();
    context.console.Json(out.Take());
  } else {
    context.console.Out({{{absl::StrCat("copied to ", OneLine(path), ", ", Mebibytes(*bytes))}}});
  }
  return kExitOk;
}

}  // namespace

int RunAdmin(const CommandContext& context) {
  const auto admin = AdminClient::Connect(context.invocation.client);
  if (!admin.ok()) return Fail(context, admin.status());
  switch (context.invocation.admin.verb) {
    case AdminArguments::Verb::kStatus:
      return ShowStatus(context, **admin);
    case AdminArguments::Verb::kCheck:
      return CheckStore(context, **admin);
    case AdminArguments::Verb::kPrune:
      return Prune(context, **admin);
    case AdminArguments::Verb::kBackup:
      return Backup(context, **admin);
  }
  return kExitUsage;
}

}  // namespace moa
