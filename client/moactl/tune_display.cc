#include "client/moactl/tune_display.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/display_text.h"

namespace moa {
namespace {

constexpr absl::Duration kRedrawPeriod = absl::Milliseconds(100);
constexpr size_t kLinesBeside = 5;  // of the screen, that are no configurations
constexpr size_t kRowsMax = 20;

std::string RunningText(size_t running) {
  if (running == 0) return "";
  return absl::StrCat(running, running == 1 ? " trial is running" : " trials are running");
}

}  // namespace

TuneDisplay::TuneDisplay(const Study& study, Console& console)
    : study_(study), console_(console), live_(console.err().redraws), begun_(absl::Now()) {}

TuneView TuneDisplay::View(size_t rows) const {
  return {.study = study_.id(),
          .trials = study_.trials(),
          .result = study_.Result(rows),
          .doing = doing_};
}

void TuneDisplay::Draw(bool at_once) {
  if (!live_) return;
  const absl::Time now = absl::Now();
  if (!at_once && now - drawn_ < kRedrawPeriod) return;
  drawn_ = now;
  const Terminal terminal = DescribeTerminal(STDERR_FILENO);
  const size_t rows =
      std::min(kRowsMax, terminal.height > kLinesBeside + 1 ? terminal.height - kLinesBeside : 1);
  lines_ = TuneProgressLines(View(rows), now - begun_, rows);
  Redraw();
}

void TuneDisplay::Redraw() {
  std::vector<StyledLine> lines = lines_;
  if (!trouble_.empty()) lines.push_back({{OneLine(trouble_), Style::kRed}});
  area_.Draw(lines, DescribeTerminal(STDERR_FILENO));
}

void TuneDisplay::Line(const std::string& line) {
  if (!live_) console_.Problems(line);
}

void TuneDisplay::HandedOut(const Batch& batch) {
  const std::lock_guard<std::mutex> lock(mutex_);
  running_ = batch.trials.size();
  doing_ = RunningText(running_);
  Draw(true);
}

void TuneDisplay::TrialEnded(const Trial& trial, const TrialResult& result) {
  const std::lock_guard<std::mutex> lock(mutex_);
  --running_;
  doing_ = RunningText(running_);
  trouble_.clear();
  if (!live_) Line(TuneTrialLine(View(0), trial, result));
  Draw(false);
}

void TuneDisplay::Rewriting() {
  const std::lock_guard<std::mutex> lock(mutex_);
  doing_ = "prompts are being rewritten";
  Draw(true);
}

void TuneDisplay::Rewritten(const ReflectionReply& reply) {
  const std::lock_guard<std::mutex> lock(mutex_);
  doing_.clear();
  Line(absl::StrCat("rewriting ", reply.number, ": ",
                    reply.failure.empty() ? absl::StrCat("a reply of ", reply.text.size(), " bytes")
                                          : absl::StrCat("failed: ", OneLine(reply.failure)),
                    ", ", WithThousands(reply.tokens), " tokens"));
}

void TuneDisplay::Told(const std::string& what) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (trouble_ != what) Line(OneLine(what));
  trouble_ = what;
  if (live_) Redraw();
}

void TuneDisplay::Finish() {
  const std::lock_guard<std::mutex> lock(mutex_);
  doing_.clear();
  Draw(true);
}

}  // namespace moa
