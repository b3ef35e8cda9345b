"""./dev: wrong use is said in words with status 2, nothing is installed when nothing is missing."""

import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def dev(*arguments, **environment):
    return subprocess.run([os.path.join(ROOT, "dev"), *arguments], cwd="/", text=True, capture_output=True,
                          timeout=30, env={**os.environ, **environment})


class Dev(unittest.TestCase):
    def test_help_names_every_verb(self):
        for arguments in ([], ["help"], ["--help"]):
            result = dev(*arguments)
            self.assertEqual(result.returncode, 0)
            for verb in ("demo", "up", "test", "build", "asan", "tsan", "sim", "bench", "chaos", "fmt", "tidy", "lint",
                         "install-deps", "clean"):
                self.assertRegex(result.stdout, rf"(?m)^  {verb}\b")

    def test_unknown_verbs_and_options_are_usage_errors(self):
        for arguments in (["bild"], ["test", "--what"], ["test", "-R"], ["demo", "now"], ["clean", "nothing"]):
            result = dev(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn("dev: ", result.stderr)

    def test_check_for_packages_is_silent_when_nothing_is_missing(self):
        script = f'root={ROOT}; . "$root/scripts/common.sh"; . "$root/scripts/deps.sh"; missing_packages build'
        result = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=30)
        self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)

    def test_machine_without_debians_tools_is_told_so(self):
        with tempfile.TemporaryDirectory() as folder:
            for tool in ("bash", "env", "dirname", "readlink", "cat"):
                os.symlink(f"/usr/bin/{tool}", os.path.join(folder, tool))
            result = dev("build", PATH=folder)
        self.assertEqual(result.returncode, 1)
        self.assertIn("not Debian", result.stderr)

    def test_missing_packages_are_named_with_reason_for_people_who_may_not_install(self):
        with tempfile.TemporaryDirectory() as folder:
            query = os.path.join(folder, "dpkg-query")
            with open(query, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\nexit 1\n")
            os.chmod(query, 0o755)
            # A home that only its owner may read is no reason to fail.
            shutil.copytree(os.path.join(ROOT, "scripts"), os.path.join(folder, "scripts"))
            id_script = f'''PATH={folder}:$PATH; root={folder}
                . "$root/scripts/common.sh"; . "$root/scripts/deps.sh"
                type() {{ [[ $2 != sudo ]] && builtin type "$@"; }}
                need_packages build'''
            command = ["bash", "-euc", id_script]
            if os.geteuid() == 0:
                command = ["setpriv", "--reuid", "65534", "--clear-groups"] + command
            os.chmod(folder, 0o755)
            result = subprocess.run(command, capture_output=True, text=True, timeout=30)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("libgrpc++-dev", result.stderr)
        self.assertIn("RPC between clients", result.stderr)
        self.assertIn("as root run: apt-get install", result.stderr)


if __name__ == "__main__":
    unittest.main()
