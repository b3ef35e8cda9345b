#include "tests/simulator/coder_oracle.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

namespace moa::simulator::coder {
namespace {

enum class Posts { kNumber, kNone, kText };

struct User {
  double posts = 10, comments = 5, likes = 20, days = 10;
  bool in_range = true;
  bool complete = true;  // has more than last_login and posts
  Posts kind = Posts::kNumber;
};

// An entry of top_performers.
struct Entry {
  enum class Kind { kUser, kWrapped, kNumber, kNone } kind = Kind::kUser;
  double posts = 0;
  bool has_posts(double value) const { return kind == Kind::kUser && posts == value; }
  bool has_no_keys() const { return kind == Kind::kNumber || kind == Kind::kNone; }
};

struct Outcome {
  enum class Kind { kReturned, kRaised, kEndless, kKilled } kind = Kind::kReturned;
  enum class Value { kWhole, kEmptyDict, kNone } value = Value::kWhole;
  std::optional<double> average{};  // absent: None
  std::vector<Entry> top{};
  size_t count = 0;
  bool mutated = false;

  bool returned() const { return kind == Kind::kReturned; }
  bool whole() const { return returned() && value == Value::kWhole; }
};

constexpr Outcome::Kind kRaised = Outcome::Kind::kRaised;

class Run {
 public:
  Run(const Program& program, const std::vector<User>& users) : p_(program), users_(users) {}

  Outcome Call(bool reversed) {
    if (p_.disaster == Disaster::kFile) return {.kind = kRaised};
    if (users_.empty()) {
      if (p_.disaster == Disaster::kExits) return {.kind = Outcome::Kind::kKilled};
      if (p_.empty == Empty::kZeros) return Zeros();
      if (p_.empty == Empty::kReturnsEmpty) return {.value = Outcome::Value::kEmptyDict};
      if (p_.empty == Empty::kReturnsNone) return {.value = Outcome::Value::kNone};
      if (p_.empty == Empty::kRaises) return {.kind = kRaised};
    }
    if (reversed && p_.dates == Dates::kZeros) return Zeros();
    if (reversed && p_.dates == Dates::kRaises) return {.kind = kRaised};
    for (const User& user : users_) {
      if (user.in_range && (!reversed || p_.dates == Dates::kSwaps)) active_.push_back(user);
    }
    return active_.empty() ? OfNobody() : OfActive();
  }

 private:
  static Outcome Zeros() { return {.average = 0}; }

  bool raw() const { return p_.average == Average::kRawOverAll || p_.average == Average::kRaw; }

  Outcome OfNobody() const {
    if (p_.nobody == Nobody::kEarly) return Zeros();
    if (p_.nobody == Nobody::kReturnsEmpty) return {.value = Outcome::Value::kEmptyDict};
    if (p_.nobody == Nobody::kRaises) return {.kind = kRaised};
    Outcome outcome = Zeros();
    if (p_.nobody == Nobody::kNone) outcome.average.reset();
    const bool all = p_.average == Average::kRawOverAll || p_.average == Average::kOverAll;
    if (p_.nobody == Nobody::kUnguarded && (!all || users_.empty())) return {.kind = kRaised};
    if (p_.disaster == Disaster::kEndless) return {.kind = Outcome::Kind::kEndless};
    FillUp(&outcome);
    return outcome;
  }

  bool CountsRaise(const User& user) const {
    if (!user.complete && (p_.keys == Keys::kSubscripts || p_.keys == Keys::kPartly)) return true;
    switch (p_.robust) {
      case Robust::kNumber:
      case Robust::kIsNumber:
        return false;
      case Robust::kPlain:
        return user.kind != Posts::kNumber;
      case Robust::kOrZero:
        return user.kind == Posts::kText;
      case Robust::kFloat:
        return user.kind == Posts::kNone;
      case Robust::kRefuses:
        return user.kind != Posts::kNumber || user.posts < 0;
    }
    return false;
  }

  bool ScoreRaises(const User& user) const {
    const bool unguarded = p_.division >= Division::kUnguarded;
    return CountsRaise(user) || (!user.complete && p_.keys != Keys::kGet) ||
           (user.complete && user.days == 0 && unguarded);
  }

  static double Raw(const User& user) {
    return user.posts * 2 + user.comments * 1.5 + user.likes * 0.1;
  }

  double Score(const User& user) const {
    if (user.days == 0) return p_.division == Division::kFloor ? Raw(user) : 0;
    if (p_.average != Average::kPrecedence) return Raw(user) / user.days;
    return user.posts * 2 + user.comments * 1.5 + user.likes * 0.1 / user.days;
  }

  bool CallsScore() const {
    return p_.style.pairs || !raw() || p_.sorting != Sorting::kUnsorted ||
           p_.mutation != Mutation::kNone || p_.top_five == TopFive::kWrapped ||
           p_.top_five == TopFive::kScores;
  }

  Outcome OfActive() {
    for (const User& user : active_) {
      if (CallsScore() ? ScoreRaises(user) : CountsRaise(user)) return {.kind = kRaised};
    }
    if (p_.disaster == Disaster::kEndless && active_.size() < 5) {
      return {.kind = Outcome::Kind::kEndless};
    }
    Outcome outcome{.count = active_.size(), .mutated = p_.mutation == Mutation::kStores};
    double sum = 0;
    for (const User& user : active_) sum += raw() ? Raw(user) : Score(user);
    const bool all = p_.average == Average::kRawOverAll || p_.average == Average::kOverAll;
    const double mean = sum / static_cast<double>(all ? users_.size() : active_.size());
    outcome.average = p_.average == Average::kRounded ? std::nearbyint(mean) : mean;
    Rank(&outcome);
    FillUp(&outcome);
    return outcome;
  }

  void Rank(Outcome* outcome) {
    std::vector<User> ranked = active_;
    const bool ascends = p_.sorting == Sorting::kAscending || p_.sorting == Sorting::kAscendingTail;
    if (p_.sorting != Sorting::kUnsorted) {
      std::stable_sort(ranked.begin(), ranked.end(), [&](const User& a, const User& b) {
        return ascends ? Score(a) < Score(b) : Score(a) > Score(b);
      });
    }
    size_t taken = ranked.size();
    if (p_.top_five == TopFive::kTen) taken = 10;
    if (p_.top_five == TopFive::kThree) taken = 3;
    if (p_.top_five != TopFive::kAll && p_.top_five != TopFive::kTen &&
        p_.top_five != TopFive::kThree) {
      taken = 5;
    }
    taken = std::min(taken, ranked.size());
    const size_t first = p_.sorting == Sorting::kAscendingTail ? ranked.size() - taken : 0;
    for (size_t i = first; i < first + taken; ++i) {
      const Entry::Kind kind = p_.top_five == TopFive::kWrapped  ? Entry::Kind::kWrapped
                               : p_.top_five == TopFive::kScores ? Entry::Kind::kNumber
                                                                 : Entry::Kind::kUser;
      outcome->top.push_back({kind, ranked[i].posts});
    }
  }

  void FillUp(Outcome* outcome) const {
    if (active_.size() >= 5) return;
    if (p_.fewer == Fewer::kPads) {
      outcome->top.resize(outcome->top.size() + 5 - active_.size(), {Entry::Kind::kNone, 0});
    } else if (p_.fewer == Fewer::kNothing) {
      outcome->top.clear();
    } else if (p_.fewer == Fewer::kBestOnly && outcome->top.size() > 1) {
      outcome->top.resize(1);
    }
  }

  const Program& p_;
  const std::vector<User>& users_;
  std::vector<User> active_;
};

constexpr User kAway = {.in_range = false};

// The users of each check's calls, in the grader's order.
std::vector<std::vector<User>> CallsOf(Issue issue) {
  const User one;
  const User away = kAway;
  switch (issue) {
    case Issue::kDivision:
      return {{{.days = 0}}};
    case Issue::kEmpty:
      return {{}};
    case Issue::kKeys:
      return {{{.complete = false}}};
    case Issue::kAverage:
      return {{{.posts = 100, .comments = 50, .likes = 200, .days = 30, .in_range = false}, one}};
    case Issue::kSorting:
      return {{{.posts = 1, .comments = 1, .likes = 1},
               {.posts = 10, .comments = 10, .likes = 10},
               {.posts = 5, .comments = 5, .likes = 5}}};
    case Issue::kNobody:
      return {{away}};
    case Issue::kMutation:
    case Issue::kDates:
      return {{one}};
    case Issue::kFewer:
      return {{one, {.posts = 20, .comments = 10, .likes = 40}}};
    case Issue::kRobust:
      return {{{.kind = Posts::kNone}}, {{.posts = -5}}, {{.kind = Posts::kText}}};
    case Issue::kTopFive: {
      std::vector<User> users;
      for (int i = 0; i < 100; ++i) {
        const double n = i;
        users.push_back({.posts = n, .comments = n, .likes = n});
      }
      return {users};
    }
  }
  return {};
}

int SortingPoints(const Outcome& seen) {
  if (!seen.returned() || seen.top.empty()) return 0;
  if (seen.top.front().has_no_keys()) return 0;
  if (seen.top.front().has_posts(10)) return 10;
  if (seen.top.back().has_no_keys() || seen.top.back().has_posts(10)) return 0;
  return 5;
}

int TopFivePoints(const Outcome& seen) {
  if (!seen.returned() || seen.top.size() > 5) return 0;
  if (seen.top.size() < 5) return 2;
  bool best = true;
  bool has_99 = false;
  for (size_t i = 0; i < 5; ++i) {
    if (seen.top[i].has_no_keys()) return 0;
    best = best && seen.top[i].has_posts(99.0 - static_cast<double>(i));
    has_99 = has_99 || seen.top[i].has_posts(99);
  }
  return best ? 10 : has_99 ? 8 : 3;
}

bool Near(const Outcome& seen, double value) {
  return seen.average && std::abs(*seen.average - value) <= 0.01;
}

// As docs/grading.md has it.
int PointsFor(Issue issue, const std::vector<Outcome>& calls) {
  const Outcome& seen = calls.front();
  switch (issue) {
    case Issue::kDivision:
      return seen.whole() ? 20 : seen.returned() ? 5 : 0;
    case Issue::kEmpty:
      return seen.whole() && seen.count == 0 ? 15 : seen.returned() ? 5 : 0;
    case Issue::kKeys:
      return seen.returned() ? 15 : 0;
    case Issue::kAverage:
      if (!seen.returned() || Near(seen, 14.75)) return 0;
      return Near(seen, 2.95) ? 15 : 5;
    case Issue::kSorting:
      return SortingPoints(seen);
    case Issue::kNobody:
      if (!seen.returned() || seen.value == Outcome::Value::kNone) return 0;
      return seen.whole() && seen.count == 0 && seen.average == 0.0 ? 10 : 5;
    case Issue::kMutation:
      return seen.returned() && !seen.mutated ? 8 : 0;
    case Issue::kFewer:
      return seen.whole() && seen.top.size() == 2 ? 5 : 0;
    case Issue::kDates:
      if (!seen.returned() || seen.value == Outcome::Value::kNone) return 2;
      return seen.whole() && seen.count == 0 ? 5 : 3;
    case Issue::kRobust: {
      const auto passed = std::count_if(calls.begin(), calls.end(),
                                        [](const Outcome& call) { return call.returned(); });
      return passed == 3 ? 7 : passed == 2 ? 4 : passed == 1 ? 2 : 0;
    }
    case Issue::kTopFive:
      return TopFivePoints(seen);
  }
  return 0;
}

}  // namespace

std::array<int, kIssues.size()> IntendedPoints(const Program& program) {
  std::array<int, kIssues.size()> points{};
  if (program.disaster == Disaster::kSyntax || program.disaster == Disaster::kRenamed) {
    return points;
  }
  for (const Issue issue : kIssues) {
    std::vector<Outcome> calls;
    for (const std::vector<User>& users : CallsOf(issue)) {
      calls.push_back(Run(program, users).Call(issue == Issue::kDates));
      if (calls.back().kind == Outcome::Kind::kKilled) return {};
      if (calls.back().kind == Outcome::Kind::kEndless) return points;
    }
    points.at(IndexOf(issue)) = PointsFor(issue, calls);
  }
  return points;
}

}  // namespace moa::simulator::coder
