"""scripts/demo.sh, the body of `./dev demo` and `./dev up`: its exit status tells the truth, and nothing that it
started outlives it.

usage: demo_test.py BIN_DIR
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN_DIR = ""


class Demo(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="moa-demo-")
        self.addCleanup(self.folder.cleanup)

    def start(self, verb, *arguments, **environment):
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("CEREBRAS_", "MOA_"))}
        return subprocess.Popen(
            [os.path.join(ROOT, "scripts", "demo.sh"), verb, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True,
            env={**inherited, "MOA_BIN_DIR": BIN_DIR, "MOA_DEMO_DIR": self.folder.name + "/run", **environment})

    def wait(self, process, shown=""):
        output = shown + process.communicate(timeout=100)[0]
        self.assertEqual(self.left_over(), [], output)
        return process.returncode, output

    def left_over(self):
        """Processes whose stderr goes into this demo's folder."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{pid}/fd/2").startswith(self.folder.name):
                    found.append(pid)
            except OSError:
                continue
        return found

    def read_until(self, process, text):
        shown = ""
        while text not in shown:
            line = process.stdout.readline()
            self.assertTrue(line, f"it ended before '{text}':\n{shown}")
            shown += line
        return shown

    def test_both_jobs_succeed_and_everything_is_stopped(self):
        status, output = self.wait(self.start("demo"))
        self.assertEqual(status, 0, output)
        self.assertIn("come from the simulator", output)
        self.assertEqual(output.count("job SUCCEEDED"), 2, output)
        self.assertEqual(output.count("where the time went"), 2, output)
        self.assertIn("Everything is stopped.", output)

    def test_job_that_fails_makes_the_demo_fail(self):
        # A key, and an API where nobody listens.
        status, output = self.wait(self.start("demo", CEREBRAS_API_KEY="k", CEREBRAS_BASE_URL="http://127.0.0.1:9"))
        self.assertEqual(status, 1, output)
        self.assertNotIn("come from the simulator", output)

    def test_interrupt_stops_the_demo_in_order(self):
        process = self.start("demo")
        shown = self.read_until(process, "accepted")
        os.killpg(process.pid, signal.SIGINT)
        status, output = self.wait(process, shown)
        self.assertEqual(status, 130, output)
        self.assertIn("Everything is stopped.", output)

    def test_up_runs_until_it_is_interrupted(self):
        process = self.start("up")
        shown = self.read_until(process, "Logs:")
        page = re.search(r"In a browser: (http://\S+)", shown).group(1)
        with urllib.request.urlopen(page, timeout=30) as reply:
            self.assertIn("text/html", reply.headers["Content-Type"])
        os.killpg(process.pid, signal.SIGINT)
        status, output = self.wait(process, shown)
        self.assertEqual(status, 0, output)

    def test_up_brings_a_postgresql_server_and_takes_it_away(self):
        process = self.start("up", "postgres")
        shown = self.read_until(process, "Logs:")
        address = re.search(r"MOA_COORDINATOR=(\S+)", shown).group(1)
        job = subprocess.run(
            [os.path.join(BIN_DIR, "moactl"), "--coordinator", address, "submit", "--wait", "--preset", "moa",
             "--prompt", "hello"], capture_output=True, text=True)
        self.assertEqual(job.returncode, 0, job.stderr)
        os.killpg(process.pid, signal.SIGINT)
        status, output = self.wait(process, shown)
        self.assertEqual(status, 0, output)


if __name__ == "__main__":
    BIN_DIR = sys.argv.pop(1)
    unittest.main()
