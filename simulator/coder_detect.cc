#include "simulator/coder_detect.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace moa::simulator::coder {
namespace {

// A sign is a part of the code without comments, docstrings and blanks, in lower case and with double quotes, where
// "if not users:" reads as "if len(users) == 0:". '@' in it stands for a name.
struct Sign {
  Issue issue;
  bool good;
  const char* text;
};

// Of an issue with a bad sign, it is not taken care of; else one of its good signs must be there. Issues that need no
// good sign are in kGoodUnlessBad. Empty and Dates are also taken care of where Nobody is.
constexpr Sign kSigns[] = {
    {Issue::kDivision, true, "zerodivisionerror"},
    {Issue::kDivision, true, "/max("},
    {Issue::kDivision, true, "ifdays"},
    {Issue::kDivision, true, "days<=0"},
    {Issue::kDivision, true, "days==0"},
    {Issue::kDivision, true, "days>0"},
    {Issue::kDivision, true, "days!=0"},
    {Issue::kDivision, true, "days_active<=0"},
    {Issue::kDivision, true, "days_active==0"},
    {Issue::kDivision, true, "days_active>0"},
    {Issue::kDivision, true, "days_active\"]>0"},
    {Issue::kDivision, true, "days_active\"]==0"},
    {Issue::kDivision, true, "days_active\",0)>0"},
    {Issue::kDivision, true, "days_active\",0)==0"},
    {Issue::kDivision, true, "notdays"},
    {Issue::kDivision, true, "or1)"},
    {Issue::kDivision, false, "daysisnone:"},
    {Issue::kDivision, false, "days_activeisnone:"},
    {Issue::kEmpty, true, "iflen(users)==0:return{\""},
    {Issue::kEmpty, false, "iflen(users)==0:return{}"},
    {Issue::kEmpty, false, "iflen(users)==0:returnnone"},
    {Issue::kEmpty, false, "iflen(users)==0:raise"},
    {Issue::kKeys, true, ".get(\""},
    {Issue::kKeys, false, "[\"posts\"]"},
    {Issue::kKeys, false, "[\"comments\"]"},
    {Issue::kKeys, false, "[\"likes\"]"},
    {Issue::kKeys, false, "[\"days_active\"]"},
    {Issue::kAverage, false, "/len(users)"},
    {Issue::kAverage, false, "sum(raw"},
    {Issue::kAverage, false, "*0.1/"},
    {Issue::kAverage, false, "//"},
    {Issue::kSorting, true, "reverse=true"},
    {Issue::kSorting, true, "nlargest("},
    {Issue::kSorting, true, ":-"},
    {Issue::kNobody, true, "if@else0"},
    {Issue::kNobody, true, "if@:@=sum("},
    {Issue::kNobody, true, "if@:@=total/"},
    {Issue::kNobody, true, "if@:@=round("},
    {Issue::kNobody, true, "ifnot@:return{\""},
    {Issue::kNobody, true, "/max(len("},
    {Issue::kNobody, false, "ifnot@:return{}"},
    {Issue::kNobody, false, "ifnot@:returnnone"},
    {Issue::kNobody, false, "ifnot@:raise"},
    {Issue::kFewer, false, "<5:"},
    {Issue::kFewer, false, "<5else"},
    {Issue::kFewer, false, ">=5else"},
    {Issue::kFewer, false, "[none]*"},
    {Issue::kDates, true, "ifstart_date>end_date:return{\""},
    {Issue::kDates, true, "ifend_date<start_date:return{\""},
    {Issue::kDates, false, "ifstart_date>end_date:raise"},
    {Issue::kDates, false, "ifend_date<start_date:raise"},
    {Issue::kDates, false, "start_date,end_date=end_date,start_date"},
    {Issue::kRobust, true, "(typeerror,valueerror)"},
    {Issue::kRobust, true, "(valueerror,typeerror)"},
    {Issue::kRobust, true, "exceptexception"},
    {Issue::kRobust, true, "isinstance("},
    {Issue::kRobust, false, "<0:raise"},
    {Issue::kTopFive, true, "[:5]"},
    {Issue::kTopFive, true, "[-5:]"},
    {Issue::kTopFive, true, "nlargest(5,"},
    {Issue::kTopFive, false, "{\"user\":"},
    {Issue::kTopFive, false, "=[valuefor"},
    {Issue::kTopFive, false, "=[@(@)for@in@["},
};

constexpr Issue kGoodUnlessBad[] = {Issue::kAverage, Issue::kMutation, Issue::kFewer};

// Beyond these nothing is looked at: they bound the work on whatever a prompt holds.
constexpr size_t kCodeSizeMax = 64 << 10;
constexpr size_t kNameSizeMax = 40;

constexpr absl::string_view kFence = "```";
constexpr absl::string_view kStore = "\"]=";  // under a key

bool IsName(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Whether `sign` stands at `text`'s beginning. Names match as far as what follows the '@' allows.
bool StandsAt(absl::string_view text, absl::string_view sign) {
  while (!sign.empty()) {
    if (sign.front() == '@') {
      sign.remove_prefix(1);
      const size_t size_max = std::min(text.size(), kNameSizeMax);
      for (size_t size = 1; size <= size_max && IsName(text[size - 1]); ++size) {
        if (StandsAt(text.substr(size), sign)) return true;
      }
      return false;
    }
    if (text.empty() || text.front() != sign.front()) return false;
    text.remove_prefix(1);
    sign.remove_prefix(1);
  }
  return true;
}

bool Has(absl::string_view code, absl::string_view sign) {
  const absl::string_view start = sign.substr(0, std::min(sign.find('@'), sign.size()));
  for (size_t at = code.find(start); at != absl::string_view::npos; at = code.find(start, at + 1)) {
    if (StandsAt(code.substr(at), sign)) return true;
  }
  return false;
}

// Without docstrings, which stand between triple quotes.
std::string WithoutDocstrings(std::string code) {
  for (const char* quotes : {"\"\"\"", "'''"}) {
    for (size_t at = code.find(quotes); at != std::string::npos; at = code.find(quotes, at)) {
      const size_t end = code.find(quotes, at + 3);
      code.erase(at, end == std::string::npos ? std::string::npos : end + 3 - at);
    }
  }
  return code;
}

// As signs are written.
std::string Squeezed(absl::string_view code) {
  const std::string text = WithoutDocstrings(std::string(code));
  std::string out;
  out.reserve(text.size());
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = line.substr(0, std::min(line.find('#'), line.size()));
    for (const char c : line) {
      const auto byte = static_cast<unsigned char>(c);
      if (absl::ascii_isspace(byte)) continue;
      out.push_back(c == '\'' ? '"' : absl::ascii_tolower(byte));
    }
  }
  return absl::StrReplaceAll(out, {{"ifnotusers:", "iflen(users)==0:"}});
}

// "round(" without a number of digits: a whole number.
bool RoundsToWhole(absl::string_view code) {
  const size_t begin = code.find("round(");
  if (begin == absl::string_view::npos) return false;
  int depth = 0;
  for (size_t at = begin + 5; at < code.size(); ++at) {
    if (code[at] == '(') ++depth;
    if (code[at] == ',' && depth == 1) return false;
    if (code[at] == ')' && --depth == 0) return true;
  }
  return false;
}

// A key of a dict is set, as in user["engagement"] = ….
bool StoresUnderAKey(absl::string_view code) {
  for (size_t at = code.find(kStore); at != absl::string_view::npos;
       at = code.find(kStore, at + 1)) {
    const size_t next = at + kStore.size();
    if (next < code.size() && code[next] != '=') return true;
  }
  return false;
}

}  // namespace

std::string CodeIn(absl::string_view answer) {
  const std::string definition = absl::StrCat("def ", kFunctionName, "(");
  absl::string_view found;
  bool within = false;
  for (absl::string_view part : absl::StrSplit(answer, kFence)) {
    if (within && absl::StrContains(part, definition) && absl::StrContains(part, "return")) {
      found = part.substr(std::min(part.find('\n'), part.size()));  // behind the language
    }
    within = !within;
  }
  return std::string(found);
}

std::string ProseOf(absl::string_view answer) {
  std::string prose;
  bool within = false;
  for (const absl::string_view part : absl::StrSplit(answer, kFence)) {
    if (!within) absl::StrAppend(&prose, part, "\n");
    within = !within;
  }
  return prose;
}

IssueSet HandledIn(absl::string_view code) {
  const std::string squeezed = Squeezed(code.substr(0, kCodeSizeMax));
  IssueSet good;
  IssueSet bad;
  for (const Sign& sign : kSigns) {
    IssueSet& seen = sign.good ? good : bad;
    if (!seen[IndexOf(sign.issue)] && Has(squeezed, sign.text)) seen.set(IndexOf(sign.issue));
  }
  if (RoundsToWhole(squeezed)) bad.set(IndexOf(Issue::kAverage));
  for (const Issue issue : kGoodUnlessBad) good.set(IndexOf(issue));
  const bool copies = Has(squeezed, "dict(") || Has(squeezed, ".copy()");
  if (StoresUnderAKey(squeezed) && !copies) bad.set(IndexOf(Issue::kMutation));
  const bool none_for_nobody = Has(squeezed, "if@elsenone");
  if (good[IndexOf(Issue::kNobody)] || none_for_nobody) {
    good.set(IndexOf(Issue::kEmpty));
    good.set(IndexOf(Issue::kDates));
  }
  return good & ~bad;
}

}  // namespace moa::simulator::coder
