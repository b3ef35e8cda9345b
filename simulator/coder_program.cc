#include "simulator/coder_program.h"

#include <initializer_list>
#include <utility>

#include "simulator/digest.h"

namespace moa::simulator::coder {
namespace {

template <typename Variant>
struct Weighted {
  Variant variant;
  int weight;
};

// One of `choices`, each as often as its weight says.
template <typename Variant>
Variant PickOf(std::initializer_list<Weighted<Variant>> choices, Random& random) {
  int64_t sum = 0;
  for (const Weighted<Variant>& choice : choices) sum += choice.weight;
  int64_t at = random.Integer(1, sum);
  Variant drawn{};
  for (const Weighted<Variant>& choice : choices) {
    if (at <= 0) break;
    at -= choice.weight;
    drawn = choice.variant;
  }
  return drawn;
}

bool OneIn(int64_t n, Random& random) { return random.Integer(1, n) == 1; }

// Whether the code goes on without an exception, and with a whole result, when the list of active users is empty.
bool GoesOnWithNobody(Nobody nobody) {
  return nobody == Nobody::kTernary || nobody == Nobody::kStatement || nobody == Nobody::kEarly ||
         nobody == Nobody::kNone;
}

Style DrawStyle(Random& random) {
  Style style;
  style.names = static_cast<int>(random.Integer(0, 3));
  style.pairs = OneIn(3, random);
  style.nested = OneIn(2, random);
  style.loop = OneIn(3, random);
  style.hints = OneIn(3, random);
  style.docstring = static_cast<int>(random.Integer(0, 2));
  style.comments = OneIn(2, random);
  style.single_quotes = OneIn(4, random);
  style.parse_dates = OneIn(8, random);
  style.digits = OneIn(3, random) ? static_cast<int>(random.Integer(2, 4)) : 0;
  style.by_length = OneIn(5, random);
  style.compact = OneIn(3, random);
  style.total = OneIn(2, random);
  style.days_default_one = OneIn(3, random);
  return style;
}

// The right variants.
Program DrawRight(Random& random) {
  Program program;
  program.division = PickOf<Division>({{Division::kReturnsZero, 4},
                                       {Division::kTernary, 4},
                                       {Division::kFloor, 1},
                                       {Division::kCatches, 1}},
                                      random);
  program.sorting = PickOf<Sorting>(
      {{Sorting::kReverse, 7}, {Sorting::kNegative, 1}, {Sorting::kLargest, 2}}, random);
  program.nobody =
      PickOf<Nobody>({{Nobody::kTernary, 5}, {Nobody::kStatement, 2}, {Nobody::kEarly, 3}}, random);
  program.mutation = PickOf<Mutation>({{Mutation::kNone, 5}, {Mutation::kCopies, 1}}, random);
  program.robust = PickOf<Robust>({{Robust::kNumber, 4}, {Robust::kIsNumber, 1}}, random);
  return program;
}

// Those of Program that depend on nothing but their own issue.
void DrawFaults(const IssueSet& handled, Random& random, Program* program) {
  const auto faulty = [&](Issue issue) { return !handled[IndexOf(issue)]; };
  // Each draws, needed or not: one issue more or less leaves the other faults what they are.
  const auto division =
      PickOf<Division>({{Division::kUnguarded, 7}, {Division::kChecksNone, 1}}, random);
  const auto keys =
      PickOf<Keys>({{Keys::kSubscripts, 5}, {Keys::kPartly, 2}, {Keys::kDaysByDefault, 2}}, random);
  const auto average = PickOf<Average>({{Average::kRawOverAll, 3},
                                        {Average::kOverAll, 4},
                                        {Average::kRaw, 2},
                                        {Average::kPrecedence, 2},
                                        {Average::kRounded, 1}},
                                       random);
  const auto sorting = PickOf<Sorting>(
      {{Sorting::kAscending, 3}, {Sorting::kAscendingTail, 3}, {Sorting::kUnsorted, 2}}, random);
  const auto nobody = PickOf<Nobody>({{Nobody::kUnguarded, 5},
                                      {Nobody::kNone, 3},
                                      {Nobody::kReturnsEmpty, 1},
                                      {Nobody::kRaises, 1}},
                                     random);
  const auto fewer =
      PickOf<Fewer>({{Fewer::kPads, 3}, {Fewer::kBestOnly, 2}, {Fewer::kNothing, 1}}, random);
  const auto dates = PickOf<Dates>({{Dates::kRaises, 3}, {Dates::kSwaps, 1}}, random);
  const auto robust = PickOf<Robust>(
      {{Robust::kPlain, 4}, {Robust::kOrZero, 3}, {Robust::kFloat, 2}, {Robust::kRefuses, 1}},
      random);
  const auto top_five = PickOf<TopFive>({{TopFive::kAll, 2},
                                         {TopFive::kTen, 2},
                                         {TopFive::kThree, 2},
                                         {TopFive::kWrapped, 2},
                                         {TopFive::kScores, 1}},
                                        random);
  if (faulty(Issue::kDivision)) program->division = division;
  if (faulty(Issue::kKeys)) program->keys = keys;
  if (faulty(Issue::kAverage)) program->average = average;
  if (faulty(Issue::kSorting)) program->sorting = sorting;
  if (faulty(Issue::kNobody)) program->nobody = nobody;
  if (faulty(Issue::kMutation)) program->mutation = Mutation::kStores;
  if (faulty(Issue::kFewer)) program->fewer = fewer;
  if (faulty(Issue::kDates)) program->dates = dates;
  if (faulty(Issue::kRobust)) program->robust = robust;
  if (faulty(Issue::kTopFive)) program->top_five = top_five;
}

}  // namespace

IssueSet HandledBy(const Program& p) {
  IssueSet handled;
  handled.set(IndexOf(Issue::kDivision), p.division < Division::kUnguarded);
  handled.set(
      IndexOf(Issue::kEmpty),
      p.empty == Empty::kZeros || (p.empty == Empty::kFallsThrough && GoesOnWithNobody(p.nobody)));
  handled.set(IndexOf(Issue::kKeys), p.keys == Keys::kGet);
  handled.set(IndexOf(Issue::kAverage), p.average == Average::kActive);
  handled.set(IndexOf(Issue::kSorting), p.sorting < Sorting::kAscending);
  handled.set(IndexOf(Issue::kNobody), p.nobody < Nobody::kUnguarded);
  handled.set(IndexOf(Issue::kMutation), p.mutation != Mutation::kStores);
  handled.set(IndexOf(Issue::kFewer), p.fewer == Fewer::kSlice);
  handled.set(IndexOf(Issue::kDates), p.dates == Dates::kZeros || (p.dates == Dates::kCompares &&
                                                                   GoesOnWithNobody(p.nobody)));
  handled.set(IndexOf(Issue::kRobust), p.robust < Robust::kPlain);
  handled.set(IndexOf(Issue::kTopFive), p.top_five == TopFive::kFive);
  return handled;
}

Program MakeProgram(const IssueSet& handled, uint64_t fault_seed, uint64_t style_seed) {
  Random right(Hash64("right", style_seed));
  Random faults(Hash64("faults", fault_seed));
  Program program = DrawRight(right);
  program.style = DrawStyle(right);
  DrawFaults(handled, faults, &program);
  const bool goes_on = GoesOnWithNobody(program.nobody);
  const bool says_so = OneIn(3, right);  // although it need not
  if (handled[IndexOf(Issue::kEmpty)]) {
    program.empty = goes_on && !says_so ? Empty::kFallsThrough : Empty::kZeros;
  } else if (goes_on) {
    program.empty = PickOf<Empty>(
        {{Empty::kReturnsEmpty, 2}, {Empty::kReturnsNone, 2}, {Empty::kRaises, 2}}, faults);
  } else {
    program.empty = PickOf<Empty>({{Empty::kFallsThrough, 6}, {Empty::kRaises, 1}}, faults);
  }
  if (handled[IndexOf(Issue::kDates)]) {
    program.dates = goes_on && !OneIn(4, right) ? Dates::kCompares : Dates::kZeros;
  }
  return program;
}

}  // namespace moa::simulator::coder
