"""The units under a real systemd, in a container: installed with the commands of docs/deploy.md, checked by systemd's
own tools, and run: a job, a stop that drains, a crash.

usage: systemd_test.py FOLDER [TEST…]     FOLDER: where build_images.py has made the images
"""

import json
import os
import re
import sys
import unittest

from containers import Containers, inside, require_programs, shown_commands, wait_until

EXPOSURE_MAX = 25  # tenths, of 100: what systemd-analyze security calls OK
UNITS = ("moa-coordinator", "moa-worker", "moa-gateway", "moa-grader", "cerebras-sim")
PROGRAMS = UNITS[:4]
FOLDER = ""


class Systemd(unittest.TestCase):
    def setUp(self):
        self.containers = Containers(FOLDER)
        self.addCleanup(self.containers.close)
        self.containers.remove_all()
        # systemd makes namespaces and mounts for its services, and finds processes that are hidden from others.
        self.containers.podman("run", "--detach", "--name", "host", "--network", "none", "--systemd=always",
                               "--cap-add=SYS_ADMIN,SYS_PTRACE", "--security-opt=seccomp=unconfined",
                               "--security-opt=unmask=ALL", "--volume",
                               os.path.join(FOLDER, "context") + ":/source:ro", "moa-systemd")

        def state():
            return self.host("systemctl is-system-running || true", check=False).stdout.strip()
        wait_until("systemd is running", lambda: state() in ("running", "degraded"), explain=state)

    def host(self, script, check=True):
        return self.containers.podman("exec", "--workdir", "/source", "host", "bash", "-euo", "pipefail", "-c", script,
                                      check=check)

    def journal(self, unit):
        return self.host(f"journalctl --no-pager -o cat -u {unit}").stdout

    def property(self, unit, name):
        return self.host(f"systemctl show -P {name} {unit}").stdout.strip()

    def test_units_are_installed_run_drain_and_restart_as_the_document_says(self):
        self.assertEqual(self.host("systemctl is-system-running || true").stdout.strip(), "running")
        blocks = shown_commands("systemd")
        self.assertEqual(len(blocks), 4)
        self.host(blocks[0])
        self.check_units()
        for block in blocks[1:]:
            shown = self.host(block).stdout
        self.assertEqual(shown.count("[sim model="), 2, shown)  # by moactl, and by the gateway
        self.assertIn('"object":"chat.completion"', shown)
        self.assertEqual(shown.count("active (running)"), 4, shown)
        self.assertIn("120/120", shown)

        self.check_processes()
        self.check_who_grades()
        self.check_crash()
        self.check_drain()
        self.check_wrong_settings()

    def check_units(self):
        for unit in UNITS:
            # Unknown keys and bad values are said, and the status is 0 all the same.
            verified = self.host(f"systemd-analyze verify /etc/systemd/system/{unit}.service")
            self.assertEqual((verified.stdout, verified.stderr), ("", ""))
            security = self.host(f"systemd-analyze security --no-pager --offline=true --threshold={EXPOSURE_MAX} "
                                 f"/etc/systemd/system/{unit}.service", check=False)
            print(unit, security.stdout.strip().splitlines()[-1], file=sys.stderr)
            self.assertEqual(security.returncode, 0, security.stdout)

    def check_processes(self):
        users = {}
        for unit in UNITS:
            pid = self.property(unit, "MainPID")
            status = self.host(f"cat /proc/{pid}/status").stdout
            users[unit] = re.search(r"(?m)^Uid:\s+(\d+)", status).group(1)
            self.assertRegex(status, r"(?m)^CapEff:\s+0+$")
            self.assertRegex(status, r"(?m)^NoNewPrivs:\s+1$")
            self.assertRegex(status, r"(?m)^Seccomp:\s+2$")
        self.assertEqual(len(set(users.values()) | {"0"}), 6, users)
        for unit, file in (("moa-worker", "api.key"), ("moa-gateway", "gateway.tokens")):
            secret = self.host(f"cat /etc/moa/{file}").stdout.strip()
            self.assertGreater(len(secret), 10)
            pid = self.property(unit, "MainPID")
            for where in (f"tr '\\0' '\\n' </proc/{pid}/environ", f"tr '\\0' ' ' </proc/{pid}/cmdline",
                          f"systemctl show {unit}", "journalctl --no-pager"):
                self.assertNotIn(secret, self.host(where).stdout, where)
        self.assertEqual(self.host("stat -c '%U %a' /var/lib/moa /var/lib/moa/moa.db").stdout.split(),
                         ["moa-coordinator", "700", "moa-coordinator", "600"])

    def check_who_grades(self):
        """The grader, in all layers of its sandbox and without the key; not the worker, which has it."""
        print(re.search("info grading .*", self.journal("moa-grader"))[0], file=sys.stderr)
        self.assertRegex(self.journal("moa-grader"), r"seccomp, limits, Landlock \d+, namespaces")
        self.assertNotIn("grad", self.journal("moa-worker"))
        environment = self.host(f"tr '\\0' '\\n' </proc/{self.property('moa-grader', 'MainPID')}/environ").stdout
        self.assertIn("MOA_SLOTS=0\n", environment)
        self.assertNotRegex(environment, "API_KEY|CREDENTIALS")

    def submit(self, *arguments):
        return json.loads(self.host("moactl -o json submit --preset moa --prompt Why " + " ".join(arguments)).stdout)

    def asked(self, arguments):
        """The status of a request."""
        return self.host(f"curl -s -o /dev/null -w '%{{http_code}}' {arguments} || true").stdout

    def check_crash(self):
        for unit in PROGRAMS:
            before = self.property(unit, "MainPID")
            self.host(f"systemctl kill -s KILL {unit}")
            wait_until(f"{unit} is started again", lambda unit=unit, before=before: self.property(
                unit, "ActiveState") == "active" and self.property(unit, "MainPID") not in ("0", before))
            self.assertEqual(self.property(unit, "NRestarts"), "1")
        wait_until("the coordinator serves", lambda: self.host("moactl health", check=False).returncode == 0)
        self.assertEqual(self.submit("--wait")["state"], "SUCCEEDED")
        wait_until("the gateway serves", lambda: self.asked("127.0.0.1:9466/readyz") == "200")
        self.assertEqual(self.asked("127.0.0.1:8080/v1/models"), "401")
        self.assertEqual(self.asked("-H \"Authorization: Bearer $(cat /etc/moa/gateway.tokens)\" "
                                    "127.0.0.1:8080/v1/models"), "200")

    def check_drain(self):
        jobs = [self.submit()["job_id"] for _ in range(4)]
        for unit in ("moa-worker", "moa-coordinator", "moa-gateway", "moa-grader"):
            self.host(f"systemctl stop {unit}")
            self.assertEqual(self.property(unit, "Result"), "success", self.journal(unit))
            self.assertEqual(self.property(unit, "ExecMainStatus"), "0", self.journal(unit))
            self.assertRegex(self.journal(unit), r"info drained\b")
        self.host("systemctl start moa-coordinator moa-worker")
        wait_until("the coordinator serves", lambda: self.host("moactl health", check=False).returncode == 0)

        def unfinished():
            return [job for job in jobs if '"state":"SUCCEEDED"' not in self.host(f"moactl -o json get {job}").stdout]
        wait_until("all jobs have succeeded", lambda: not unfinished(), explain=lambda: str(unfinished()))

    def check_wrong_settings(self):
        self.host("systemctl stop moa-worker; echo MOA_SLOTS=none >>/etc/moa/worker.env")
        self.host("systemctl start moa-worker", check=False)
        wait_until("the worker has given up", lambda: self.property("moa-worker", "ActiveState") == "failed",
                   explain=lambda: self.journal("moa-worker"))
        self.assertEqual(self.property("moa-worker", "ExecMainStatus"), "2")
        self.assertEqual(self.property("moa-worker", "NRestarts"), "0")


if __name__ == "__main__":
    FOLDER = os.path.abspath(sys.argv[1])
    require_programs("podman", "runc", "unshare", "ip", "iptables", "catatonit")
    inside(FOLDER)
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
