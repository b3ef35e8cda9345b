#include "common/grading/extract_code.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace moa {
namespace {

using Source = ExtractedCode::Source;

constexpr char kCode[] = "def f(x):\n    return x\n";

struct Case {
  std::string name;
  std::string answer;
  std::string code;
  Source source = Source::kBlock;
};

// The answers' $ is kCode.
std::vector<Case> Cases() {
  return {
      {"python", "Here:\n```python\n$```\nDone.", "$"},
      {"py", "```py\n$```", "$"},
      {"capitals and attributes", "```Python title=a.py\n$```", "$"},
      {"braces", "```{.python}\n$```", "$"},
      {"no language", "```\n$```\n", "$"},
      {"tildes", "~~~python\n$~~~\n", "$"},
      {"longer fence", "````python\n$```\n````\n", "$```\n"},
      {"other mark does not close", "```python\n$~~~\n```\n", "$~~~\n"},
      {"code within a line is no fence", "```x``` is it:\n```python\n$```", "$"},
      {"last that defines", "```python\ndef f(): pass\n```\nBetter:\n```python\n$```", "$"},
      {"a usage example follows", "```python\n$```\nUse:\n```python\nprint(f(1))\n```", "$"},
      {"another name follows", "```python\n$```\n```python\ndef g(f): pass\n```", "$"},
      {"a name that only begins so", "```python\n$```\n```python\ndef f2(): pass\n```", "$"},
      {"python before other languages", "```python\n$```\n```js\ndef f(\n```", "$"},
      {"another language if it must be", "```text\n$```\n", "$"},
      {"closed before cut off", "```python\n$```\n```python\ndef f(x", "$"},
      {"cut off", "```python\ndef f(x):\n    retu", "def f(x):\n    retu\n", Source::kOpenBlock},
      {"async", "```python\nasync  def f (x): pass\n```", "async  def f (x): pass\n"},
      {"lambda", "```python\nf = lambda x: x\n```", "f = lambda x: x\n"},
      {"nothing defines it", "```python\na = 1\n```\n```json\n{}\n```", "a = 1\n"},
      {"other block only", "```json\n{}\n```", "{}\n"},
      {"indented fence", "1. So:\n   ```python\n   def f(x):\n       return x\n   ```\n", "$"},
      {"indented code in a plain fence", "```python\n  def f(x):\n      return x\n```", "$"},
      {"tabs", "\t```python\n\tdef f(x):\n\t    return x\n\t```\n", "$"},
      {"fence in a docstring",
       "```python\ndef f(x):\n    \"\"\"\n    ```\n    f(1)\n    ```\n    \"\"\"\n```",
       "def f(x):\n    \"\"\"\n    ```\n    f(1)\n    ```\n    \"\"\"\n"},
      {"CRLF", "```python\r\ndef f(x):\r\n    return x\r\n```\r\n", "$"},
      {"CR alone", "```python\rdef f(x):\r    return x\r```\r", "$"},
      {"byte order mark", "\xEF\xBB\xBF```python\n$```", "$"},
      {"reasoning", "<think>\n```python\ndef f(): pass\n```\n</think>\n```python\n$```", "$"},
      {"reasoning after the code",
       "```python\n$```\n<think>\n```python\ndef f(): pass\n```\n</think>\n", "$"},
      {"reasoning in a line", "<Thinking>hm</thinking>```python\n$```", "$"},
      {"only its end", "hm\n```python\ndef f(): pass\n```\nso.</think>\n```python\n$```", "$"},
      {"only its end, in an open block", "```python\ndef f(): pass\n</think>\n```python\n$```",
       "$"},
      {"nested",
       "<think><think>\n</think>\n```python\ndef f(): pass\n```\n</think>\n```python\n$```", "$"},
      {"never closed", "<think>\n```python\n$```\n", "", Source::kWholeAnswer},
      {"never closed, after the code", "```python\n$```\n<think>\n```python\ndef f(): 1\n```", "$"},
      {"another tag is no reasoning", "<answer>\n```python\n$```\n</answer>", "$"},
      {"a tag within the code", "```python\ndef f(s):\n    return s.split(\"</think>\")\n```",
       "def f(s):\n    return s.split(\"</think>\")\n"},
      {"bare", "$", "$", Source::kBare},
      {"bare, tags in texts", "def f(s):\n    return s.split('</think>')[-1]\n",
       "def f(s):\n    return s.split('</think>')[-1]\n", Source::kBare},
      {"bare, prose around",
       "Sure, here it is:\n\nimport math\n\n$\nThis returns x.\nNote (well): it is short.",
       "import math\n\n$", Source::kBare},
      {"bare, indented", "    def f(x):\n        return x\n", "$", Source::kBare},
      {"bare, after reasoning", "<think>\nhm\n</think>\n\n$", "$", Source::kBare},
      {"bare beside another block", "$\n```json\n{}\n```\n", "$", Source::kBare},
      {"prose alone", "I cannot do that.", "I cannot do that.\n", Source::kWholeAnswer},
      {"empty", "", "", Source::kWholeAnswer},
  };
}

TEST(ExtractCodeTest, TakesTheCodeAndNothingElse) {
  for (const Case& each : Cases()) {
    const auto filled = [](const std::string& text) {
      return absl::StrReplaceAll(text, {{"$", kCode}});
    };
    const ExtractedCode extracted = ExtractCode(filled(each.answer), "f");
    const std::string wanted = filled(each.code);
    // An answer of nothing has one line, which is empty.
    EXPECT_EQ(extracted.code == "\n" ? "" : extracted.code, wanted) << each.name;
    EXPECT_EQ(extracted.source, each.source) << each.name;
  }
}

TEST(ExtractCodeTest, AFunctionWhoseNameBeginsAsAKeywordIsFound) {
  for (const std::string name : {"async_f", "default", "defined"}) {
    const std::string code = absl::StrCat(name, " = lambda: 1\n");
    EXPECT_EQ(ExtractCode(absl::StrCat("```\n", code, "```\n```\nx = 1\n```"), name).code, code);
  }
}

// Situation: a megabyte of what makes careless scanners look at each byte many times. Outcome: each answer comes back;
// one that took quadratic time would run into the test's limit of a minute.
TEST(ExtractCodeTest, HostileAnswersTakeLinearTime) {
  const auto many = [](absl::string_view part) {
    std::string out;
    while (out.size() < (1 << 20)) absl::StrAppend(&out, part);
    return out;
  };
  for (const char* part : {"```",
                           "```\n",
                           "~~~~\n",
                           "<think>",
                           "<think>\n",
                           "</think>\n",
                           "</think",
                           "</",
                           "<",
                           "<think></think>",
                           "`",
                           " ",
                           "\t\n",
                           "\r",
                           "\r\n",
                           "def f(",
                           "def f(\n",
                           "    \n",
                           "```python\n    def f(x):\n",
                           "\xff\x00\n",
                           "<think>\n</think>\n```\n"}) {
    const std::string answer = many(part);
    EXPECT_LE(ExtractCode(answer, "f").code.size(), answer.size() + 1) << part;
    EXPECT_LE(ExtractCode(absl::StrCat("<think>", answer), "f").code.size(), answer.size() + 1)
        << part;
    EXPECT_LE(ExtractCode(absl::StrCat("```python\n", answer), "f").code.size(), answer.size() + 1)
        << part;
  }
}

}  // namespace
}  // namespace moa
