#include "common/flags/flags.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/flags/values.h"
#include "common/net/address.h"

namespace moa {
namespace {

constexpr int kExitUsage = 2;

}  // namespace

struct FlagSet::Flag {
  Setter set;
  CLI::Option* option = nullptr;
  std::vector<std::string> environment;  // in the order they are tried
  bool required = false;
  bool given = false;
};

struct FlagSet::State {
  explicit State(Program p) : program(std::move(p)), app(program.description, program.name) {}
  Program program;
  CLI::App app;
  std::string group = "Options";
  std::vector<std::string> order;
  std::map<std::string, Flag> flags;
  bool help = false;
  bool version = false;
  CLI::Option* action = nullptr;
  std::function<int(const std::string&)> run_action;
  bool acts() const { return action != nullptr && action->count() > 0; }
};

FlagSet::FlagSet(Program program) : state_(std::make_unique<State>(std::move(program))) {
  CLI::App& app = state_->app;
  app.set_help_flag("");  // ours, so that Parse needs no exceptions of CLI11's for it
  app.add_flag("-h,--help", state_->help, "Print this and exit")->group("Help");
  app.add_flag("--version", state_->version, "Print the version and exit")->group("Help");
  app.footer(state_->program.examples);
  app.get_formatter()->column_width(34);
}

FlagSet::~FlagSet() = default;

void FlagSet::Group(std::string title) { state_->group = std::move(title); }

void FlagSet::Add(const std::string& name, const std::string& placeholder, const std::string& help,
                  std::string default_text, Setter set) {
  MOA_CHECK(state_->flags.count(name) == 0);
  Flag& flag = state_->flags[name];
  state_->order.push_back(name);
  flag.set = std::move(set);
  flag.environment.push_back(EnvironmentName(state_->program.env_prefix, name));
  const std::string text =
      default_text.empty() ? help : absl::StrCat(help, " (default ", default_text, ")");
  if (placeholder.empty()) {
    flag.option = state_->app.add_flag(absl::StrCat("--", name), text);
  } else {
    flag.option = state_->app.add_option(absl::StrCat("--", name), text);
    // One value each time the flag is given, any number of times: which of them count is the setter's.
    flag.option->type_name(placeholder)
        ->type_size(1)
        ->expected(1, CLI::detail::expected_max_vector_size);
    flag.option->allow_extra_args(false);
  }
  flag.option->group(state_->group)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void FlagSet::String(const std::string& name, std::string* value, const std::string& help) {
  Add(name, "TEXT", help, *value, [value](const std::vector<std::string>& texts) {
    *value = texts.back();
    return absl::OkStatus();
  });
}

void FlagSet::Int(const std::string& name, int64_t* value, const std::string& help, int64_t min,
                  int64_t max) {
  Add(name, "N", help, absl::StrCat(*value),
      [value, min, max](const std::vector<std::string>& texts) -> absl::Status {
        MOA_ASSIGN_OR_RETURN(*value, ParseIntValue(texts.back(), min, max));
        return absl::OkStatus();
      });
}

void FlagSet::Double(const std::string& name, double* value, const std::string& help, double min,
                     double max) {
  Add(name, "X", help, absl::StrCat(*value),
      [value, min, max](const std::vector<std::string>& texts) -> absl::Status {
        MOA_ASSIGN_OR_RETURN(*value, ParseDoubleValue(texts.back(), min, max));
        return absl::OkStatus();
      });
}

void FlagSet::Bool(const std::string& name, bool* value, const std::string& help) {
  Add(name, "", help, *value ? "true" : "",
      [value](const std::vector<std::string>& texts) -> absl::Status {
        MOA_ASSIGN_OR_RETURN(*value, ParseBoolValue(texts.back()));
        return absl::OkStatus();
      });
}

void FlagSet::Duration(const std::string& name, absl::Duration* value, const std::string& help,
                       absl::Duration min, absl::Duration max) {
  Add(name, "DURATION", help, absl::FormatDuration(*value),
      [value, min, max](const std::vector<std::string>& texts) -> absl::Status {
        MOA_ASSIGN_OR_RETURN(const absl::Duration duration, ParseDurationValue(texts.back()));
        if (duration < min || duration > max) {
          return absl::InvalidArgumentError(
              max == absl::InfiniteDuration()
                  ? absl::StrCat(texts.back(), " is too short: at least ",
                                 absl::FormatDuration(min))
                  : absl::StrCat(texts.back(), " is out of range: ", absl::FormatDuration(min),
                                 " to ", absl::FormatDuration(max)));
        }
        *value = duration;
        return absl::OkStatus();
      });
}

void FlagSet::Address(const std::string& name, std::string* value, const std::string& help) {
  Add(name, "HOST:PORT", help, *value,
      [value](const std::vector<std::string>& texts) -> absl::Status {
        MOA_RETURN_IF_ERROR(ParseAddress(texts.back()).status());
        *value = texts.back();
        return absl::OkStatus();
      });
}

void FlagSet::List(const std::string& name, std::vector<std::string>* value,
                   const std::string& help) {
  Add(name, "ITEM[,…]", help, absl::StrJoin(*value, ","),
      [value](const std::vector<std::string>& texts) {
        *value = ParseListValue(absl::StrJoin(texts, ","));
        return absl::OkStatus();
      });
}

void FlagSet::AddressList(const std::string& name, std::vector<std::string>* value,
                          const std::string& help) {
  Add(name, "HOST:PORT[,…]", help, absl::StrJoin(*value, ","),
      [value](const std::vector<std::string>& texts) -> absl::Status {
        const std::vector<std::string> items = ParseListValue(absl::StrJoin(texts, ","));
        for (const std::string& item : items) MOA_RETURN_IF_ERROR(ParseAddress(item).status());
        if (items.empty()) return absl::InvalidArgumentError("no address is given");
        *value = items;
        return absl::OkStatus();
      });
}

void FlagSet::Choice(const std::string& name, std::string* value, std::vector<std::string> choices,
                     const std::string& help) {
  const std::string listed = absl::StrJoin(choices, "|");
  Add(name, listed, help, *value,
      [value, listed,
       choices = std::move(choices)](const std::vector<std::string>& texts) -> absl::Status {
        for (const std::string& choice : choices) {
          if (choice != texts.back()) continue;
          *value = choice;
          return absl::OkStatus();
        }
        return absl::InvalidArgumentError(
            absl::StrCat("\"", texts.back().substr(0, 80), "\" is not one of ", listed));
      });
}

void FlagSet::Action(const std::string& name, const std::string& placeholder,
                     const std::string& help, std::function<int(const std::string& text)> run) {
  MOA_CHECK(state_->action == nullptr);
  state_->action = state_->app.add_option(absl::StrCat("--", name), help);
  state_->action->type_name(placeholder)->group("Help")->take_last();
  state_->run_action = std::move(run);
}

void FlagSet::AlsoEnvironment(const std::string& name, std::string variable) {
  const auto it = state_->flags.find(name);
  MOA_CHECK(it != state_->flags.end());
  it->second.environment.push_back(std::move(variable));
}

void FlagSet::Require(const std::string& name) {
  const auto it = state_->flags.find(name);
  MOA_CHECK(it != state_->flags.end());
  it->second.required = true;
}

bool FlagSet::Given(const std::string& name) const {
  const auto it = state_->flags.find(name);
  MOA_CHECK(it != state_->flags.end());
  return it->second.given;
}

absl::Status FlagSet::Parse(const std::vector<std::string>& args, const Environment& environment) {
  state_->help = false;
  state_->version = false;
  try {
    // CLI11 takes the arguments from the back.
    state_->app.parse(std::vector<std::string>(args.rbegin(), args.rend()));
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  if (state_->help || state_->version || state_->acts()) return absl::OkStatus();
  for (const std::string& name : state_->order) {
    Flag& flag = state_->flags.at(name);
    flag.given = flag.option->count() > 0;
    std::string source = absl::StrCat("--", name);
    std::vector<std::string> texts =
        flag.given ? flag.option->results() : std::vector<std::string>();
    for (size_t i = 0; i < flag.environment.size() && !flag.given; ++i) {
      const std::optional<std::string> value = environment(flag.environment[i]);
      if (!value.has_value()) continue;
      flag.given = true;
      source = flag.environment[i];
      texts = {*value};
    }
    if (!flag.given) {
      if (!flag.required) continue;
      return absl::InvalidArgumentError(absl::StrCat("--", name, " is required (or set ",
                                                     absl::StrJoin(flag.environment, " or "), ")"));
    }
    if (const absl::Status status = flag.set(texts); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(source, ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

std::optional<int> FlagSet::ParseOrExit(int argc, const char* const* argv) {
  const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  const absl::Status status = Parse(args, &FromEnvironment);
  if (!status.ok()) {
    const std::string message(status.message());
    std::fprintf(stderr, "%s: %s\nTry %s --help\n", state_->program.name.c_str(), message.c_str(),
                 state_->program.name.c_str());
    return kExitUsage;
  }
  if (state_->help) {
    std::fputs(Help().c_str(), stdout);
    return 0;
  }
  if (state_->version) {
    std::printf("%s %s\n", state_->program.name.c_str(), state_->program.version.c_str());
    return 0;
  }
  if (state_->acts()) return state_->run_action(state_->action->results().back());
  return std::nullopt;
}

std::string FlagSet::Help() const {
  return absl::StrCat(state_->app.help(), "\nEvery flag also reads an environment variable: --",
                      state_->order.empty() ? "flag" : state_->order.front(), " reads ",
                      EnvironmentName(state_->program.env_prefix,
                                      state_->order.empty() ? "flag" : state_->order.front()),
                      ".\n");
}

}  // namespace moa
