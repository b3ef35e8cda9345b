"""The compose file: valid for docker-compose, and brought up, scaled and taken down by podman with the commands of
docs/deploy.md. PostgreSQL and Prometheus are Debian's, Grafana is left out.

usage: compose_test.py FOLDER [TEST…]     FOLDER: where build_images.py has made the images
"""

import json
import os
import re
import shutil
import sys
import unittest
import urllib.error
import urllib.request

import yaml

from containers import ROOT, Containers, inside, require_programs, shown_commands, wait_until

FOLDER = ""
OTHERS = {"moa-grader": 1, "moa-gateway": 1, "cerebras-sim": 1}  # what Prometheus scrapes besides


def read(*path):
    with open(os.path.join(ROOT, "deploy", *path), encoding="utf-8") as file:
        return file.read()


class Files(unittest.TestCase):
    def test_datasource_is_the_shipped_one_at_another_address(self):
        def settings(text):
            return re.sub(r"\s*#.*", "", text)
        shipped = settings(read("monitoring", "grafana", "provisioning", "datasources", "moa.yaml"))
        self.assertEqual(settings(read("compose", "datasource.yaml")).strip(),
                         shipped.replace("127.0.0.1:9090", "prometheus:9090").strip())

    def test_prometheus_has_the_shipped_rules_and_pace(self):
        shipped, ours = read("monitoring", "prometheus", "prometheus.yml"), read("compose", "prometheus.yml")
        for pattern in (r"(?m)^  (\w+_interval: \w+)", r"(?m)^  - (rules/\S+)", r"job_name: (\S+)"):
            self.assertEqual(re.findall(pattern, ours), re.findall(pattern, shipped))


class Compose(unittest.TestCase):
    def setUp(self):
        self.containers = Containers(FOLDER)
        self.addCleanup(self.containers.close)
        self.containers.remove_all()
        # A repository of its own: .env is written into it.
        self.tree = os.path.join(FOLDER, "compose-tree")
        shutil.rmtree(self.tree, ignore_errors=True)
        shutil.copytree(os.path.join(FOLDER, "context"), self.tree, symlinks=True)
        self.folder = os.path.join(self.tree, "deploy", "compose")
        prometheus = os.path.join(self.folder, "prometheus.yml")
        with open(prometheus, encoding="utf-8") as file:
            text = file.read().replace("15s", "1s")
        with open(prometheus, "w", encoding="utf-8") as file:
            file.write(text)
        with open(os.path.join(FOLDER, "build-arguments"), encoding="utf-8") as file:
            self.containers.environment["MOA_BUILD_ARGUMENTS"] = file.read()
        self.containers.environment["PATH"] = os.path.dirname(os.path.abspath(__file__)) + ":" + os.environ["PATH"]

    def shell(self, script, **options):
        return self.containers.run("bash", "-euo", "pipefail", "-c", script, cwd=self.tree, **options)

    def moactl(self, *arguments):
        return self.containers.run("./moactl", "-o", "json", *arguments, cwd=self.folder, check=False)

    def services(self):
        """{service: its running containers, as podman inspects them}"""
        found = {}
        for name in self.containers.podman("ps", "--format", "{{.Names}}").stdout.split():
            container = self.containers.inspect("container", name)
            found.setdefault(container["Config"]["Labels"]["com.docker.compose.service"], []).append(container)
        return found

    def wait_for_targets(self, expected):
        """Prometheus scrapes so many of each job, and has the rules."""
        def api(path):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:9090/api/v1/{path}", timeout=10) as reply:
                    return json.load(reply)["data"]
            except (OSError, urllib.error.HTTPError):
                return None

        def up():
            targets = (api("targets") or {"activeTargets": []})["activeTargets"]
            jobs = [target["labels"]["job"] for target in targets if target["health"] == "up"]
            return {job: jobs.count(job) for job in jobs}
        wait_until(f"Prometheus scrapes {expected}", lambda: up() == expected, explain=lambda: str(up()))
        self.assertGreater(len(api("rules")["groups"]), 3)

    def wait_for_workers(self, count):
        wait_until(f"{count} workers are connected",
                   lambda: self.moactl("workers").stdout.count('"worker_id"') == count,
                   explain=lambda: str(self.moactl("workers")))

    def test_cluster_starts_runs_jobs_scales_and_keeps_its_jobs(self):
        up, scale, down = shown_commands("Compose")
        shown = self.shell(up).stdout
        self.assertEqual(shown.count("[sim model="), 3, shown)
        self.assertIn("120/120", shown)
        self.shell("cd deploy/compose && docker-compose config -q")

        services = self.services()
        self.assertEqual({name: len(containers) for name, containers in services.items()},
                         {"postgres": 1, "simulator": 1, "coordinator": 2, "worker": 2, "grader": 1, "gateway": 1,
                          "prometheus": 1})
        self.check_contained(services)
        self.check_grader(services)
        self.wait_for_workers(3)  # one of them grades
        self.wait_for_targets({"moa-coordinator": 2, "moa-worker": 2, **OTHERS})

        self.shell(scale)
        self.wait_for_workers(4)
        self.wait_for_targets({"moa-coordinator": 2, "moa-worker": 3, **OTHERS})

        self.shell(down)
        self.assertEqual(self.services(), {})
        self.shell("cd deploy/compose && docker compose up -d && until ./moactl health; do sleep 1; done")
        counts = json.loads(self.moactl("count").stdout)
        self.assertEqual(counts["SUCCEEDED"], 4, counts)  # one of them graded
        self.shell(down)

    def check_contained(self, services):
        for name, containers in services.items():
            for container in containers:
                host = container["HostConfig"]
                self.assertTrue(host["ReadonlyRootfs"], name)
                self.assertEqual(container["EffectiveCaps"] or [], [], name)
                self.assertTrue([option for option in host["SecurityOpt"] if "no-new-privileges" in option], name)
                self.assertEqual(host["RestartPolicy"]["Name"], "unless-stopped", name)
                self.assertNotIn(container["Config"]["User"].split(":")[0], ("", "0", "root"), name)
                # A port that is exposed and not published has no bindings.
                published = [binding["HostIp"] for bindings in (host["PortBindings"] or {}).values()
                             for binding in bindings or []]
                self.assertLessEqual(set(published), {"127.0.0.1"}, name)
        # The key is in no environment.
        environments = json.dumps([container["Config"] for containers in services.values() for container in containers])
        self.assertNotIn("any-key-will-do", environments)

    def check_grader(self, services):
        """No secret, bounds, and nobody within reach but coordinators and Prometheus."""
        grader, = services["grader"]
        host = grader["HostConfig"]
        self.assertEqual(grader["Mounts"], [])
        self.assertEqual((host["Memory"], host["CpuQuota"] / host["CpuPeriod"]), (768 << 20, 2))
        # podman-compose passes no number of processes on.
        settings = yaml.safe_load(self.shell("cd deploy/compose && docker-compose config").stdout)["services"]["grader"]
        self.assertEqual(settings["pids_limit"], 256)
        self.assertNotIn("secrets", settings)
        reached = []
        for network in sorted(grader["NetworkSettings"]["Networks"]):
            self.assertTrue(json.loads(self.containers.podman("network", "inspect", network).stdout)[0]["internal"])
            reached.append({name for name, containers in services.items() for container in containers
                            if network in container["NetworkSettings"]["Networks"]})
        self.assertEqual(reached, [{"grader", "coordinator"}, {"grader", "prometheus"}])
        # The ordinary worker's image has no interpreter.
        for worker in services["worker"]:
            self.assertIn("does not grade", self.containers.logs(worker["Name"]))


if __name__ == "__main__":
    FOLDER = os.path.abspath(sys.argv[1])
    require_programs("podman", "podman-compose", "docker-compose", "runc", "unshare", "ip", "iptables", "catatonit")
    inside(FOLDER)
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
