#include <array>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "simulator/coder_program.h"

namespace moa::simulator::coder {
namespace {

struct Names {
  const char* user;
  const char* active;
  const char* days;
  const char* score;   // the function of a user
  const char* number;  // the one that makes numbers
  const char* average;
  const char* ranked;
  const char* top;
  const char* key;  // under which a score is stored
};

constexpr std::array<Names, 4> kNames = {{
    {"user", "active_users", "days", "engagement", "to_number", "average", "ranked",
     "top_performers", "engagement"},
    {"u", "active", "days", "score", "num", "avg", "by_score", "top", "engagement_score"},
    {"user", "in_range", "active_days", "engagement_score", "safe_float", "average_engagement",
     "sorted_users", "top_performers", "score"},
    {"entry", "current", "days_active", "compute_engagement", "as_number", "mean", "ranking",
     "best", "engagement"},
}};

constexpr const char* kOtherNames[] = {"calculate_metrics", "compute_user_metrics",
                                       "calculate_user_metric", "user_metrics"};

constexpr absl::string_view kDocstring = "\"\"\"";  // keeps its quotes

constexpr const char* kZeros =
    R"({"average_engagement": 0.0, "top_performers": [], "active_count": 0})";

// Writes one program; one use.
class Writer {
 public:
  explicit Writer(const Program& program)
      : p_(program), s_(program.style), n_(kNames.at(static_cast<size_t>(program.style.names))) {}

  std::string Write() {
    Imports();
    if (!s_.nested) {
      Helpers();
      Line(0, "");
    }
    Head();
    const size_t head_size = out_.size();
    Guards();
    const bool guarded = out_.size() > head_size;
    if (s_.nested) {
      if (guarded) Line(0, "");
      indent_ = 1;
      Helpers();
      indent_ = 0;
    }
    Note("Who was active within the dates.");
    s_.pairs ? GatherPairs() : GatherUsers();
    MeanOf();
    Ranking();
    Return();
    if (!s_.single_quotes) return std::move(out_);
    return absl::StrReplaceAll(out_, {{kDocstring, kDocstring}, {"\"", "'"}});
  }

 private:
  template <typename... Parts>
  void Line(int depth, const Parts&... parts) {
    const std::string text = absl::StrCat(parts...);
    if (!text.empty()) out_.append(static_cast<size_t>(depth + indent_) * 4, ' ');
    absl::StrAppend(&out_, text, "\n");
  }

  void Note(const char* text) {
    if (s_.comments) Line(1, "# ", text);
  }

  bool has_number() const { return p_.robust == Robust::kNumber || p_.robust == Robust::kIsNumber; }
  bool has_raw() const { return p_.average == Average::kRawOverAll || p_.average == Average::kRaw; }
  bool writes_score() const { return p_.mutation != Mutation::kNone; }
  bool largest() const {
    return p_.sorting == Sorting::kLargest && p_.top_five != TopFive::kAll &&
           p_.top_five != TopFive::kScores && p_.disaster != Disaster::kEndless;
  }

  void Imports() {
    if (largest()) Line(0, "import heapq");
    if (p_.disaster == Disaster::kExits) Line(0, "import sys");
    if (s_.parse_dates) Line(0, "from datetime import date");
    if (!out_.empty()) out_ += "\n\n";
  }

  // A field of a user as the program reads it.
  std::string Read(const char* field, const char* otherwise) const {
    const absl::string_view name = field;
    const bool counted = name != "posts" && name != "days_active" && name != "last_login";
    const bool subscript = p_.keys == Keys::kSubscripts || (p_.keys == Keys::kPartly && counted) ||
                           (p_.keys == Keys::kDaysByDefault && name == "days_active");
    return subscript ? absl::StrCat(n_.user, "[\"", field, "\"]")
                     : absl::StrCat(n_.user, ".get(\"", field, "\", ", otherwise, ")");
  }

  std::string Count(const char* field) const {
    std::string value = Read(field, "0");
    switch (p_.robust) {
      case Robust::kNumber:
      case Robust::kIsNumber:
        return absl::StrCat(n_.number, "(", value, ")");
      case Robust::kOrZero:
        return absl::StrCat("(", value, " or 0)");
      case Robust::kFloat:
        return absl::StrCat("float(", value, ")");
      case Robust::kPlain:
      case Robust::kRefuses:
        return value;
    }
    return value;
  }

  std::string Days() const {
    // A default of 0 would divide by zero where nothing guards against it, and let a guard hide that other keys are
    // missed: those are other issues' faults.
    const bool guarded = p_.division < Division::kUnguarded && p_.keys == Keys::kGet;
    const std::string value = Read("days_active", guarded && !s_.days_default_one ? "0" : "1");
    if (has_number()) return absl::StrCat(n_.number, "(", value, ")");
    return p_.robust == Robust::kFloat ? absl::StrCat("float(", value, ")") : value;
  }

  void Helpers() {
    if (p_.robust == Robust::kNumber) {
      Line(0, "def ", n_.number, "(value):");
      Line(1, "try:");
      Line(2, "return float(value)");
      Line(1, "except (TypeError, ValueError):");
      Line(2, "return 0.0");
      Line(0, "");
    } else if (p_.robust == Robust::kIsNumber) {
      Line(0, "def ", n_.number, "(value):");
      Line(1, "return value if isinstance(value, (int, float)) else 0");
      Line(0, "");
    }
    if (has_number() && !s_.nested) Line(0, "");
    if (has_raw()) {
      Line(0, "def raw_score(", n_.user, "):");
      Counts();
      Line(1, "return ", Sum());
      Line(0, "");
      if (!s_.nested) Line(0, "");
    }
    Line(0, "def ", n_.score, "(", n_.user, "):");
    if (!has_raw()) Counts();
    Line(1, n_.days, " = ", Days());
    Score();
    Line(0, "");
  }

  // The three counts as variables, where they are not read in one expression.
  void Counts() {
    if (one_expression()) return;
    for (const char* field : {"posts", "comments", "likes"}) {
      Line(1, field, " = ", Count(field));
    }
    if (p_.robust != Robust::kRefuses) return;
    Line(1, "if posts < 0 or comments < 0 or likes < 0:");
    Line(2, "raise ValueError(\"counts must not be negative\")");
  }

  bool one_expression() const { return s_.compact && p_.robust != Robust::kRefuses; }

  std::string Sum() const {
    if (!one_expression()) return "posts * 2 + comments * 1.5 + likes * 0.1";
    return absl::StrCat(Count("posts"), " * 2 + ", Count("comments"), " * 1.5 + ", Count("likes"),
                        " * 0.1");
  }

  void Score() {
    std::string sum = absl::StrCat("(", Sum(), ")");
    if (has_raw()) sum = absl::StrCat("raw_score(", n_.user, ")");
    if (p_.average == Average::kPrecedence) sum = Sum();
    const std::string plain = absl::StrCat(sum, " / ", n_.days);
    switch (p_.division) {
      case Division::kReturnsZero:
        Line(1, "if ", n_.days, " <= 0:");
        Line(2, "return 0.0");
        Line(1, "return ", plain);
        return;
      case Division::kTernary:
        Line(1, "return ", plain, " if ", n_.days, " > 0 else 0.0");
        return;
      case Division::kFloor:
        Line(1, "return ", sum, " / max(", n_.days, ", 1)");
        return;
      case Division::kCatches:
        Line(1, "try:");
        Line(2, "return ", plain);
        Line(1, "except ZeroDivisionError:");
        Line(2, "return 0.0");
        return;
      case Division::kChecksNone:
        Line(1, "if ", n_.days, " is None:");
        Line(2, "return 0.0");
        Line(1, "return ", plain);
        return;
      case Division::kUnguarded:
        Line(1, "return ", plain);
        return;
    }
  }

  void Head() {
    std::string name(kFunctionName);
    if (p_.disaster == Disaster::kRenamed) {
      name = kOtherNames[static_cast<size_t>(p_.disaster_form) % 4];
    }
    const bool no_colon = p_.disaster == Disaster::kSyntax && p_.disaster_form % 2 == 0;
    Line(0, "def ", name, "(",
         s_.hints ? "users: list[dict], start_date: str, end_date: str"
                  : "users, start_date, end_date",
         ")", s_.hints ? " -> dict" : "", no_colon ? "" : ":");
    if (s_.docstring == 1) {
      Line(1, "\"\"\"Engagement metrics of the users active within the dates.\"\"\"");
    } else if (s_.docstring == 2) {
      Line(1, "\"\"\"Compute engagement metrics.");
      Line(0, "");
      Line(1, "Args:");
      Line(2, "users: dicts with last_login, posts, comments, likes and days_active");
      Line(2, "start_date, end_date: ISO dates, both included");
      Line(0, "");
      Line(1, "Returns:");
      Line(2, "a dict with average_engagement, top_performers and active_count");
      Line(1, "\"\"\"");
    }
  }

  void Guards() {
    const char* empty = s_.by_length ? "if len(users) == 0:" : "if not users:";
    if (p_.disaster == Disaster::kFile) {
      Line(1, "with open(\"user_metrics.log\", \"a\") as log:");
      Line(2, "log.write(str(len(users)))");
    } else if (p_.disaster == Disaster::kExits) {
      Line(1, empty);
      Line(2, "sys.exit(\"no users\")");
    }
    if (p_.empty != Empty::kFallsThrough) Line(1, empty);
    if (p_.empty == Empty::kZeros) Line(2, "return ", kZeros);
    if (p_.empty == Empty::kReturnsEmpty) Line(2, "return {}");
    if (p_.empty == Empty::kReturnsNone) Line(2, "return None");
    if (p_.empty == Empty::kRaises) Line(2, "raise ValueError(\"users must not be empty\")");
    if (p_.dates != Dates::kCompares) Line(1, "if start_date > end_date:");
    if (p_.dates == Dates::kZeros) Line(2, "return ", kZeros);
    if (p_.dates == Dates::kSwaps) Line(2, "start_date, end_date = end_date, start_date");
    if (p_.dates == Dates::kRaises) {
      Line(2, "raise ValueError(\"start_date must not be after end_date\")");
    }
    if (!s_.parse_dates) return;
    Line(1, "start, end = date.fromisoformat(start_date), date.fromisoformat(end_date)");
  }

  std::string Within() const {
    const std::string login = Read("last_login", "\"\"");
    return s_.parse_dates ? absl::StrCat("start <= date.fromisoformat(", login, ") <= end")
                          : absl::StrCat("start_date <= ", login, " <= end_date");
  }

  void GatherUsers() {
    const std::string taken =
        p_.mutation == Mutation::kCopies ? absl::StrCat("dict(", n_.user, ")") : n_.user;
    if (s_.loop) {
      Line(1, n_.active, " = []");
      Line(1, "for ", n_.user, " in users:");
      Line(2, "if ", Within(), ":");
      Line(3, n_.active, ".append(", taken, ")");
    } else {
      Line(1, n_.active, " = [", taken, " for ", n_.user, " in users if ", Within(), "]");
    }
    NobodyEarly();
    if (!writes_score()) return;
    Line(1, "for ", n_.user, " in ", n_.active, ":");
    Line(2, n_.user, "[\"", n_.key, "\"] = ", n_.score, "(", n_.user, ")");
  }

  void GatherPairs() {
    Line(1, n_.active, " = []");
    Line(1, "for ", n_.user, " in users:");
    Line(2, "if not ", Within(), ":");
    Line(3, "continue");
    Line(2, "value = ", n_.score, "(", n_.user, ")");
    const bool copies = p_.mutation == Mutation::kCopies;
    if (copies) Line(2, "copy = dict(", n_.user, ")");
    const char* kept = copies ? "copy" : n_.user;
    if (writes_score()) Line(2, kept, "[\"", n_.key, "\"] = value");
    Line(2, n_.active, ".append((value, ", kept, "))");
    NobodyEarly();
  }

  void NobodyEarly() {
    const bool early = p_.nobody == Nobody::kEarly || p_.nobody == Nobody::kReturnsEmpty ||
                       p_.nobody == Nobody::kRaises;
    if (early) Line(1, "if not ", n_.active, ":");
    if (p_.nobody == Nobody::kEarly) Line(2, "return ", kZeros);
    if (p_.nobody == Nobody::kReturnsEmpty) Line(2, "return {}");
    if (p_.nobody == Nobody::kRaises) {
      Line(2, "raise ValueError(\"no active users in the range\")");
    }
  }

  void MeanOf() {
    Note("Their average.");
    const bool all = p_.average == Average::kRawOverAll || p_.average == Average::kOverAll;
    const std::string pair = has_raw() ? absl::StrCat("_, ", n_.user) : "value, _";
    std::string sum =
        s_.pairs
            ? absl::StrCat("sum(", has_raw() ? absl::StrCat("raw_score(", n_.user, ")") : "value",
                           " for ", pair, " in ", n_.active, ")")
            : absl::StrCat("sum(", has_raw() ? "raw_score" : n_.score, "(", n_.user, ") for ",
                           n_.user, " in ", n_.active, ")");
    if (s_.total) {
      Line(1, "total = ", sum);
      sum = "total";
    }
    std::string mean = absl::StrCat(sum, " / len(", all ? "users" : n_.active, ")");
    if (p_.average == Average::kRounded) {
      mean = absl::StrCat("round(", mean, ")");
    } else if (s_.digits > 0) {
      mean = absl::StrCat("round(", mean, ", ", s_.digits, ")");
    }
    if (p_.nobody == Nobody::kStatement) {
      Line(1, "if ", n_.active, ":");
      Line(2, n_.average, " = ", mean);
      Line(1, "else:");
      Line(2, n_.average, " = 0.0");
    } else {
      const char* otherwise = p_.nobody == Nobody::kTernary ? "0.0"
                              : p_.nobody == Nobody::kNone  ? "None"
                                                            : "";
      const std::string guard =
          *otherwise == '\0' ? "" : absl::StrCat(" if ", n_.active, " else ", otherwise);
      Line(1, n_.average, " = ", mean, guard);
    }
  }

  // How many of the ranking are taken; "" for all.
  const char* HowMany() const {
    switch (p_.top_five) {
      case TopFive::kAll:
        return "";
      case TopFive::kTen:
        return "10";
      case TopFive::kThree:
        return "3";
      case TopFive::kFive:
      case TopFive::kWrapped:
      case TopFive::kScores:
        return "5";
    }
    return "5";
  }

  void Ranking() {
    Note("The best of them.");
    const std::string key = s_.pairs ? "lambda pair: pair[0]" : n_.score;
    const std::string negative =
        s_.pairs ? "lambda pair: -pair[0]"
                 : absl::StrCat("lambda ", n_.user, ": -", n_.score, "(", n_.user, ")");
    const std::string of = absl::StrCat("sorted(", n_.active, ", key=");
    const std::string how_many = HowMany();
    std::string slice = how_many.empty() ? "" : absl::StrCat("[:", how_many, "]");
    switch (p_.sorting) {
      case Sorting::kLargest:
        if (largest()) {
          Line(1, n_.ranked, " = heapq.nlargest(", how_many, ", ", n_.active, ", key=", key, ")");
          slice = "";
          break;
        }
        [[fallthrough]];
      case Sorting::kReverse:
        Line(1, n_.ranked, " = ", of, key, ", reverse=True)");
        break;
      case Sorting::kNegative:
        Line(1, n_.ranked, " = ", of, negative, ")");
        break;
      case Sorting::kAscending:
        Line(1, n_.ranked, " = ", of, key, ")");
        break;
      case Sorting::kAscendingTail:
        Line(1, n_.ranked, " = ", of, key, ")");
        if (!how_many.empty()) slice = absl::StrCat("[-", how_many, ":]");
        break;
      case Sorting::kUnsorted:
        Line(1, n_.ranked, " = list(", n_.active, ")");
        break;
    }
    p_.disaster == Disaster::kEndless ? EndlessTop() : Top(absl::StrCat(n_.ranked, slice));
  }

  void Top(const std::string& from) {
    if (p_.top_five == TopFive::kWrapped) {
      Line(1, n_.top, " = [{\"user\": ", n_.user,
           ", \"engagement\": ", s_.pairs ? "value" : absl::StrCat(n_.score, "(", n_.user, ")"),
           "} for ", s_.pairs ? "value, " : "", n_.user, " in ", from, "]");
    } else if (p_.top_five == TopFive::kScores) {
      Line(1, n_.top, " = [", s_.pairs ? "value" : absl::StrCat(n_.score, "(", n_.user, ")"),
           " for ", s_.pairs ? "value, _" : n_.user, " in ", from, "]");
    } else if (s_.pairs) {
      Line(1, n_.top, " = [", n_.user, " for _, ", n_.user, " in ", from, "]");
    } else {
      Line(1, n_.top, " = ", from);
    }
    if (p_.fewer == Fewer::kPads) {
      Line(1, n_.top, " = ", n_.top, " + [None] * (5 - len(", n_.active, "))");
    } else if (p_.fewer != Fewer::kSlice) {
      Line(1, "if len(", n_.active, ") < 5:");
      Line(2, n_.top, " = ", p_.fewer == Fewer::kNothing ? "[]" : absl::StrCat(n_.top, "[:1]"));
    }
  }

  void EndlessTop() {
    Line(1, n_.top, " = []");
    Line(1, "while len(", n_.top, ") < 5:");
    Line(2, "for ", s_.pairs ? "_, " : "", n_.user, " in ", n_.ranked, ":");
    Line(3, "if ", n_.user, " not in ", n_.top, " and len(", n_.top, ") < 5:");
    Line(4, n_.top, ".append(", n_.user, ")");
  }

  void Return() {
    Line(1, "return {");
    Line(2, "\"average_engagement\": ", n_.average, ",");
    Line(2, "\"top_performers\": ", n_.top, ",");
    Line(2, "\"active_count\": len(", n_.active, "),");
    if (p_.disaster != Disaster::kSyntax || p_.disaster_form % 2 == 0) Line(1, "}");
  }

  const Program& p_;
  const Style& s_;
  const Names& n_;
  int indent_ = 0;
  std::string out_;
};

}  // namespace

std::string PythonOf(const Program& program) { return Writer(program).Write(); }

}  // namespace moa::simulator::coder
