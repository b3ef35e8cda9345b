#include "worker/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/status_macros.h"
#include "worker/sandbox/child.h"
#include "worker/sandbox/frames.h"
#include "worker/sandbox/interpreter.h"
#include "worker/sandbox/landlock.h"
#include "worker/sandbox/process.h"
#include "worker/sandbox/scripts.h"
#include "worker/sandbox/system_calls.h"

namespace moa::sandbox {
namespace {

// The runner keeps within the output's limit itself and then says so.
constexpr size_t kLastWordsSize = 4096;
constexpr int64_t kMemoryMin = int64_t{32} << 20;  // the interpreter alone needs half of it

void AppendPart(absl::string_view part, std::string* input) {
  uint32_t size = static_cast<uint32_t>(part.size());
  for (int i = 0; i < 4; ++i, size >>= 8) input->push_back(static_cast<char>(size & 0xFF));
  input->append(part.data(), part.size());
}

absl::Status CheckOptions(const Options& options) {
  if (options.time_max <= absl::ZeroDuration() || options.time_max > absl::Hours(1)) {
    return absl::InvalidArgumentError(
        "the sandbox's time is more than nothing and at most an hour");
  }
  if (options.memory_bytes_max < kMemoryMin) {
    return absl::InvalidArgumentError("the sandbox's memory is 32 MiB at least");
  }
  if (options.output_bytes_max == 0 || options.output_bytes_max > (size_t{1} << 30) ||
      options.request_bytes_max > (size_t{1} << 30)) {
    return absl::InvalidArgumentError("the sandbox's output and requests are 1 GiB at most");
  }
  return absl::OkStatus();
}

}  // namespace

struct Sandbox::State {
  Options options;
  Interpreter interpreter;
  std::vector<sock_filter> filter;
  int landlock_version = 0;
  Descriptor ruleset;
  Descriptor null;
  std::optional<PrivateRoot> root;
  std::vector<const char*> arguments;

  ChildPlan Plan() const {
    ChildPlan plan;
    plan.root = root.has_value() ? &*root : nullptr;
    plan.ruleset = ruleset.get();
    plan.filter = &filter;
    plan.memory_bytes = static_cast<rlim_t>(options.memory_bytes_max);
    plan.cpu_seconds = static_cast<rlim_t>(absl::ToInt64Seconds(options.time_max)) + 2;
    plan.executable = interpreter.executable.c_str();
    plan.arguments = arguments.data();
    plan.null = null.get();
    return plan;
  }

  absl::Status Prepare();
  absl::StatusOr<std::string> Input(const EvaluationRequest& request) const;
};

absl::Status Sandbox::State::Prepare() {
  MOA_ASSIGN_OR_RETURN(interpreter, ProbeInterpreter(options.interpreter));
  arguments = {
      interpreter.executable.c_str(), "-I", "-S", "-B", "-X", "utf8", "-c", kRunner, nullptr};
  MOA_ASSIGN_OR_RETURN(filter, BuildFilter());
  landlock_version = LandlockVersion();
  if (landlock_version > 0) {
    MOA_ASSIGN_OR_RETURN(const int fd, MakeRuleset(interpreter, landlock_version));
    ruleset = Descriptor(fd);
  }
  null = Descriptor(open("/dev/null", O_WRONLY | O_CLOEXEC));
  return null.get() < 0 ? absl::ErrnoToStatus(errno, "/dev/null") : absl::OkStatus();
}

absl::StatusOr<std::string> Sandbox::State::Input(const EvaluationRequest& request) const {
  size_t size = request.source.size() + request.function.size();
  for (const EvaluationCall& call : request.calls) size += call.arguments.size() + sizeof(uint32_t);
  if (size > options.request_bytes_max) {
    return absl::InvalidArgumentError(absl::StrCat("the sandbox takes requests of ",
                                                   options.request_bytes_max,
                                                   " bytes at most, this one has ", size));
  }
  std::string input;
  AppendPart(absl::StrCat(options.output_bytes_max), &input);
  AppendPart(request.source, &input);
  AppendPart(request.function, &input);
  for (const EvaluationCall& call : request.calls) AppendPart(call.arguments, &input);
  return input;
}

namespace {

absl::Status CheckSmallProgram(const absl::StatusOr<Evaluation>& seen) {
  MOA_RETURN_IF_ERROR(seen.status());
  const bool loaded = seen->kind == Evaluation::Kind::kLoaded && seen->calls.size() == 1;
  if (loaded && seen->calls[0].value == "[3,\"3\"]") return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("a small program does not run: ", loaded ? seen->calls[0].error : seen->error));
}

EvaluationRequest SmallProgram() {
  return {"def f(a, b):\n    return [a + b, str(a + b)]\n", "f", {{"[1, 2]"}}};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Sandbox>> Sandbox::Open(const Options& options) {
  MOA_RETURN_IF_ERROR(CheckOptions(options));
  auto owned = std::make_unique<State>();
  State* state = owned.get();
  state->options = options;
  MOA_RETURN_IF_ERROR(state->Prepare());
  auto sandbox = std::unique_ptr<Sandbox>(new Sandbox(std::move(owned)));
  absl::Status namespaces = absl::FailedPreconditionError("not wanted");
  if (options.use_namespaces) {
    absl::StatusOr<PrivateRoot> root = PrivateRoot::Plan(state->interpreter);
    namespaces = root.status();
    if (root.ok()) {
      state->root = *std::move(root);
      namespaces = CheckSmallProgram(sandbox->Run(SmallProgram()));
      if (namespaces.ok() || absl::IsUnavailable(namespaces)) {
        return namespaces.ok() ? absl::StatusOr<std::unique_ptr<Sandbox>>(std::move(sandbox))
                               : namespaces;
      }
      state->root.reset();
    }
  }
  if (state->landlock_version == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("nothing here keeps a program from the host's files: the kernel has no "
                     "Landlock (Linux 5.13 with landlock "
                     "among lsm=), and there are no user and mount namespaces: ",
                     namespaces.message()));
  }
  const absl::Status plain = CheckSmallProgram(sandbox->Run(SmallProgram()));
  if (!plain.ok())
    return absl::Status(plain.code(), absl::StrCat("the sandbox: ", plain.message()));
  return sandbox;
}

Sandbox::Sandbox(std::unique_ptr<State> state) : state_(std::move(state)) {}
Sandbox::~Sandbox() = default;

Cancellation::Cancellation() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Cancellation::~Cancellation() {
  if (fd_ >= 0) close(fd_);
}

void Cancellation::Cancel() {
  if (fd_ >= 0) eventfd_write(fd_, 1);
}

absl::StatusOr<Evaluation> Sandbox::Run(const EvaluationRequest& request,
                                        const Cancellation* cancellation) const {
  const Options& options = state_->options;
  MOA_ASSIGN_OR_RETURN(const std::string input, state_->Input(request));
  MOA_ASSIGN_OR_RETURN(Process process,
                       Process::Start(state_->Plan(), input, SteadyNow() + options.time_max));
  const absl::Time start = SteadyNow();
  const int cancel_fd = cancellation == nullptr ? -1 : cancellation->fd();
  EvaluationReader reader(request.calls.size(), options.output_bytes_max + kLastWordsSize);
  std::vector<char> buffer(64 << 10);
  while (!reader.over()) {
    const Process::Piece piece =
        process.Read(buffer.data(), buffer.size(), start + options.time_max, cancel_fd);
    if (piece.end == Process::End::kCancelled) return absl::CancelledError("the run was cancelled");
    if (piece.size > 0) {
      reader.Feed(absl::string_view(buffer.data(), piece.size));
    } else if (piece.end == Process::End::kDeadline) {
      reader.TimedOut();
    } else {
      const std::string end = process.Kill();
      reader.Killed(end.empty() ? "the process was killed, or closed the sandbox's pipe" : end);
    }
  }
  process.Kill();
  Evaluation evaluation = reader.Take();
  evaluation.took = SteadyNow() - start;
  return evaluation;
}

std::string Sandbox::Layers() const {
  std::string layers = "seccomp, limits";
  if (landlock_version() > 0) absl::StrAppend(&layers, ", Landlock ", landlock_version());
  if (has_namespaces()) absl::StrAppend(&layers, ", namespaces");
  return layers;
}

bool Sandbox::has_namespaces() const { return state_->root.has_value(); }
int Sandbox::landlock_version() const { return state_->landlock_version; }

}  // namespace moa::sandbox
