"""Images and containers for the tests of deployment, with podman: in a folder of the test's own and, once inside() has
been called, in namespaces of the test's own. Nothing of them is seen outside, and all processes, mounts and networks
are gone when the test's process is, however it ends.
"""

import contextlib
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE_SECONDS = 120  # however slow the machine is; what is right never takes so long
BASE = "docker.io/library/debian:bookworm-slim"
TARGETS = {"coordinator": "moa-coordinator", "worker": "moa-worker", "grader": "moa-grader", "gateway": "moa-gateway",
           "simulator": "cerebras-sim", "moactl": "moactl"}
# Of the images, those whose program is called otherwise.
PROGRAMS = {"moa-grader": "moa-worker"}

CONTAINERS_CONF = """
[containers]
# What a container would get by default is more than a container may give.
default_ulimits = ["nofile=20000:20000", "nproc=30000:30000"]
log_driver = "k8s-file"
[engine]
runtime = "runc"          # crun refuses a machine with both versions of cgroups
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "{run}/libpod"
volume_path = "{folder}/volumes"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""

STORAGE_CONF = """
[storage]
driver = "{driver}"
graphroot = "{folder}/storage"
runroot = "{run}/storage"
"""


def require_programs(*programs):
    """Ends the test with what to install, rather than leaving anything out."""
    if os.geteuid() != 0:
        raise SystemExit("these tests make namespaces, mounts and containers: run them as root")
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise SystemExit(f"missing here: {' '.join(missing)} (./dev install-deps installs them)")


def inside(folder):
    """Goes on in namespaces of its own (mounts, network, processes), below an init that reaps, or returns when it is in
    them. The network has a loopback and no way out. `folder` is that of the Containers."""
    if os.environ.pop("MOA_DEPLOY_INSIDE", None):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        run = os.path.join(folder, "run")
        os.makedirs(run, exist_ok=True)
        for hidden in ("/run", "/dev/shm", run):  # what podman, netavark and runc leave there
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", hidden], check=True)
        return
    os.environ["MOA_DEPLOY_INSIDE"] = "yes"
    sys.stdout.flush()
    os.execvp("unshare", ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", "catatonit",
                          "-g", "--", sys.executable, "-B", *sys.argv])


class Containers:
    """Owner: the test, which calls close() whatever happens."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        os.makedirs(os.path.join(self.folder, "conf"), exist_ok=True)
        run = os.path.join(self.folder, "run")
        kind = subprocess.run(["stat", "-f", "-c", "%T", self.folder], capture_output=True, text=True).stdout
        values = {"folder": self.folder, "run": run, "driver": "vfs" if "overlay" in kind else "overlay"}
        self.environment = dict(os.environ)
        for name, text in (("CONTAINERS_CONF", CONTAINERS_CONF), ("CONTAINERS_STORAGE_CONF", STORAGE_CONF)):
            self.environment[name] = os.path.join(self.folder, "conf", name.lower())
            with open(self.environment[name], "w", encoding="utf-8") as file:
                file.write(text.format(**values))
        # Caches that outlive a build are kept there too.
        temporary = os.path.join(self.folder, "tmp")
        os.makedirs(temporary, exist_ok=True)
        self.environment.update(BUILDAH_ISOLATION="chroot", BUILDAH_FORMAT="docker", TMPDIR=temporary)

    def run(self, *command, check=True, text=True, timeout=PATIENCE_SECONDS, cwd=None):
        """Runs podman, buildah or what else uses their storage. AssertionError with its words when it fails."""
        try:
            result = subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True,
                                    text=text, timeout=timeout, cwd=cwd)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"{' '.join(command)}: not within {timeout} s\n{error.stdout}\n"
                                 f"{error.stderr}") from error
        if check and result.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: {result.returncode}\n{result.stdout}\n{result.stderr}")
        return result

    def podman(self, *arguments, **options):
        return self.run("podman", *arguments, **options)

    def inspect(self, kind, name):
        return json.loads(self.podman("inspect", "--type", kind, name).stdout)[0]

    def logs(self, name):
        result = self.podman("logs", name, check=False)
        return result.stdout + result.stderr

    def wait_for_log(self, name, words):
        return wait_until(f"{name} says {words!r}", lambda: words in self.logs(name), explain=lambda: self.logs(name))

    def remove_all(self):
        self.podman("rm", "--all", "--force", "--time", "0", check=False)
        self.podman("pod", "rm", "--all", "--force", check=False)
        self.podman("volume", "prune", "--force", check=False)
        self.podman("network", "prune", "--force", check=False)

    def close(self):
        self.remove_all()
        # podman leaves the groups in which it puts things. What is in use stays.
        for root in ("/sys/fs/cgroup", *glob.glob("/sys/fs/cgroup/*")):
            for group in ("libpod_parent/conmon", "libpod_parent"):
                with contextlib.suppress(OSError):
                    os.rmdir(os.path.join(root, group))


def shown_commands(heading):
    """The blocks marked `bash` below a heading of docs/deploy.md, in order."""
    with open(os.path.join(ROOT, "docs", "deploy.md"), encoding="utf-8") as file:
        text = file.read()
    section = re.search(rf"(?ms)^## {heading}$(.*?)(?=^## |\Z)", text).group(1)
    return re.findall(r"(?ms)^```bash\n(.*?)^```$", section)


def wait_until(what, condition, seconds=PATIENCE_SECONDS, explain=lambda: ""):
    """The first true value of `condition`; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s\n{explain()}")
        time.sleep(0.1)
