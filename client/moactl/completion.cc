#include "client/moactl/completion.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace moa {
namespace {

// The ids of the newest jobs, from the table that `moactl list` prints.
constexpr char kJobIds[] = "moactl list 2>/dev/null | awk 'NR > 1 {print $1}'";

std::string Names(const std::vector<CommandWords>& commands) {
  return absl::StrJoin(commands, " ", [](std::string* out, const CommandWords& command) {
    out->append(command.name);
  });
}

std::string BashCases(const std::vector<CommandWords>& commands) {
  std::string cases;
  for (const CommandWords& command : commands) {
    absl::StrAppend(&cases, "    ", command.name, ") words=\"", absl::StrJoin(command.flags, " "),
                    command.name == "completion" ? " bash zsh fish" : "", "\"");
    if (command.takes_job) {
      absl::StrAppend(&cases, "; [[ $cur == -* ]] || words=$(", kJobIds, ")");
    }
    absl::StrAppend(&cases, " ;;\n");
  }
  return cases;
}

std::string Bash(const std::vector<CommandWords>& commands) {
  return absl::StrCat(
      "# bash completion of moactl: source <(moactl completion bash)\n"
      "_moactl() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command='' words='' "
      "i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \" ",
      Names(commands),
      " \" in *\" ${COMP_WORDS[i]} \"*) command=${COMP_WORDS[i]}; break ;; esac\n"
      "  done\n"
      "  case $prev in\n"
      "    -f|--file|--prompt-file|--chrome|--tls-ca|--tls-cert|--tls-key) "
      "COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
      "    -o|--output) COMPREPLY=($(compgen -W 'text json' -- \"$cur\")); return ;;\n"
      "  esac\n"
      "  case $command in\n"
      "    '') words=\"",
      Names(commands), "\" ;;\n", BashCases(commands),
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
      "}\n"
      "complete -F _moactl moactl\n");
}

// zsh runs bash's completion functions.
std::string Zsh(const std::vector<CommandWords>& commands) {
  return absl::StrCat(
      "#compdef moactl\n"
      "# zsh completion of moactl: source <(moactl completion zsh)\n"
      "autoload -U +X bashcompinit && bashcompinit\n",
      Bash(commands));
}

std::string FishQuoted(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

std::string Fish(const std::vector<CommandWords>& commands) {
  std::string out =
      "# fish completion of moactl: moactl completion fish | source\n"
      "complete -c moactl -f\n";
  for (const CommandWords& command : commands) {
    absl::StrAppend(&out, "complete -c moactl -n __fish_use_subcommand -a ", command.name, " -d ",
                    FishQuoted(command.help), "\n");
    const std::string condition =
        absl::StrCat("complete -c moactl -n '__fish_seen_subcommand_from ", command.name, "'");
    for (const std::string& flag : command.flags) {
      const bool file = flag == "-f" || flag == "--chrome" || absl::EndsWith(flag, "file");
      const bool is_long = absl::StartsWith(flag, "--");
      absl::StrAppend(&out, condition, is_long ? " -l " : " -s ",
                      absl::StripPrefix(absl::StripPrefix(flag, "-"), "-"), file ? " -r -F" : "",
                      "\n");
    }
    if (command.takes_job) {
      absl::StrAppend(&out, condition, " -a ", FishQuoted(absl::StrCat("(", kJobIds, ")")), "\n");
    }
    if (command.name == "completion") absl::StrAppend(&out, condition, " -a 'bash zsh fish'\n");
  }
  return out;
}

}  // namespace

std::string CompletionScript(absl::string_view shell, const std::vector<CommandWords>& commands) {
  if (shell == "bash") return Bash(commands);
  if (shell == "zsh") return Zsh(commands);
  if (shell == "fish") return Fish(commands);
  return "";
}

}  // namespace moa
