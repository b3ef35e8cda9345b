#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace moa {

// A PostgreSQL server of Debian's package in a folder of its own, reached by a socket there: no port unless it is asked
// for, nothing shared with another server of the machine. Under root it runs as user postgres, for whom the package
// makes one. Ends with this object, or with the process. Not thread-safe.
class PostgresServer {
 public:
  struct Options {
    std::string host;               // an IPv4 address to listen on as well; empty: none
    int port = 5432;                // there
    std::string clients = host;     // who may connect there: an address or a network, 10.0.0.0/8
    std::string network_namespace;  // path of one to run in; empty: this process's
    std::vector<std::string> settings;  // NAME=VALUE, after those of a server for tests (fsync=off)
  };

  PostgresServer() : PostgresServer(Options()) {}
  explicit PostgresServer(Options options);
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // The address of a new, empty database. `tablespace`: an empty folder for it, of any user's, which then is the
  // server's; empty: with the rest.
  std::string NewDatabase(const std::string& tablespace = "");
  std::string Url(const std::string& database) const;

  void Start(const std::vector<std::string>& settings = {});
  // False once it has ended by itself; it can then be started again.
  bool Running();
  // No new connections; ends when the last one has. Does not wait: Stop or Kill does.
  void RefuseConnections();
  // As an operator does: connections are ended. Blocks.
  void Stop();
  // As a crash of the machine: nothing is said to anybody.
  void Kill();

  // Runs SQL in the database "postgres".
  void Execute(const std::string& sql);
  // The same where it may fail, as while a disk is full; false then.
  bool TryExecute(const std::string& sql);
  // Ends every connection to `database`, at once.
  void EndConnections(const std::string& database);

 private:
  void Signal(int signal);

  const Options options_;
  const std::string folder_;
  int databases_ = 0;
  pid_t pid_ = -1;
};

}  // namespace moa
