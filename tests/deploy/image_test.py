"""The images: what is in them, and a cluster of them with nothing but what they need: read-only roots, no capabilities,
no new privileges. Sizes and the time of a start are printed.

usage: image_test.py FOLDER [TEST…]     FOLDER: where build_images.py has made them
"""

import errno
import gzip
import io
import json
import os
import re
import statistics
import sys
import tarfile
import time
import unittest
import urllib.error
import urllib.request

from containers import PROGRAMS, ROOT, TARGETS, Containers, inside, require_programs, wait_until

COMPRESSED_BYTES_MAX = 80_000_000
# The interpreter, its library, and some of what its modules load.
PYTHON = {"python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "libsqlite3-0", "libffi8", "liblzma5"}
CONTAINED = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
FOLDER = ""


class ImageTest(unittest.TestCase):
    def setUp(self):
        self.containers = Containers(FOLDER)
        self.addCleanup(self.containers.close)
        self.containers.remove_all()

    def start(self, name, image, *arguments, options=(), network="moa"):
        self.containers.podman("run", "--detach", "--name", name, "--network", network, *CONTAINED, *options, image,
                               *arguments)

    def exit_code(self, name):
        return self.containers.inspect("container", name)["State"]["ExitCode"]


class Content(ImageTest):
    def test_images_say_what_they_are_and_who_runs_in_them(self):
        for image in TARGETS.values():
            with self.subTest(image=image):
                config = self.containers.inspect("image", image)["Config"]
                self.assertEqual(config["User"], "10001:10001")
                self.assertEqual(config["StopSignal"], "SIGTERM")
                self.assertEqual(config["Entrypoint"], [f"/usr/bin/{PROGRAMS.get(image, image)}"])
                labels = config["Labels"]
                self.assertEqual(labels["org.opencontainers.image.title"], image)
                self.assertEqual(labels["org.opencontainers.image.version"], "1.2.3")
                self.assertEqual(labels["org.opencontainers.image.revision"], "0123abc")
                self.assertTrue(labels["org.opencontainers.image.description"])
                self.assertEqual(labels["sbom.spdx"], f"/usr/share/sbom/{image}.spdx.json")

    def files_of(self, image):
        """{path: (TarInfo, content of a small regular file)} of a container's root."""
        self.containers.podman("create", "--name", "files", "--network", "none", image)
        archive = self.containers.podman("export", "files", text=False).stdout
        self.containers.podman("rm", "files")
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            return {entry.name.removeprefix("./"): (entry, tar.extractfile(entry).read() if entry.isfile() else b"")
                    for entry in tar}

    def test_images_hold_the_program_its_libraries_and_their_records_alone(self):
        for image in TARGETS.values():
            with self.subTest(image=image):
                files = self.files_of(image)
                special = [path for path, (entry, _) in files.items() if entry.isfile() and entry.mode & 0o7022]
                self.assertEqual(special, [], "set-uid, sticky or writable for others")
                self.assertEqual([p for p, (e, _) in files.items() if e.isfile() and e.uid != 0], [])
                # No shell, no package manager.
                executables = {p for p, (e, _) in files.items() if e.isfile() and e.mode & 0o111 and ".so" not in p}
                interpreter = {"usr/bin/python3.11"} if image == "moa-grader" else set()
                self.assertEqual(executables, {f"usr/bin/{PROGRAMS.get(image, image)}"} | interpreter)
                self.assertIn(b"VERSION_CODENAME=bookworm", files["usr/lib/os-release"][1])
                self.assertIn(b"BEGIN CERTIFICATE", files["etc/ssl/certs/ca-certificates.crt"][1])
                self.check_bill(image, files)

    def check_bill(self, image, files):
        """Every shared library is of a package that the bill of materials and the records name, with its licence."""
        bill = json.loads(files[f"usr/share/sbom/{image}.spdx.json"][1])
        self.assertEqual(bill["spdxVersion"], "SPDX-2.3")
        self.assertEqual(bill["dataLicense"], "CC0-1.0")
        self.assertRegex(bill["creationInfo"]["created"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        packages = {package["SPDXID"]: package for package in bill["packages"]}
        self.assertEqual(len(packages), len(bill["packages"]), "two packages of one id")
        for identity in packages:
            self.assertRegex(identity, r"^SPDXRef-[A-Za-z0-9.-]+$")
        related = {}
        for relation in bill["relationships"]:
            self.assertIn(relation["relatedSpdxElement"], packages)
            related.setdefault(relation["relationshipType"], set()).add(relation["relatedSpdxElement"])
        self.assertEqual(related["DESCRIBES"], {"SPDXRef-Program"})
        self.assertEqual(related["STATIC_LINK"] | related["DEPENDS_ON"] | {"SPDXRef-Program"}, set(packages))
        depends = {packages[identity]["name"]: packages[identity] for identity in related["DEPENDS_ON"]}

        records = {}
        for path, (_, content) in files.items():
            if path.startswith("var/lib/dpkg/status.d/") and content:
                records[os.path.basename(path)] = dict(re.findall(r"(?m)^([\w-]+): (.*)$", content.decode()))
        self.assertEqual(set(records), set(depends))
        for name, record in records.items():
            self.assertEqual(record["Package"], name)
            self.assertEqual(depends[name]["versionInfo"], record["Version"])
            purl = depends[name]["externalRefs"][0]["referenceLocator"]
            self.assertRegex(purl, r"^pkg:deb/debian/[a-z0-9.%B+-]+@[^?+~:]+\?arch=\w+&distro=debian-12$")
            self.assertTrue(files[f"usr/share/doc/{name}/copyright"][1], name)
        libraries = {os.path.basename(path) for path in files if re.search(r"\.so(\.|$)", path)}
        self.assertGreater(len(libraries), 10)
        needed = {"moa-coordinator": {"libgrpc++1.51", "libpq5", "libsqlite3-0"}, "moa-worker": {"libcurl4", "libssl3"},
                  "moa-gateway": {"libgrpc++1.51"}, "moactl": {"libgrpc++1.51"}, "cerebras-sim": {"libstdc++6"},
                  "moa-grader": PYTHON}
        self.assertLessEqual(needed[image] | {"libc6", "ca-certificates"}, set(depends))

    def test_images_are_small(self):
        for image in TARGETS.values():
            with self.subTest(image=image):
                archive = self.containers.podman("save", "--format", "oci-archive", image, text=False).stdout
                size = len(gzip.compress(archive, compresslevel=6))
                print(f"{image}: {size / 1e6:.1f} MB compressed", file=sys.stderr)
                self.assertLess(size, COMPRESSED_BYTES_MAX)


class Cluster(ImageTest):
    def setUp(self):
        super().setUp()
        self.containers.podman("network", "create", "moa")

    def start_coordinator(self):
        self.start("coordinator", "moa-coordinator", options=["-e", "MOA_INSECURE=true", "-v", "jobs:/var/lib/moa"])

    def start_cluster(self):
        self.start("simulator", "cerebras-sim")
        self.start_coordinator()
        for name in ("worker-1", "worker-2"):
            self.start(name, "moa-worker", "--coordinator", "coordinator:7070", "--base-url", "http://simulator:8181",
                       options=["-e", "CEREBRAS_API_KEY=any"])
        self.wait_for_workers(2)

    def moactl(self, *arguments, check=True):
        return self.containers.podman("run", "--rm", "--network", "moa", *CONTAINED, "moactl", "--coordinator",
                                      "coordinator:7070", "-o", "json", *arguments, check=check)

    def start_gateway(self):
        tokens = os.path.join(FOLDER, "tokens")
        with open(tokens, "w", encoding="utf-8") as file:
            file.write("a-token\n")
        os.chmod(tokens, 0o644)
        self.start("gateway", "moa-gateway", "--coordinator", "coordinator:7070", options=[
            "-e", "MOA_INSECURE=true", "-e", "MOA_TOKEN_FILE=/run/tokens", "-v", f"{tokens}:/run/tokens:ro"])
        wait_until("the gateway is healthy", lambda: self.healthy("gateway"))

    def ask_gateway(self, path, body=None, token="a-token"):
        """(status, text)"""
        address = self.containers.inspect("container", "gateway")["NetworkSettings"]["Networks"]["moa"]["IPAddress"]
        request = urllib.request.Request(f"http://{address}:8080{path}", body and json.dumps(body).encode(),
                                         {"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait_for_workers(self, count):
        def connected():
            result = self.moactl("workers", check=False)
            return result.returncode == 0 and result.stdout.count('"worker_id"') == count
        wait_until(f"{count} workers are connected", connected)

    def test_jobs_run_and_nothing_is_lost_when_programs_are_stopped(self):
        self.start_cluster()
        job = json.loads(self.moactl("submit", "--wait", "--preset", "moa", "--prompt", "Why is the sky blue?").stdout)
        self.assertEqual((job["state"], job["degraded"]), ("SUCCEEDED", False))
        self.assertTrue(job["answer"])

        for number in range(4):
            self.moactl("submit", "--preset", "moa", "--prompt", f"Question {number}")
        self.containers.podman("stop", "--time", "60", "worker-1")
        self.assertEqual(self.exit_code("worker-1"), 0, self.containers.logs("worker-1"))
        self.assertIn("drained", self.containers.logs("worker-1"))
        for number in range(4):
            self.moactl("submit", "--preset", "moa", "--prompt", f"Another question {number}")
        self.containers.podman("stop", "--time", "60", "coordinator")
        self.assertEqual(self.exit_code("coordinator"), 0, self.containers.logs("coordinator"))
        self.assertIn("drained", self.containers.logs("coordinator"))

        # The same volume, another container.
        self.containers.podman("rm", "coordinator")
        self.start_coordinator()
        self.wait_for_workers(1)

        def counts():
            return json.loads(self.moactl("count").stdout)
        wait_until("nine jobs have succeeded", lambda: counts()["SUCCEEDED"] == 9, explain=lambda: str(counts()))
        for name in ("worker-2", "coordinator", "simulator"):
            self.containers.podman("stop", "--time", "60", name)
            self.assertEqual(self.exit_code(name), 0, self.containers.logs(name))

    def test_gateway_answers_chats_and_has_its_page(self):
        self.start_cluster()
        self.start_gateway()
        question = {"model": "moa", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
        status, text = self.ask_gateway("/v1/chat/completions", question)
        self.assertEqual(status, 200, text)
        self.assertTrue(json.loads(text)["choices"][0]["message"]["content"])
        self.assertEqual(self.ask_gateway("/v1/chat/completions", question, token="another")[0], 401)
        status, page = self.ask_gateway("/")
        self.assertEqual(status, 200, page)
        scripts = re.findall(r'src="(/assets/[^"]+\.js)"', page)
        self.assertEqual(len(scripts), 1, page)
        self.assertGreater(len(self.ask_gateway(scripts[0])[1]), 10_000)
        self.containers.podman("stop", "--time", "60", "gateway")
        self.assertEqual(self.exit_code("gateway"), 0, self.containers.logs("gateway"))
        self.assertIn("drained", self.containers.logs("gateway"))

    def healthy(self, name):
        return self.containers.podman("healthcheck", "run", name, check=False).returncode == 0

    def test_health_checks_tell_who_can_work_from_who_cannot(self):
        self.start_cluster()
        self.start_gateway()
        for name in ("simulator", "coordinator", "worker-1"):
            wait_until(f"{name} is healthy", lambda name=name: self.healthy(name))
        # Checked where nobody listens.
        self.start("elsewhere", "moa-worker", "--metrics-listen", "0.0.0.0:9999",
                   options=["-e", "CEREBRAS_API_KEY=any"])
        self.containers.wait_for_log("elsewhere", "listening on")
        self.assertFalse(self.healthy("elsewhere"))
        # Not ready without a coordinator.
        self.containers.podman("stop", "--time", "60", "coordinator")
        for name in ("worker-1", "gateway"):
            wait_until(f"{name} is not healthy", lambda name=name: not self.healthy(name))

    def test_coordinator_does_not_serve_in_clear_text_unless_told_to(self):
        self.start("refused", "moa-coordinator", options=["-v", "jobs:/var/lib/moa"])
        self.containers.podman("wait", "refused")
        self.assertEqual(self.exit_code("refused"), 1, self.containers.logs("refused"))
        self.assertIn("--insecure", self.containers.logs("refused"))


NAMESPACES = 0x7E020000  # the flags of clone that make some
# What a program tries, as the value that it returns: none of it is there for it.
HOSTILE = """
def f():
    import os, socket
    tried = {"read": lambda: open("/etc/passwd").read(), "write": lambda: open("/tmp/x", "w").write("x"),
             "connect": lambda: socket.create_connection(("coordinator", 7070), 5),
             "run": lambda: os.fork(), "key": lambda: os.environ["CEREBRAS_API_KEY"]}
    done = []
    for name in sorted(tried):
        try:
            tried[name]()
            done.append(name)
        except BaseException:
            pass
    return done
"""
GRADER = {"name": "walls", "function": "f",
          "checks": [{"id": "nothing", "cases": [{"args": [], "points": 1, "equals": []}]}]}


class Grading(ImageTest):
    """A grader on a network of its own and the coordinator's, without a key, as compose.yaml has it."""

    def setUp(self):
        super().setUp()
        for words in (["moa"], ["--internal", "grading"]):
            self.containers.podman("network", "create", *words)
        self.start("coordinator", "moa-coordinator", network="moa,grading",
                   options=["-e", "MOA_INSECURE=true", "-v", "jobs:/var/lib/moa"])

    def start_grader(self, *options):
        self.start("grader", "moa-grader", "--coordinator", "coordinator:7070", network="grading",
                   options=["-e", "MOA_GRADING_SLOTS=2", "--memory=768m", "--cpus=2", "--pids-limit=256", *options])

        def said():
            return re.search(r"info grading .*|cannot grade: .*", self.containers.logs("grader"))
        found = wait_until("the grader has tried its sandbox", said, explain=lambda: self.containers.logs("grader"))
        if found[0].startswith("cannot grade"):
            self.skipTest(f"this machine has no sandbox for it: {found[0]}")
        print(f"moa-grader: {found[0]}", file=sys.stderr)
        wait_until("the grader is healthy", lambda: self.containers.podman(
            "healthcheck", "run", "grader", check=False).returncode == 0)

    def grade(self, *arguments, files=()):
        mounts = [word for file in files for word in ("-v", f"{file}:/files/{os.path.basename(file)}:ro")]
        done = self.containers.podman("run", "--rm", "--network", "moa", *CONTAINED, *mounts, "moactl", "--coordinator",
                                      "coordinator:7070", "-o", "json", "challenge", "grade", *arguments)
        return json.loads(done.stdout)

    def test_grader_grades_and_what_it_runs_reaches_nothing(self):
        self.start_grader()
        self.grade_both()
        self.containers.podman("stop", "--time", "60", "grader")
        self.assertEqual(self.exit_code("grader"), 0, self.containers.logs("grader"))

    def grade_both(self):
        """An answer with full marks, and a program that looks for a way out and finds none."""
        answer = os.path.join(ROOT, "docs", "examples", "grading", "user-metrics.py")
        began = time.monotonic()
        grade = self.grade("/files/user-metrics.py", files=[answer])
        print(f"moa-grader: graded within {time.monotonic() - began:.1f} s, a container's start included",
              file=sys.stderr)
        self.assertEqual((grade["total"], grade["max"]), (120, 120), grade)

        hostile, walls = (os.path.join(FOLDER, name) for name in ("hostile.py", "walls.yaml"))
        for path, text in ((hostile, HOSTILE), (walls, json.dumps(GRADER))):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(path, 0o644)
        grade = self.grade("/files/hostile.py", "--grader", "/files/walls.yaml", files=[hostile, walls])
        self.assertEqual(grade["total"], 1, grade)

    def profile(self, *refused):
        """podman's profile without namespaces, as Docker's and containerd's are, and without what is named."""
        with open("/usr/share/containers/seccomp.json", encoding="utf-8") as file:
            profile = json.load(file)
        gone = {"clone", "clone3", "unshare", "setns", "mount", *refused}
        for rule in profile["syscalls"]:
            rule["names"] = [name for name in rule["names"] if name not in gone]
        profile["syscalls"] = [rule for rule in profile["syscalls"] if rule["names"]]
        profile["syscalls"] += [
            {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
             "args": [{"index": 0, "value": NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS}]
        path = os.path.join(FOLDER, "profile.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(profile, file)
        return f"--security-opt=seccomp={path}"

    def test_grader_grades_without_namespaces(self):
        self.start_grader(self.profile())
        self.assertNotIn("namespaces", self.containers.logs("grader"))
        self.assertRegex(self.containers.logs("grader"), r"Landlock \d")
        self.grade_both()

    def test_grader_does_not_start_where_nothing_keeps_programs_in(self):
        self.start("grader", "moa-grader", "--coordinator", "coordinator:7070", network="grading",
                   options=[self.profile("landlock_create_ruleset")])
        self.containers.podman("wait", "grader")
        self.assertEqual(self.exit_code("grader"), 1, self.containers.logs("grader"))
        self.assertRegex(self.containers.logs("grader"), "cannot grade: .*Landlock")

    def test_the_other_workers_do_not_grade(self):
        self.start("worker", "moa-worker", "--coordinator", "coordinator:7070", options=["-e", "CEREBRAS_API_KEY=any"])
        self.containers.wait_for_log("worker", "this worker does not grade")


class Start(ImageTest):
    def test_time_of_a_start_is_measured(self):
        self.containers.podman("network", "create", "moa")
        cases = {"moa-coordinator": ["-e", "MOA_INSECURE=true", "-v", "jobs:/var/lib/moa"],
                 "moa-worker": ["-e", "CEREBRAS_API_KEY=any"], "cerebras-sim": [],
                 "moa-gateway": ["-e", "MOA_LISTEN=127.0.0.1:8080"]}
        for image, options in cases.items():
            whole, program = [], []
            for number in range(5):
                name = f"start-{number}"
                began = time.time()
                self.start(name, image, options=options)
                self.containers.wait_for_log(name, "listening on")
                begun = self.containers.inspect("container", name)
                log = begun["HostConfig"]["LogConfig"]["Path"]
                with open(log, encoding="utf-8") as file:  # "2026-11-30T20:55:28.000000001+00:00 stderr F words"
                    line = next(line for line in file if "listening on" in line)
                listening, started = (seconds_of(text) for text in (line.split()[0], begun["State"]["StartedAt"]))
                whole.append(listening - began)
                program.append(listening - started)
                self.containers.podman("rm", "--force", "--time", "0", name)
            for title, values in (("podman run to listening", whole), ("the program's part", program)):
                print(f"{image}: {title} {statistics.median(values) * 1000:.0f} ms "
                      f"({min(values) * 1000:.0f} to {max(values) * 1000:.0f})", file=sys.stderr)


def seconds_of(text):
    """RFC 3339 in UTC with nanoseconds, since the epoch."""
    moment, fraction = re.match(r"(.{19})(\.\d+)?", text).groups()
    return time.mktime(time.strptime(moment, "%Y-%m-%dT%H:%M:%S")) - time.timezone + float(fraction or 0)


if __name__ == "__main__":
    FOLDER = os.path.abspath(sys.argv[1])
    require_programs("podman", "runc", "unshare", "ip", "iptables", "catatonit")
    inside(FOLDER)
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
