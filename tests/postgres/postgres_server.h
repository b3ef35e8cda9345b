#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace moa {

// A PostgreSQL server of Debian's package in a folder of its own, reached by a socket there: no port, nothing shared
// with another server of the machine. Under root it runs as user postgres, for whom the package makes one. Ends with
// this object, or with the process. Not thread-safe.
class PostgresServer {
 public:
  PostgresServer();
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // The address of a new, empty database.
  std::string NewDatabase();
  std::string Url(const std::string& database) const;

  void Start(const std::vector<std::string>& settings = {});
  // As an operator does: connections are ended. Blocks.
  void Stop();
  // As a crash of the machine: nothing is said to anybody.
  void Kill();

  // Runs SQL in the database "postgres".
  void Execute(const std::string& sql);
  // Ends every connection to `database`, at once.
  void EndConnections(const std::string& database);

 private:
  void Signal(int signal);

  const std::string folder_;
  int databases_ = 0;
  pid_t pid_ = -1;
};

}  // namespace moa
