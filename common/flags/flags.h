#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace moa {

// The command line of a program without subcommands. Each flag binds a variable that already holds the
// default; a flag wins over its environment variable, which wins over the default.
//
//   std::string listen = "127.0.0.1:7070";
//   FlagSet flags({.name = "moa-coordinator", .description = "Runs jobs.", .version = MOA_VERSION});
//   flags.Group("Network");
//   flags.Address("listen", &listen, "where clients and workers connect");
//   if (std::optional<int> status = flags.ParseOrExit(argc, argv)) return *status;
//
// `--name VALUE` and `--name=VALUE` are the same; a flag given twice keeps the last value (a list keeps
// all). Every flag also reads `<env_prefix><NAME>`. Environment variables that no flag names are ignored,
// so that one environment serves programs of different versions; unknown flags are errors.
//
// Owner: main or its options function; bound variables outlive it. Externally synchronised.
class FlagSet {
 public:
  struct Program {
    std::string name = "";
    std::string description = "";  // the first lines of --help
    std::string version = "";      // what --version prints after the name
    std::string env_prefix = "MOA_";
    std::string examples = "";  // printed after the flags; may be empty
  };

  explicit FlagSet(Program program);
  ~FlagSet();
  FlagSet(const FlagSet&) = delete;
  FlagSet& operator=(const FlagSet&) = delete;

  // Flags added from here on stand under this title in --help.
  void Group(std::string title);

  // `name` is without dashes: "max-queued-jobs". `help` is one line without a full stop.
  void String(const std::string& name, std::string* value, const std::string& help);
  void Int(const std::string& name, int64_t* value, const std::string& help, int64_t min = 0,
           int64_t max = std::numeric_limits<int64_t>::max());
  void Double(const std::string& name, double* value, const std::string& help, double min,
              double max);
  // Given alone it means true; `--name=false` turns a default of true off.
  void Bool(const std::string& name, bool* value, const std::string& help);
  void Duration(const std::string& name, absl::Duration* value, const std::string& help,
                absl::Duration min = absl::ZeroDuration(),
                absl::Duration max = absl::InfiniteDuration());
  // HOST:PORT, checked by ParseAddress (common/net/address.h).
  void Address(const std::string& name, std::string* value, const std::string& help);
  // Comma-separated; giving the flag replaces the default.
  void List(const std::string& name, std::vector<std::string>* value, const std::string& help);
  void AddressList(const std::string& name, std::vector<std::string>* value,
                   const std::string& help);
  // One of `choices`.
  void Choice(const std::string& name, std::string* value, std::vector<std::string> choices,
              const std::string& help);

  // A flag that does something else instead of what the program is for, and ends it, as --help does: nothing is
  // required then. It reads no environment variable. `run` gets the flag's text and returns the exit status.
  void Action(const std::string& name, const std::string& placeholder, const std::string& help,
              std::function<int(const std::string& text)> run);

  // The flag also reads this variable, after `<env_prefix><NAME>`: CEREBRAS_BASE_URL for "base-url".
  void AlsoEnvironment(const std::string& name, std::string variable);
  // Parsing fails when neither the flag nor its environment gives a value.
  void Require(const std::string& name);

  // Whether the flag or its environment gave a value. REQUIRES: parsed.
  bool Given(const std::string& name) const;

  // Reads `argv` and the environment, and fills the variables. Returns the process's exit status when it
  // should end now: 0 after --help or --version (printed on stdout), an action's, 2 after a mistake (printed on stderr).
  std::optional<int> ParseOrExit(int argc, const char* const* argv);

  // The same without a process: `args` without the program's name, and where the environment comes from.
  // InvalidArgument names the flag or, when the value came from there, the environment variable.
  using Environment = std::function<std::optional<std::string>(const std::string&)>;
  absl::Status Parse(const std::vector<std::string>& args, const Environment& environment);

  // What --help prints.
  std::string Help() const;

 private:
  struct State;
  struct Flag;
  using Setter = std::function<absl::Status(const std::vector<std::string>& texts)>;
  void Add(const std::string& name, const std::string& placeholder, const std::string& help,
           std::string default_text, Setter set);

  const std::unique_ptr<State> state_;
};

}  // namespace moa
