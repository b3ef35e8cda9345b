"""The rendered pods run: the real programs take every command, variable and file of the manifests, their probes say
what they should, a job goes through, SIGTERM drains.

usage: pods_test.py BIN_DIR
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import unittest

from certificates import make_secrets
from document import blocks, commands
from live_cluster import PATIENCE_SECONDS, require_programs, wait_until
from manifests import BUILDS, ROOT, name_of, pod_template, rendered
from pods import Pods

BIN_DIR = ""
TOKENS = {"tokens": "a-token-in-a-file\nand-another\n"}
# Of the variables that are no flags.
OTHERS = {"POD_NAME", "POD_NAMESPACE", "CEREBRAS_API_KEY", "MOA_COORDINATOR"}


def help_of(program, *command):
    done = subprocess.run([os.path.join(BIN_DIR, program), *command, "--help"], capture_output=True, text=True,
                          timeout=PATIENCE_SECONDS)
    if done.returncode != 0:
        raise AssertionError(f"{program} --help: {done.stderr}")
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", done.stdout))


class Flags(unittest.TestCase):
    def test_every_flag_and_variable_is_one_of_the_program(self):
        flags = {program: help_of(program) for program in
                 ("moa-coordinator", "moa-worker", "moa-gateway", "cerebras-sim")}
        flags["moactl"] = help_of("moactl") | help_of("moactl", "submit")
        seen = set()
        for build in BUILDS:
            for item in filter(pod_template, rendered(build)):
                for container in pod_template(item)["spec"]["containers"]:
                    program = os.path.basename(container["command"][0])
                    for flag in self.flags_of(container, program):
                        self.assertIn(flag, flags[program], f"{build}: {name_of(item)}")
                        seen.add((program, flag))
        self.assertGreater(len(seen), 25)
        self.assertNotIn("--no-such-flag", flags["moa-worker"])

    def flags_of(self, container, program):
        prefix = "CEREBRAS_SIM_" if program == "cerebras-sim" else "MOA_"
        for variable in container.get("env", []):
            if variable["name"] not in OTHERS:
                self.assertTrue(variable["name"].startswith(prefix), variable)
                yield "--" + variable["name"].removeprefix(prefix).lower().replace("_", "-")
        probes = [container[kind]["exec"]["command"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")
                  if "exec" in container.get(kind, {})]
        commands = [container["command"], container.get("args", []), *probes]
        for word in [word for command in commands for word in command]:
            if word.startswith("--"):
                yield word.split("=")[0]


class Configuration(unittest.TestCase):
    """The ConfigMap is mounted where the pods run, below; here is what its comments show, and what is wrong."""

    def start(self, text):
        """What a coordinator with this configuration says before it ends or serves."""
        pods = Pods(BIN_DIR, "local", {})
        config = next(item for item in pods.items if item["kind"] == "ConfigMap")
        pods.items = tuple({**item, "data": {"coordinator.yaml": text}} if item is config else item
                           for item in pods.items)
        try:
            return pods.port(pods.start_pod("StatefulSet moa-coordinator"), "grpc")
        finally:
            pods.close()

    def test_what_its_comments_and_the_document_show_is_accepted(self):
        config = next(item for item in rendered("base") if item["kind"] == "ConfigMap")["data"]["coordinator.yaml"]
        shown = "\n".join(re.findall(r"(?m)^#   (.*)$", config))
        self.assertIn("max_concurrent", shown)
        texts = [text for text in blocks("yaml") if text.startswith("# deploy/kubernetes/overlays/mine/coordinator")]
        self.assertEqual(len(texts), 1)
        for text in [shown, *texts]:
            self.assertTrue(self.start(text))

    def test_a_mistake_in_it_would_be_noticed(self):
        with self.assertRaisesRegex(AssertionError, "quotaz"):
            self.start("quotaz: []\n")


class Running(unittest.TestCase):
    def begin(self, build, secrets):
        pods = Pods(BIN_DIR, build, secrets)
        self.addCleanup(lambda: self.assertEqual(pods.close(), []))
        return pods

    def all_well(self, pods, names):
        for pod in names:
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                wait_until(f"{pod}'s {kind}", lambda: pods.probe(pod, kind))

    def run_smoke_job(self, pods, build):
        """The job of smoke or smoke-tls, in place of one of the build's."""
        pods.items = (*pods.items, *rendered(build))
        pod = pods.start_pod("Job moa-smoke")
        process = dict(pods.processes)[pod]
        self.assertEqual(process.wait(PATIENCE_SECONDS), 0, pods.log(pod))
        pods.processes.remove((pod, process))
        self.assertEqual(json.loads(pods.log(pod))["state"], "SUCCEEDED")

    def run_what_the_document_submits(self, coordinator):
        lines = [shlex.split(line) for line in commands() if line.startswith("moactl ")]
        self.assertTrue(lines)
        for _, *arguments in lines:
            done = subprocess.run([os.path.join(BIN_DIR, "moactl"), *arguments], capture_output=True, text=True,
                                  timeout=PATIENCE_SECONDS, cwd=ROOT,
                                  env={**os.environ, "MOA_COORDINATOR": coordinator})
            self.assertEqual(done.returncode, 0, done.stderr)

    def chat(self, pods, gateway):
        """The document's own request, with the token of the Secret; without it nobody is let in."""
        url = f"http://{pods.port(gateway, 'http')}"
        lines = [line.replace("http://127.0.0.1:8080", url) for line in commands() if line.startswith("curl ")]
        self.assertEqual(len(lines), 1)
        done = subprocess.run(["bash", "-euc", lines[0]], capture_output=True, text=True, timeout=PATIENCE_SECONDS,
                              env={**os.environ, "token": pods.secrets["moa-gateway-tokens"]["tokens"].split()[0]})
        self.assertEqual(done.returncode, 0, done.stderr + pods.log(gateway))
        self.assertTrue(json.loads(done.stdout)["choices"][0]["message"]["content"])
        for path, status in (("/v1/models", 401), ("/", 200)):
            asked = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url + path],
                                   capture_output=True, text=True, timeout=PATIENCE_SECONDS)
            self.assertEqual(asked.stdout, str(status), path)

    def start_gateway(self, pods):
        return pods.start_pod("Deployment moa-gateway", MOA_DRAIN_DELAY="100ms")  # nothing before it has to notice

    def grade(self, pods, coordinator, *options):
        """A grader's pod grades an answer: full marks for what deserves them."""
        grader = pods.start_pod("Deployment moa-grader")
        self.all_well(pods, [grader])
        self.assertIn("grading", pods.log(grader))
        answer = os.path.join(ROOT, "docs", "examples", "grading", "user-metrics.py")
        done = subprocess.run([os.path.join(BIN_DIR, "moactl"), "--coordinator", coordinator, *options, "-o", "json",
                               "challenge", "grade", answer], capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        self.assertEqual(done.returncode, 0, done.stderr + pods.log(grader))
        self.assertEqual(json.loads(done.stdout)["total"], 120, done.stdout)
        return grader

    def stop(self, pods, pod):
        process = dict(pods.processes)[pod]
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(PATIENCE_SECONDS), 0, pods.log(pod))
        pods.processes.remove((pod, process))

    def test_local(self):
        """SQLite and the simulator; the kubelet's own gRPC and HTTP probes."""
        pods = self.begin("local", {"moa-gateway-tokens": TOKENS})
        simulator = pods.start_pod("Deployment cerebras-sim", CEREBRAS_SIM_TIME_SCALE="0")
        pods.addresses["cerebras-sim:8181"] = pods.port(simulator, "http")
        coordinator = pods.start_pod("StatefulSet moa-coordinator")
        pods.addresses["moa-coordinator:7070"] = pods.port(coordinator, "grpc")
        self.all_well(pods, [simulator, coordinator])
        worker = pods.start_pod("Deployment moa-worker")
        gateway = self.start_gateway(pods)
        self.all_well(pods, [worker, gateway])
        self.run_smoke_job(pods, "smoke")
        self.run_what_the_document_submits(pods.port(coordinator, "grpc"))
        self.chat(pods, gateway)
        grader = self.grade(pods, pods.port(coordinator, "grpc"))
        self.stop(pods, coordinator)
        # Without a coordinator they live and are not ready.
        for pod in (worker, gateway, grader):
            wait_until(f"{pod} is not ready", lambda pod=pod: not pods.probe(pod, "readinessProbe"))
            self.assertTrue(pods.probe(pod, "livenessProbe"))

    def test_cluster_with_tls_on_an_old_server(self):
        """PostgreSQL, two coordinators, a key from a file, certificates, and probes that are commands."""
        require_programs()
        with tempfile.TemporaryDirectory(prefix="moa-certificates-") as folder:
            secrets = {**make_secrets(folder), "moa-api-key": {"key": "a-key-in-a-file"}, "moa-gateway-tokens": TOKENS}
        pods = self.begin("cluster-1.20, TLS", secrets)
        secrets["moa-postgresql"] = {"url": pods.start_postgres()}
        pods.start("simulator", "cerebras-sim", "--listen", "127.0.0.1:0", "--time-scale", "0", "--api-key",
                   "a-key-in-a-file")
        # Both at once, as the StatefulSet does, on an empty database. Here they are known by their addresses, not by
        # the names that they would advertise.
        coordinators = [pods.start_pod("StatefulSet moa-coordinator", i, MOA_ADVERTISE="") for i in range(2)]
        pods.addresses = {"moa-coordinator:7070": ",".join(pods.port(pod, "grpc") for pod in coordinators)}
        worker = pods.start_pod("Deployment moa-worker",
                                MOA_BASE_URL="http://" + pods.address("simulator", r"^http listening on (\S+)"))
        gateway = self.start_gateway(pods)
        self.all_well(pods, [*coordinators, worker, gateway])
        self.run_smoke_job(pods, "smoke, TLS")
        self.chat(pods, gateway)
        client = secrets["moa-client-tls"]
        options = []
        for name, file in (("ca", "ca.crt"), ("cert", "tls.crt"), ("key", "tls.key")):
            with open(pods.path(f"client-{name}"), "w", encoding="utf-8") as out:
                out.write(client[file])
            options += [f"--tls-{name}", pods.path(f"client-{name}")]
        grader = self.grade(pods, pods.addresses["moa-coordinator:7070"], *options)
        for pod in [gateway, *coordinators, worker, grader]:
            self.stop(pods, pod)


if __name__ == "__main__":
    BIN_DIR = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
