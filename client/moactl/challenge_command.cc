#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/json/grades_json.h"
#include "client/moactl/challenge.h"
#include "client/moactl/commands.h"
#include "client/moactl/grader_choice.h"
#include "client/moactl/job_draft.h"
#include "client/moactl/job_run.h"
#include "common/base/display_text.h"
#include "common/base/status_macros.h"
#include "common/document/file.h"
#include "common/grading/grade_json.h"
#include "common/net/random_id.h"

namespace moa {
namespace {

constexpr size_t kAnswerBytesMax = 4 << 20;
constexpr int kSeedShift = 33;  // 31 bits fit every JSON reader's integers

// The grade in the answer of a job that graded.
absl::StatusOr<Grade> GradeOf(const v1::Job& job) {
  MOA_RETURN_IF_ERROR(SuccessOf(job));
  std::optional<Grade> grade = ReadGradeJson(job.answer().content());
  if (!grade) return absl::DataLossError("the coordinator's answer is no grade");
  return *std::move(grade);
}

// What is to be run how often.
struct Entrant {
  Configuration configuration;
  v1::JobSpec job;
};

// Runs attempts, some at a time.
class Challenge {
 public:
  Challenge(const CommandContext& context, v1::Grader grader)
      : context_(context),
        grader_(std::move(grader)),
        stop_(context.interruption.BeginWatch()),
        seed_(context.invocation.challenge.seed.value_or(RandomSeed() >> kSeedShift)) {}

  void Run(std::vector<Entrant>* entrants, uint32_t attempts, uint32_t parallel) {
    for (Entrant& entrant : *entrants) entrant.configuration.attempts.resize(attempts);
    const size_t count = entrants->size() * attempts;
    std::atomic<size_t> next{0};
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < std::min<size_t>(parallel, count); ++i) {
      threads.emplace_back([&] {
        for (size_t n = next.fetch_add(1); n < count && !stop_.stop_requested();
             n = next.fetch_add(1)) {
          // All configurations once before any a second time: a table that fills up evenly.
          Entrant& entrant = (*entrants)[n % entrants->size()];
          const size_t attempt = n / entrants->size();
          RunOne(entrant, attempt, &entrant.configuration.attempts[attempt]);
        }
      });
    }
  }
  bool stopped() const { return stop_.stop_requested(); }

 private:
  void RunOne(const Entrant& entrant, size_t number, Attempt* attempt) {
    const absl::Status status = Try(entrant, number, attempt);
    if (!status.ok()) attempt->error = std::string(status.message());
    const std::lock_guard<std::mutex> lock(mutex_);
    ++done_;
    const Configuration& configuration = entrant.configuration;
    if (configuration.attempts.size() == 1 && !context_.console.err().is_terminal) return;
    context_.console.Err(
        {{{absl::StrCat(done_, "  ", OneLine(configuration.name), ", attempt ", number + 1, ": ",
                        attempt->grade ? absl::StrCat(attempt->grade->total, " of ",
                                                      attempt->grade->max, " points")
                                       : OneLine(attempt->error)),
           Style::kDim}}});
  }

  absl::Status Try(const Entrant& entrant, size_t number, Attempt* attempt) {
    v1::JobSpec spec = entrant.job;
    // Attempts of one configuration differ, also where it names a seed.
    spec.set_seed((spec.has_seed() ? spec.seed() : seed_) + number);
    MOA_ASSIGN_OR_RETURN(const v1::Job job, RunToEnd(context_.client, spec, {.stop = stop_}));
    attempt->job_id = job.job_id();
    const v1::JobUsage& usage = job.usage();
    attempt->tokens = usage.tokens().prompt_tokens() + usage.tokens().completion_tokens();
    attempt->calls = usage.upstream_calls();
    attempt->cost_usd = usage.cost_usd();
    attempt->latency_ms = job.latency_us() / 1000;
    MOA_RETURN_IF_ERROR(SuccessOf(job));
    v1::JobSpec grading = GradingJobOf(grader_, job.job_id());
    grading.set_tenant(spec.tenant());
    grading.set_name(absl::StrCat("grade of ", spec.name()).substr(0, 200));
    MOA_ASSIGN_OR_RETURN(const v1::Job graded, RunToEnd(context_.client, grading, {.stop = stop_}));
    attempt->grading_job_id = graded.job_id();
    MOA_ASSIGN_OR_RETURN(attempt->grade, GradeOf(graded));
    return absl::OkStatus();
  }

  const CommandContext& context_;
  const v1::Grader grader_;
  const std::stop_token stop_;
  const uint64_t seed_;
  std::mutex mutex_;
  size_t done_ = 0;  // protected by mutex_
};

// A job for the challenge: its own prompt, or the grader's task.
absl::StatusOr<v1::JobSpec> Entry(const Draft& draft, const Grader& grader,
                                  const std::string& name) {
  v1::JobSpec job = draft.spec;
  if (draft.has_placeholder) {
    if (grader.task().empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "there is no prompt: give --prompt, since the grader ", grader.name(), " has no task"));
    }
    v1::Message* message = job.mutable_messages(job.messages_size() - 1);
    message->set_content(grader.task());
  }
  if (job.name().empty()) job.set_name(name);
  return job;
}

// That nothing of what is asked names the function that is graded.
void WarnOfPrompt(const CommandContext& context, const v1::JobSpec& job, const Grader& grader) {
  const std::string& function = grader.function();
  const bool named = std::any_of(
      job.messages().begin(), job.messages().end(),
      [&](const v1::Message& one) { return absl::StrContains(one.content(), function); });
  if (named) return;
  context.console.Problems(absl::StrCat(OneLine(job.name()), ": the prompt does not name ",
                                        function,
                                        ", the function that is graded (--prompt replaces it)"));
}

std::string NameOfFile(const std::string& file) {
  return file == "-" ? "standard input" : std::filesystem::path(file).stem().string();
}

int GradeFile(const CommandContext& context, const GraderChoice& choice) {
  const ChallengeArguments& arguments = context.invocation.challenge;
  const absl::StatusOr<std::string> text = ReadFile(arguments.path, kAnswerBytesMax);
  if (!text.ok()) {
    context.console.Problems(text.status().message());
    return kExitUsage;
  }
  if (absl::StripAsciiWhitespace(*text).empty()) {
    context.console.Problems(absl::StrCat(arguments.path, ": is empty; there is nothing to grade"));
    return kExitUsage;
  }
  v1::JobSpec spec = GradingJob(choice.sent, *text);
  spec.set_name(absl::StrCat("grade of ", NameOfFile(arguments.path)).substr(0, 200));
  spec.set_tenant(arguments.tenant);
  if (const std::string why = WhyNobodyGrades(context.client); !why.empty()) {
    context.console.Complain(why);
  }
  const absl::StatusOr<v1::Job> job = RunToEnd(context.client, spec);
  if (!job.ok()) return Fail(context, job.status());
  const absl::StatusOr<Grade> grade = GradeOf(*job);
  if (!grade.ok()) {
    context.console.Complain(grade.status().message());
    return kExitJobFailed;
  }
  if (context.invocation.json) {
    context.console.Json(GradeJson(*grade));
  } else {
    context.console.Out(GradeLines(*grade));
  }
  return kExitOk;
}

int RunConfiguration(const CommandContext& context, const GraderChoice& choice) {
  const ChallengeArguments& arguments = context.invocation.challenge;
  const SubmitArguments& submit = context.invocation.submit;
  const absl::StatusOr<Draft> draft = MakeDraft(submit, true);
  if (!draft.ok()) {
    context.console.Problems(draft.status().message());
    return kExitUsage;
  }
  WarnOfFile(context, *draft);
  const std::string name = submit.file.empty() ? submit.preset : NameOfFile(submit.file);
  absl::StatusOr<v1::JobSpec> job = Entry(*draft, choice.grader, name);
  if (!job.ok()) {
    context.console.Problems(job.status().message());
    return kExitUsage;
  }
  // A mistake is told once, and before anything is spent.
  const auto inspected = context.client.Inspect(*job);
  if (!inspected.ok()) return FailDraft(context, *draft, inspected.status());
  WarnOfJob(context, *draft, inspected->warnings());
  WarnOfPrompt(context, *job, choice.grader);
  if (const std::string why = WhyNobodyGrades(context.client); !why.empty()) {
    context.console.Complain(why);
  }
  std::vector<Entrant> entrants = {
      {.configuration = {.name = job->name(), .file = submit.file}, .job = *std::move(job)}};
  Challenge challenge(context, choice.sent);
  challenge.Run(&entrants, arguments.attempts, arguments.parallel);
  const Configuration& configuration = entrants[0].configuration;
  if (context.invocation.json) {
    context.console.Json(RunJson(configuration));
  } else {
    context.console.Out(RunLines(configuration));
  }
  if (challenge.stopped()) return kExitInterrupted;
  return configuration.graded() == configuration.attempts.size() ? kExitOk : kExitJobFailed;
}

// The job files of a folder, by name.
absl::StatusOr<std::vector<std::string>> FilesIn(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> files;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    const std::string extension = absl::AsciiStrToLower(it->path().extension().string());
    const bool is_job = extension == ".yaml" || extension == ".yml" || extension == ".json";
    if (is_job && it->is_regular_file()) files.push_back(it->path().string());
  }
  if (error) return absl::InvalidArgumentError(absl::StrCat(folder, ": ", error.message()));
  if (files.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder, ": holds no job file (.yaml, .yml or .json)"));
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Reads a folder's files. Those with mistakes are told and left out; nullopt when all are.
std::optional<std::vector<Entrant>> ReadEntrants(const CommandContext& context,
                                                 const std::vector<std::string>& files,
                                                 const Grader& grader) {
  std::vector<Entrant> entrants;
  for (const std::string& file : files) {
    SubmitArguments one = context.invocation.submit;
    one.file = file;
    const absl::StatusOr<Draft> draft = MakeDraft(one, true);
    if (!draft.ok()) {
      context.console.Problems(draft.status().message());
      continue;
    }
    WarnOfFile(context, *draft);
    absl::StatusOr<v1::JobSpec> job = Entry(*draft, grader, NameOfFile(file));
    if (!job.ok()) {
      context.console.Problems(absl::StrCat(file, ": ", job.status().message()));
      continue;
    }
    const auto inspected = context.client.Inspect(*job);
    if (!inspected.ok()) {
      if (!absl::IsInvalidArgument(inspected.status())) {
        Fail(context, inspected.status());
        return std::nullopt;
      }
      FailDraft(context, *draft, inspected.status());
      continue;
    }
    WarnOfPrompt(context, *job, grader);
    entrants.push_back({.configuration = {.name = job->name(), .file = file}, .job = *job});
  }
  return entrants;
}

int RunBatch(const CommandContext& context, const GraderChoice& choice) {
  const ChallengeArguments& arguments = context.invocation.challenge;
  const absl::StatusOr<std::vector<std::string>> files = FilesIn(arguments.path);
  if (!files.ok()) {
    context.console.Problems(files.status().message());
    return kExitUsage;
  }
  std::optional<std::vector<Entrant>> entrants = ReadEntrants(context, *files, choice.grader);
  if (!entrants) return kExitUnreachable;
  if (entrants->empty()) return kExitUsage;
  if (const std::string why = WhyNobodyGrades(context.client); !why.empty()) {
    context.console.Complain(why);
  }
  Challenge challenge(context, choice.sent);
  challenge.Run(&*entrants, arguments.attempts, arguments.parallel);
  std::vector<Configuration> ranked;
  for (Entrant& entrant : *entrants) ranked.push_back(std::move(entrant.configuration));
  Rank(&ranked);
  if (!arguments.csv_file.empty() && arguments.csv_file != "-") {
    std::ofstream csv(arguments.csv_file, std::ios::binary | std::ios::trunc);
    csv << RankingCsv(ranked);
    if (!csv.flush()) {
      context.console.Complain(absl::StrCat("cannot write ", arguments.csv_file));
      return kExitUsage;
    }
  }
  if (arguments.csv_file == "-") {
    context.console.Answer(RankingCsv(ranked));
  } else if (context.invocation.json) {
    context.console.Json(RankingJson(ranked));
  } else {
    context.console.Out(RankingLines(ranked));
  }
  if (challenge.stopped()) return kExitInterrupted;
  const bool all = entrants->size() == files->size() &&
                   std::all_of(ranked.begin(), ranked.end(), [](const Configuration& one) {
                     return one.graded() == one.attempts.size();
                   });
  return all ? kExitOk : kExitJobFailed;
}

int ShowLeaderboard(const CommandContext& context, const GraderChoice& choice) {
  const ChallengeArguments& arguments = context.invocation.challenge;
  const auto rows = context.client.Leaderboard(
      {.tenant = arguments.tenant, .grader = choice.sent, .size = arguments.limit});
  if (!rows.ok()) return Fail(context, rows.status());
  if (context.invocation.json) {
    context.console.Json(LeaderboardJson(*rows));
  } else {
    context.console.Out(LeaderboardLines(*rows));
  }
  return kExitOk;
}

}  // namespace

int RunChallenge(const CommandContext& context) {
  const ChallengeArguments& arguments = context.invocation.challenge;
  const absl::StatusOr<GraderChoice> choice = ChooseGrader(arguments.grader);
  if (!choice.ok()) {
    context.console.Problems(choice.status().message());
    return kExitUsage;
  }
  switch (arguments.verb) {
    case ChallengeArguments::Verb::kGrade:
      return GradeFile(context, *choice);
    case ChallengeArguments::Verb::kRun:
      return RunConfiguration(context, *choice);
    case ChallengeArguments::Verb::kBatch:
      return RunBatch(context, *choice);
    case ChallengeArguments::Verb::kLeaderboard:
      return ShowLeaderboard(context, *choice);
  }
  return kExitUsage;
}

}  // namespace moa
