"""docs/kubernetes.md taken at its word: its overlays are put where it says, its commands run in a copy of deploy/, and
what a server would be given keeps the policies. Of a command that needs a server, what kubectl does before is run.
"""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

import policies
from document import ROOT, commands, document, make_tree
from kubectl import kubectl
from manifests import parse

# What only a server can answer: such commands are looked at, not run.
NEEDS_SERVER = {"label", "logs", "port-forward", "rollout"}


class Document(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="moa-document-")
        self.addCleanup(shutil.rmtree, self.folder)
        make_tree(self.folder)

    def kubectl(self, *arguments):
        done = subprocess.run([kubectl(), *arguments], cwd=self.folder, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
        return done.stdout

    def test_every_command_runs_as_far_as_no_server_is_needed(self):
        ran, self.copied = 0, set()
        for command in commands():
            with self.subTest(command):
                ran += self.make_secret(command) if command.startswith("sed ") else self.follow(shlex.split(command))
        self.assertGreaterEqual(ran, 16)
        self.assertEqual(len(self.copied), 3)

    def make_secret(self, command):
        """What the server would be given."""
        script, _, rest = command.rpartition("|")
        self.assertEqual(rest.split(), ["kubectl", "apply", "-f", "-"])
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=self.folder, capture_output=True,
                              text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        made, = parse(done.stdout)
        self.assertEqual((made["kind"], made["metadata"]["name"]), ("Secret", "moa-gateway-tokens"))
        self.assertRegex(made["stringData"]["tokens"], r"^\S{32}$")
        return 1

    def follow(self, words):
        """Runs a command or its part; returns how many were."""
        if words[0] in ("moactl", "curl"):  # pods_test.py runs it, in front of a coordinator or a gateway
            return 0
        if words[0].startswith("token="):
            self.assertIn("get secret moa-gateway-tokens -o jsonpath={.data.tokens}", " ".join(words))
            return 0
        if words[0] == "cp":
            self.assertIn("CHANGE-ME", self.read(words[1]))
            self.copied.add(words[2])
            return 1
        self.assertEqual(words.pop(0), "kubectl")
        if words[:2] == ["-n", "moa"]:
            words = words[2:]
        verb, *rest = words
        if verb in NEEDS_SERVER:
            self.kubectl(verb, "-h")  # there is such a command
            return 0
        if verb == "apply" and rest[0] == "-f":
            if rest[1] not in self.copied:
                self.assertEqual(len(parse(self.read(rest[1]))), 1)
            return 1
        if verb == "kustomize" and rest[1:]:
            self.assertEqual(rest[1:], ["|", "kubectl", "apply", "-f", "-"])
        folder = rest[0] if verb == "kustomize" else rest[1]
        self.assertIn((verb, rest[0]), [("kustomize", folder), ("apply", "-k")])
        items = parse(self.kubectl("kustomize", folder))
        self.assertGreater(len(items), 0)
        self.assertEqual(policies.violations(items), [])
        return 1

    def read(self, path):
        with open(os.path.join(self.folder, path), encoding="utf-8") as file:
            return file.read()

    def test_every_file_of_the_tree_is_named(self):
        """Each folder that is applied or added has its place in the table."""
        table = document().split("The images are")[0]
        for part in ("overlays", "components"):
            for name in os.listdir(os.path.join(ROOT, "deploy", "kubernetes", part)):
                self.assertRegex(table, rf"[`/]{re.escape(name)}`", name)

    def test_an_overlay_has_a_configuration_of_its_own(self):
        items = parse(self.kubectl("kustomize", "deploy/kubernetes/overlays/mine"))
        texts = [item["data"]["coordinator.yaml"] for item in items
                 if item["metadata"]["name"].startswith("moa-coordinator-config-")]
        self.assertEqual(len(texts), 1)
        self.assertIn("max_concurrent: 200", texts[0])

    def test_another_namespace_is_another_word(self):
        overlay = os.path.join(self.folder, "deploy", "kubernetes", "overlays", "mine")
        with open(os.path.join(overlay, "kustomization.yaml"), encoding="utf-8") as file:
            text = file.read().replace("namespace: moa", "namespace: elsewhere")
        with open(os.path.join(overlay, "kustomization.yaml"), "w", encoding="utf-8") as file:
            file.write(text)
        for item in parse(self.kubectl("kustomize", overlay)):
            name = item["metadata"]["name"] if item["kind"] == "Namespace" else item["metadata"]["namespace"]
            self.assertEqual(name, "elsewhere", item)


if __name__ == "__main__":
    unittest.main()
