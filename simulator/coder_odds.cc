#include "simulator/coder_odds.h"

#include <algorithm>
#include <cmath>

#include "simulator/digest.h"

namespace moa::simulator::coder {
namespace {

// An issue that is named alone gains kNamed; with `attention` others beside it half of that.
constexpr double kNamed = 1.8;
constexpr double kNamedExponent = 2;
// Feedback on an answer counts for more.
constexpr double kCriticised = 1.4;
// Each issue named takes this from those that are not, up to kDistractionMax.
constexpr double kDistraction = 0.04;
constexpr double kDistractionMax = 0.2;

// Where there are references, so much of the model's own opinion is left.
constexpr double kOwnOpinion = 0.7;
// What references add when all have it right, what they take when none has, and how the share between counts.
constexpr double kRight = 1.6;
constexpr double kWrong = 0.9;
// A fix whose reference says why it is there counts for more.
constexpr double kArgued = 0.8;
constexpr double kShareExponent = 0.6;
// References beyond so many dilute all of them.
constexpr double kReferencesRead = 4;
constexpr double kDilution = 0.15;

// However well all is told and shown, 3 % go wrong.
constexpr double kMeanMax = 1.9;

double EffortMean(absl::string_view effort) {
  if (effort == "low") return -0.15;
  if (effort == "medium") return 0.0;
  if (effort == "high") return 0.15;
  return -0.3;
}

// What the references do to an issue. REQUIRES: there are some.
double InfluenceOn(Issue issue, const Brief& brief) {
  double right = 0;
  bool argued = false;
  for (const ShownCode& reference : brief.references) {
    right += reference.handled[IndexOf(issue)] ? 1 : 0;
    argued = argued || reference.argued[IndexOf(issue)];
  }
  const auto count = static_cast<double>(brief.references.size());
  const double share = right / count;
  const double influence =
      kRight * std::pow(share, kShareExponent) - kWrong * (1 - share) + (argued ? kArgued : 0);
  const double beyond =
      std::max(0.0, count + static_cast<double>(brief.references_without_code) - kReferencesRead);
  return influence / (1 + kDilution * beyond);
}

double NormalFrom(uint64_t seed) {
  Random random(seed);
  const double radius = std::sqrt(-2.0 * std::log(1.0 - random.Real()));
  return radius * std::cos(2.0 * 3.14159265358979323846 * random.Real());
}

Disaster DrawDisaster(const Odds& odds, double at) {
  if ((at -= odds.syntax) < 0) return Disaster::kSyntax;
  if ((at -= odds.renamed) < 0) return Disaster::kRenamed;
  if ((at -= odds.endless) < 0) return Disaster::kEndless;
  if ((at -= odds.system / 2) < 0) return Disaster::kFile;
  if (at - odds.system / 2 < 0) return Disaster::kExits;
  return Disaster::kNone;
}

}  // namespace

Odds OddsOf(const Skill& skill, const Manner& manner, const Brief& brief) {
  Odds odds;
  const double heat = std::max(0.0, manner.temperature - 0.7);
  odds.deviation = 1 + 0.4 * heat;
  odds.systematic = 0.7 * std::exp(-3 * manner.temperature);

  const auto named = static_cast<double>(brief.named.count());
  const double help =
      kNamed / (1 + std::pow(std::max(0.0, named - 1) / skill.attention, kNamedExponent));
  const double distraction = std::min(kDistractionMax, kDistraction * named);
  const bool shown = !brief.references.empty();
  for (const Issue issue : kIssues) {
    const size_t i = IndexOf(issue);
    double mean = skill.issues[i] + EffortMean(manner.effort);
    if (shown) {
      mean = kOwnOpinion * mean + skill.merging * InfluenceOn(issue, brief);
    }
    mean += brief.named[i] ? help * (brief.criticised[i] ? kCriticised : 1) : -distraction;
    odds.mean[i] = std::min(mean, kMeanMax);
  }

  const double rate =
      skill.slips * std::exp(3.5 * std::max(0.0, manner.temperature - 0.8)) * (shown ? 0.5 : 1);
  odds.syntax = std::min(0.25, 0.004 * rate);
  odds.renamed = std::min(0.2, (brief.keeps_name ? 0.001 : 0.02) * rate);
  odds.endless = std::min(0.1, 0.002 * rate);
  odds.system = std::min(0.05, 0.001 * rate);
  return odds;
}

double ChanceOf(const Odds& odds, Issue issue) {
  return 0.5 * std::erfc(-odds.mean[IndexOf(issue)] / odds.deviation / std::sqrt(2.0));
}

Program DrawProgram(const Odds& odds, const Seeds& seeds) {
  IssueSet handled;
  for (const Issue issue : kIssues) {
    const char* name = CheckOf(issue);
    const double habit = NormalFrom(Hash64(name, seeds.habit));
    const double chance = NormalFrom(Hash64(name, seeds.sample));
    const double noise =
        std::sqrt(odds.systematic) * habit + std::sqrt(1 - odds.systematic) * chance;
    handled.set(IndexOf(issue), odds.mean[IndexOf(issue)] + odds.deviation * noise > 0);
  }
  Random random(Hash64("disaster", seeds.sample));
  // Whether the same mistake is made in the same way again.
  const bool again = random.Real() < odds.systematic;
  Program program = MakeProgram(handled, again ? seeds.habit : seeds.sample, seeds.sample);
  program.disaster = DrawDisaster(odds, random.Real());
  program.disaster_form = static_cast<int>(random.Integer(0, 3));
  if (program.disaster == Disaster::kEndless) {
    // The loop takes the place of what these would do.
    program.top_five = TopFive::kFive;
    program.fewer = Fewer::kSlice;
    if (program.sorting == Sorting::kAscendingTail) program.sorting = Sorting::kAscending;
  }
  return program;
}

}  // namespace moa::simulator::coder
