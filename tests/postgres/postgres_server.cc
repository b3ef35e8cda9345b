#include "tests/postgres/postgres_server.h"

#include <fcntl.h>
#include <glob.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace moa {
namespace {

// The newest server's folder of programs.
std::string Programs() {
  glob_t found = {};
  const int status = glob("/usr/lib/postgresql/*/bin", 0, nullptr, &found);
  MOA_CHECK(status == 0 && found.gl_pathc > 0);
  std::string path = found.gl_pathv[found.gl_pathc - 1];
  globfree(&found);
  return path;
}

// The server refuses to run as root.
const passwd* Unprivileged() {
  if (geteuid() != 0) return nullptr;
  const passwd* user = getpwnam("postgres");
  MOA_CHECK(user != nullptr);
  return user;
}

std::string NewFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "moa-postgres-XXXXXX").string();
  MOA_CHECK(mkdtemp(name.data()) != nullptr);
  const passwd* user = Unprivileged();
  MOA_CHECK(user == nullptr || chown(name.c_str(), user->pw_uid, user->pw_gid) == 0);
  return name;
}

// Not by fork: other threads may be running. setpriv is in every Debian; it becomes the program.
pid_t Spawn(const std::string& program, const std::vector<std::string>& args,
            const std::string& folder, const std::string& network_namespace = "") {
  std::vector<std::string> words;
  if (!network_namespace.empty()) {
    words = {"/usr/bin/nsenter", absl::StrCat("--net=", network_namespace)};
  }
  words.insert(words.end(), {"/usr/bin/setpriv", "--pdeathsig=QUIT"});
  if (Unprivileged() != nullptr) {
    words.insert(words.end(), {"--reuid=postgres", "--regid=postgres", "--clear-groups"});
  }
  words.push_back(program);
  words.insert(words.end(), args.begin(), args.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  const std::string log = absl::StrCat(folder, "/log");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  pid_t pid = -1;
  MOA_CHECK(posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

}  // namespace

PostgresServer::PostgresServer(Options options)
    : options_(std::move(options)), folder_(NewFolder()) {
  const pid_t initdb = Spawn(Programs() + "/initdb",
                             {"-D", folder_ + "/data", "-U", "moa", "-A", "trust", "--no-sync",
                              "-E", "UTF8", "--locale=C.UTF-8"},
                             folder_);
  int status = 0;
  MOA_CHECK(waitpid(initdb, &status, 0) == initdb && status == 0);
  if (!options_.host.empty()) {
    const std::string clients = absl::StrCat(
        options_.clients, options_.clients.find('/') == std::string::npos ? "/32" : "");
    std::ofstream(folder_ + "/data/pg_hba.conf", std::ios::app)
        << "host all all " << clients << " trust\n";
  }
  Start();
}

PostgresServer::~PostgresServer() {
  if (pid_ > 0) Kill();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void PostgresServer::Start(const std::vector<std::string>& settings) {
  MOA_CHECK(pid_ < 0);
  std::vector<std::string> args = {"-D", folder_ + "/data", "-k", folder_};
  std::vector<std::string> all = {absl::StrCat("listen_addresses=", options_.host),
                                  absl::StrCat("port=", options_.port),
                                  "max_connections=40",
                                  "shared_buffers=16MB",
                                  "fsync=off",
                                  "full_page_writes=off"};
  all.insert(all.end(), options_.settings.begin(), options_.settings.end());
  all.insert(all.end(), settings.begin(), settings.end());
  for (const std::string& setting : all) args.insert(args.end(), {"-c", setting});
  pid_ = Spawn(Programs() + "/postgres", args, folder_, options_.network_namespace);
  const std::string url = Url("postgres");
  for (int tries = 0; PQping(url.c_str()) != PQPING_OK; ++tries) {
    MOA_CHECK(tries < 3000);
    usleep(10'000);
  }
}

bool PostgresServer::Running() {
  if (pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
  return pid_ > 0;
}

void PostgresServer::RefuseConnections() {
  MOA_CHECK(pid_ > 0);
  kill(pid_, SIGTERM);
}

void PostgresServer::Stop() { Signal(SIGINT); }
void PostgresServer::Kill() { Signal(SIGQUIT); }

void PostgresServer::Signal(int signal) {
  MOA_CHECK(pid_ > 0);
  kill(pid_, signal);
  int status = 0;
  MOA_CHECK(waitpid(pid_, &status, 0) == pid_);
  pid_ = -1;
}

std::string PostgresServer::Url(const std::string& database) const {
  return absl::StrCat("postgresql://moa@/", database, "?host=", folder_, "&port=", options_.port);
}

std::string PostgresServer::NewDatabase(const std::string& tablespace) {
  const std::string name = absl::StrCat("jobs", ++databases_);
  std::string where;
  if (!tablespace.empty()) {
    const passwd* user = Unprivileged();
    MOA_CHECK(user == nullptr || chown(tablespace.c_str(), user->pw_uid, user->pw_gid) == 0);
    Execute(absl::StrCat("CREATE TABLESPACE space_of_", name, " LOCATION '", tablespace, "'"));
    where = absl::StrCat(" TABLESPACE space_of_", name);
  }
  Execute(absl::StrCat("CREATE DATABASE ", name, where));
  return Url(name);
}

void PostgresServer::Execute(const std::string& sql) { MOA_CHECK(TryExecute(sql)); }

bool PostgresServer::TryExecute(const std::string& sql) {
  PGconn* connection = PQconnectdb(Url("postgres").c_str());
  PGresult* result = PQexec(connection, sql.c_str());
  const ExecStatusType status = PQresultStatus(result);
  PQclear(result);
  PQfinish(connection);
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

void PostgresServer::EndConnections(const std::string& database) {
  Execute(absl::StrCat("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '",
                       database, "'"));
}

}  // namespace moa
