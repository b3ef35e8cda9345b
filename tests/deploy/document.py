"""docs/kubernetes.md: its blocks, and the tree with the overlays that it shows put where it says."""

import os
import re
import shutil

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def document():
    with open(os.path.join(ROOT, "docs", "kubernetes.md"), encoding="utf-8") as file:
        return file.read()


def blocks(language):
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", document())


def commands():
    """The lines of all blocks marked `bash`, continued ones as one."""
    return re.sub(r"\\\n|(?<=\|)\n", " ", "".join(blocks("bash"))).splitlines()


def make_tree(folder):
    """Copies deploy/ into the folder and adds the document's files."""
    shutil.copytree(os.path.join(ROOT, "deploy"), os.path.join(folder, "deploy"))
    for text in blocks("yaml"):
        path = os.path.join(folder, re.match(r"# (deploy/\S+)\n", text)[1])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
