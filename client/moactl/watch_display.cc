#include "client/moactl/watch_display.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/moactl/progress_lines.h"
#include "common/base/display_text.h"

namespace moa {
namespace {

constexpr auto kDrawPeriod = std::chrono::milliseconds(100);

absl::Time FromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

void WriteLine(const std::string& line) {
  const std::string text = absl::StrCat(WithoutControls(line), "\n");
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

WatchDisplay::WatchDisplay(const v1::Job& job)
    : live_(DescribeTerminal(STDERR_FILENO).redraws),
      created_(FromProto(job.create_time())),
      model_(job, absl::Now()) {
  if (live_) drawing_ = std::thread([this] { Run(); });
}

WatchDisplay::~WatchDisplay() { Finish(); }

void WatchDisplay::Apply(const v1::WatchUpdate& update) {
  MutexLock lock(mutex_);
  model_.Apply(update, absl::Now());
  trouble_.clear();
  if (live_) return;
  if (const std::optional<std::string> line = ProgressLogLine(model_, update)) {
    WriteLine(absl::StrCat(Stamp(update), *line));
  }
}

void WatchDisplay::Interrupted(const std::string& why) {
  MutexLock lock(mutex_);
  const bool first = trouble_.empty();
  trouble_ = absl::StrCat("trying again: ", OneLine(why));
  if (!live_ && first) WriteLine(trouble_);
}

void WatchDisplay::Finish() {
  {
    MutexLock lock(mutex_);
    if (finished_) return;
    finished_ = true;
    changed_.NotifyAll();
  }
  if (drawing_.joinable()) drawing_.join();
}

void WatchDisplay::Run() {
  MutexLock lock(mutex_);
  while (!finished_) {
    Draw();
    changed_.WaitFor(mutex_, kDrawPeriod);
  }
  Draw();
}

void WatchDisplay::Draw() {
  const Terminal terminal = DescribeTerminal(STDERR_FILENO);
  const size_t lines_max = terminal.height > 4 ? terminal.height - 2 : 2;
  std::vector<StyledLine> lines = ProgressLines(model_, absl::Now(), lines_max);
  if (!trouble_.empty()) lines.push_back({{trouble_, Style::kRed}});
  area_.Draw(lines, terminal);
}

// Time since the job was accepted, by the coordinator's clock where the event has it.
std::string WatchDisplay::Stamp(const v1::WatchUpdate& update) {
  const absl::Duration since = update.event().has_time() && created_ > absl::UnixEpoch()
                                   ? FromProto(update.event().time()) - created_
                                   : model_.Elapsed(absl::Now());
  return absl::StrCat("[", ShortDuration(since), "] ");
}

}  // namespace moa
