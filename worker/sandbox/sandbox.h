#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/grading/evaluation.h"

namespace moa::sandbox {

struct Options {
  // A CPython 3. It and its standard library are all that a candidate can read of the host.
  std::string interpreter = "/usr/bin/python3";

  // The module's load and all calls together; also the bound of the sandbox's own start. Keeps an endless loop from
  // holding a thread.
  absl::Duration time_max = absl::Seconds(10);

  // The process's address space, interpreter included: it starts with about 16 MiB. Keeps a candidate from taking the
  // worker's memory.
  int64_t memory_bytes_max = int64_t{256} << 20;

  // All values, arguments and errors of a run together. What is printed counts nowhere: it is thrown away.
  size_t output_bytes_max = size_t{1} << 20;

  // Source, name and arguments of a request together; beyond it Run refuses.
  size_t request_bytes_max = size_t{4} << 20;

  // False: do without namespaces even where the system permits them. For tests and for systems that count them.
  bool use_namespaces = true;
};

// Ends runs before their time, from any thread. Thread-safe; outlives the runs that borrow it.
class Cancellation {
 public:
  Cancellation();
  ~Cancellation();
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  void Cancel();
  int fd() const { return fd_; }  // readable once cancelled; -1: the system had none to spare

 private:
  int fd_;
};

// Runs programs that nobody has read, and returns what their functions return.
//
//   MOA_ASSIGN_OR_RETURN(auto sandbox, Sandbox::Open({}));
//   MOA_ASSIGN_OR_RETURN(Evaluation seen, sandbox->Run({source, "f", {{"[1, 2]"}}}));
//
// Each Run is one fresh process that imports the source as module `candidate` and makes the calls one after another:
// what a call leaves in the module, the next one finds. MemoryError, SystemExit, KeyboardInterrupt, GeneratorExit,
// SystemError (CPython 3.11's word for memory that ends in a recursion) and any end of the process are kKilled and end
// the run; RecursionError is raised like others. JSON as in
// evaluation.h; also: a tuple reads as an array; defaultdict and OrderedDict read as objects, any other subclass as
// another type; keys that are no text are left out, and "$others"
// says how many there were; an int of more than 1,000 bits is
// {"$type": "int"}; lone surrogates read as '?'.
//
// What a candidate cannot do, and which layer keeps it from it, from the outside in:
//
//   promise                        seccomp   Landlock   rlimits   namespaces
//   no network                     x                              net
//   no processes, no threads       x                    NPROC
//   signals, tracing, other memory x                              pid
//   reads the interpreter only               x                    user + mount
//   writes no file                 x         x          FSIZE     user + mount (all is read-only)
//   time                                                CPU       (and SIGKILL at the deadline)
//   memory                                              AS
//   output                                                        (the reader stops)
//   no privileges                  no_new_privs, no capabilities, a clean environment, descriptors 0 to 3
//
// Namespaces come on top where the system permits them: a second wall for files, network and processes. Without them
// seccomp, Landlock and the limits keep every promise alone, and this is lost: the names, sizes and times of the
// host's files can be seen (stat; never their contents). Without Landlock the private root keeps
// the files, and the folders of the interpreter's shared libraries can be read as a whole. Without both Open fails.
// Neither wants privileges, and a candidate never has any: one of a root worker runs as nobody, since no limit on processes
// would hold for root. One process is all there
// is, so that its end is the end of everything a candidate started.
//
// The candidate shares its process with the runner and can forge what the runner says: wrong values and errors for
// its calls, nothing else. It can tell the time of day and see the later calls' arguments.
//
// Owned by the caller. Thread-safe; concurrent Runs are bounded by the caller, each takes up to memory_bytes_max and
// a core. The program may neither ignore SIGCHLD nor wait for children that it did not start.
class Sandbox {
 public:
  // Checks the interpreter and what the system permits by running a small program. Blocks.
  // kInvalidArgument: limits that are none. kFailedPrecondition: the interpreter or the system lacks something, the
  // message says what. kUnavailable: the system is short of processes or descriptors; worth a retry.
  static absl::StatusOr<std::unique_ptr<Sandbox>> Open(const Options& options);
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  // Blocks until all calls are answered, a call ended the run, or time_max is over. What the candidate does is in the
  // Evaluation; an error is never its fault. kInvalidArgument: the request is too large. kUnavailable as in Open,
  // worth a retry; kFailedPrecondition: the system no longer permits what it did at Open. kCancelled: `cancellation`, which
  // may be null, has ended it.
  absl::StatusOr<Evaluation> Run(const EvaluationRequest& request,
                                 const Cancellation* cancellation = nullptr) const;

  // The layers that are in force, for people: "seccomp, limits, Landlock 7, namespaces".
  std::string Layers() const;
  bool has_namespaces() const;
  int landlock_version() const;  // 0: without

 private:
  struct State;
  explicit Sandbox(std::unique_ptr<State> state);

  const std::unique_ptr<State> state_;  // constant after Open
};

}  // namespace moa::sandbox
