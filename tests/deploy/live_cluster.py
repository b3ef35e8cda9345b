"""A cluster of the real programs on loopback, watched by a real Prometheus: two coordinators on a PostgreSQL server,
two workers, a gateway, the simulator. Every port is the kernel's choice, every wait has a bound, and every program is a
child that the kernel ends should this process die.
"""

import calendar
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MONITORING = os.path.join(ROOT, "deploy", "monitoring")
PATIENCE_SECONDS = 60  # however slow the machine is; what is right never takes so long
# Where prometheus.yml scrapes each job.
SCRAPED = {"moa-coordinator": 9464, "moa-worker": 9465, "moa-grader": 9467, "moa-gateway": 9466, "cerebras-sim": 8181}
# What an agent's prompt says, to what the simulator does with the call.
FAULTS = ("status=400,prompt=PLEASE-REFUSE", "status=503,prompt=PLEASE-BREAK,model=qwen-3.8-27b",
          "slow=30s,prompt=PLEASE-WAIT")


def require_programs():
    """Ends the test with what to install, rather than leaving anything out."""
    missing = [package for program, package in (("prometheus", "prometheus"), ("promtool", "prometheus"),
                                                ("amtool", "prometheus-alertmanager"), ("setpriv", "util-linux"))
               if shutil.which(program) is None]
    if postgres_folder() is None:
        missing.append("postgresql")
    if missing:
        raise SystemExit(f"missing here: apt-get install {' '.join(sorted(set(missing)))} (or ./dev install-deps)")


def postgres_folder():
    base = "/usr/lib/postgresql"
    versions = sorted(os.listdir(base),
                      key=lambda v: [int(n) for n in re.findall(r"\d+", v)]) if os.path.isdir(base) else []
    for version in reversed(versions):
        folder = os.path.join(base, version, "bin")
        if os.access(os.path.join(folder, "postgres"), os.X_OK):
            return folder
    return None


def wait_until(what, condition, seconds=PATIENCE_SECONDS):
    """The first true value of `condition`; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


def http_get(url):
    with urllib.request.urlopen(url, timeout=10) as reply:
        return reply.read().decode()


class LiveCluster:
    """Owner: the test, which calls close() whatever happens."""

    def __init__(self, bin_dir):
        self.bin_dir = bin_dir
        self.folder = tempfile.mkdtemp(prefix="moa-deploy-")
        self.postgres = None
        self.processes = []  # (name, Popen), in the order of their start
        self.metrics = {}    # scrape job -> addresses
        self.coordinator = ""
        self.gateway = ""
        self.upstream = ""
        self.prometheus = ""
        self.alertmanager = ""  # where Prometheus sends alerts, if anywhere

    def path(self, name):
        return os.path.join(self.folder, name)

    def log(self, name):
        with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    # Programs.

    def start(self, name, program, *arguments, user=(), environment=None):
        if "/" not in program:
            program = os.path.join(self.bin_dir, program)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("CEREBRAS_", "MOA_"))}
        with open(self.path(name + ".log"), "wb") as log:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *user, "--", program,
                 *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, cwd="/", env={**inherited, **(environment or {})})
        self.processes.append((name, process))
        return process

    def address(self, name, pattern):
        """Waits for what `pattern` finds in the program's log."""
        process = dict(self.processes)[name]

        def found():
            match = re.search(pattern, self.log(name), re.M)
            if match is None and process.poll() is not None:
                raise AssertionError(f"{name} ended with {process.returncode}:\n{self.log(name)[-2000:]}")
            return match and match.group(1)
        return wait_until(f"{name} says {pattern}", found)

    def start_postgres(self):
        programs = postgres_folder()
        # Its user has to be able to enter the folder.
        self.postgres = tempfile.mkdtemp(prefix="moa-postgres.", dir="/tmp")
        user = ()
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self.postgres, account.pw_uid, account.pw_gid)
            user = (f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups")
        data = os.path.join(self.postgres, "data")
        initdb = [os.path.join(programs, "initdb"), "-D", data, "-U", "moa", "-A", "trust", "-E", "UTF8",
                  "--locale=C.UTF-8", "--no-sync"]
        made = subprocess.run(["setpriv", *user, "--", *initdb], cwd="/", capture_output=True, text=True,
                              timeout=PATIENCE_SECONDS)
        if made.returncode != 0:
            raise AssertionError(f"initdb: {made.stderr}")
        self.start("postgres", os.path.join(programs, "postgres"), "-D", data, "-k", self.postgres, "-c",
                   "listen_addresses=", user=user)
        ready = [os.path.join(programs, "pg_isready"), "-q", "-h", self.postgres]
        wait_until("PostgreSQL is ready", lambda: subprocess.run(ready, timeout=10).returncode == 0)
        return f"postgres://moa@/postgres?host={self.postgres}"

    def start_all(self):
        faults = [argument for fault in FAULTS for argument in ("--fault", fault)]
        self.start("simulator", "cerebras-sim", "--listen", "127.0.0.1:0", "--time-scale", "0.3", "--reply-tokens",
                   "40-80", *faults)
        store = self.start_postgres()
        self.upstream = "http://" + self.address("simulator", r"^http listening on (\S+)")
        coordinators = ("coordinator-1", "coordinator-2")
        for name in coordinators:
            self.start(name, "moa-coordinator", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0",
                       "--store", store)
            self.address(name, r"^grpc listening on (\S+)")  # one after the other: the first makes the tables
        self.coordinator = ",".join(self.address(name, r"^grpc listening on (\S+)") for name in coordinators)
        workers = ("worker-1", "worker-2")
        for name in workers:
            self.start_worker(name)
        self.start("grader", "moa-worker", "--coordinator", self.coordinator, "--slots", "0", "--grading-slots", "2",
                   "--metrics-listen", "127.0.0.1:0")
        self.start("gateway", "moa-gateway", "--coordinator", self.coordinator, "--listen", "127.0.0.1:0",
                   "--metrics-listen", "127.0.0.1:0")
        self.gateway = self.address("gateway", r"^http listening on (\S+)")
        self.metrics["cerebras-sim"] = [self.upstream.removeprefix("http://")]
        for job, names in (("moa-coordinator", coordinators), ("moa-worker", workers), ("moa-grader", ("grader",)),
                           ("moa-gateway", ("gateway",))):
            self.metrics[job] = [self.address(name, r"^metrics listening on (\S+)") for name in names]
        wait_until("both workers are connected to both coordinators", lambda: all(
            re.search(r"^moa_workers 2$", http_get(f"http://{address}/metrics"),
                      re.M) for address in self.metrics["moa-coordinator"]))

    def start_worker(self, name):
        self.start(name, "moa-worker", "--coordinator", self.coordinator, "--base-url", self.upstream, "--slots", "8",
                   "--grading-slots", "0", "--metrics-listen", "127.0.0.1:0",
                   environment={"CEREBRAS_API_KEY": "any-key-will-do"})

    def kill(self, name):
        """Ends a program without a word; close() does not miss it."""
        process = dict(self.processes)[name]
        process.kill()
        process.wait(PATIENCE_SECONDS)
        self.processes.remove((name, process))

    def close(self):
        """Stops everything, the clients of a program before it. Returns what did not end well."""
        failures = []
        for name, process in reversed(self.processes):
            alive = process.poll() is None
            # PostgreSQL's fast shutdown is SIGINT; it waits for clients on SIGTERM.
            if alive:
                process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
                try:
                    process.wait(PATIENCE_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(5)
            if not alive or process.returncode != 0:
                how = "" if alive else " by itself"
                failures.append(f"{name} ended with {process.returncode}{how}:\n{self.log(name)[-1500:]}")
        self.processes = []
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.postgres:
            shutil.rmtree(self.postgres, ignore_errors=True)
        return failures

    # Jobs.

    def moactl_command(self, *arguments):
        return [os.path.join(self.bin_dir, "moactl"), "--coordinator", self.coordinator, "-o", "json", *arguments]

    def moactl(self, *arguments):
        return subprocess.run(self.moactl_command(*arguments), capture_output=True, text=True,
                              timeout=PATIENCE_SECONDS, cwd="/")

    def submit(self, text, *arguments):
        """Begins `moactl submit` with the job `text`."""
        file = self.path(f"job-{len(os.listdir(self.folder))}.yaml")
        with open(file, "w", encoding="utf-8") as out:
            out.write(text)
        return subprocess.Popen(self.moactl_command("submit", "-f", file, *arguments), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")

    def ended(self, submission):
        """The job as `submit --wait` printed it."""
        out, errors = submission.communicate(timeout=PATIENCE_SECONDS)
        if submission.returncode not in (0, 1) or not out:
            raise AssertionError(f"moactl submit: {submission.returncode} {errors}")
        return json.loads(out)

    # Prometheus.

    def start_prometheus(self, at_once=()):
        """The shipped configuration and rules; only the targets and the pace are the test's. The alerts named in
        `at_once` fire as soon as they are true."""
        with open(os.path.join(MONITORING, "prometheus", "prometheus.yml"), encoding="utf-8") as file:
            config = file.read()
        changes = [("scrape_interval: 15s", "scrape_interval: 1s"),
                   ("evaluation_interval: 15s", "evaluation_interval: 1s"),
                   *((f'["127.0.0.1:{port}"]', json.dumps(self.metrics[job])) for job, port in SCRAPED.items()),
                   ('["127.0.0.1:9093"]', json.dumps([self.alertmanager] if self.alertmanager else []))]
        for old, new in changes:
            if config.count(old) != 1:
                raise AssertionError(f"prometheus.yml has {old!r} {config.count(old)} times")
            config = config.replace(old, new)
        shutil.copytree(os.path.join(MONITORING, "prometheus", "rules"), self.path("rules"))
        for alert in at_once:
            self.hurry(alert)
        with open(self.path("prometheus.yml"), "w", encoding="utf-8") as file:
            file.write(config)
        self.start("prometheus", shutil.which("prometheus"), "--config.file=" + self.path("prometheus.yml"),
                   "--storage.tsdb.path=" + self.path("tsdb"), "--web.listen-address=127.0.0.1:0")
        self.prometheus = "http://" + self.address("prometheus", r'msg="Listening on" address=(\S+)')

        def ready():  # it listens a moment before it answers
            try:
                return http_get(self.prometheus + "/-/ready")
            except urllib.error.HTTPError:
                return None
        wait_until("Prometheus is ready", ready)

    def hurry(self, alert):
        with open(self.path("rules/alerts.yml"), encoding="utf-8") as file:
            text = file.read()
        text, changes = re.subn(rf"(- alert: {alert}\n(?: {{8}}.*\n)*?) {{8}}for: .*\n", r"\1", text)
        if changes != 1:
            raise AssertionError(f"alerts.yml: {changes} waits of {alert}")
        with open(self.path("rules/alerts.yml"), "w", encoding="utf-8") as file:
            file.write(text)

    def api(self, path, **parameters):
        """The `data` of an answer of Prometheus's API; AssertionError with its words when it is an error."""
        url = f"{self.prometheus}/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
        try:
            return json.loads(http_get(url))["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error

    def query(self, expr):
        return self.api("query", query=expr)

    def wait_for_scrapes(self, more):
        """Until every target has been scraped so many times more, and the rules have been evaluated after that."""
        targets = sum(map(len, self.metrics.values()))

        def scrapes():
            result = self.query(f"min(count_over_time(up[10m])) and on () (count(up == 1) == {targets})")["result"]
            return float(result[0]["value"][1]) if result else 0
        before = scrapes()
        wait_until(f"{more} scrapes of all {targets} targets", lambda: scrapes() >= before + more)
        since = time.time()

        def evaluated():
            groups = self.api("rules")["groups"]
            return groups and all(seconds_of(group["lastEvaluation"]) > since for group in groups)
        wait_until("the rules are evaluated", evaluated)


def seconds_of(text):
    """RFC 3339 with nanoseconds, as Prometheus writes it, since the epoch."""
    moment, fraction, zone = re.fullmatch(r"(.{19})(\.\d+)?(Z|[+-]\d\d:\d\d)", text).groups()
    offset = 0 if zone == "Z" else int(zone[0] + "1") * (int(zone[1:3]) * 3600 + int(zone[4:6]) * 60)
    return calendar.timegm(time.strptime(moment, "%Y-%m-%dT%H:%M:%S")) - offset + float(fraction or 0)
