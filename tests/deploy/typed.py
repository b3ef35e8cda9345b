"""Data against TypeScript's declarations of it: each value becomes a literal of its type, and tsc says what is unknown,
missing or of the wrong type. Of nested mistakes it may tell the first only.
"""

import json
import os
import re
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = os.path.join(HERE, "node_modules")
COMPILER = os.path.join(MODULES, "typescript", "bin", "tsc")
CUSTOM = {"keda.sh": "keda", "monitoring.coreos.com": "prometheus-operator"}
# An enumeration's values as JSON has them: TypeScript takes no literal for a member of an `enum`.
PLAIN = "type Plain<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;\n"
OPTIONS = {"strict": True, "noEmit": True, "skipLibCheck": True, "target": "ES2022", "module": "ESNext",
           "moduleResolution": "bundler", "types": []}


def type_of(item, old):
    """Where the type of a Kubernetes object is declared: (module, name)."""
    group, _, version = item["apiVersion"].rpartition("/")
    if group in CUSTOM:
        return f"@kubernetes-models/{CUSTOM[group]}/{group}/{version}/{item['kind']}", "I" + item["kind"]
    package = "kubernetes-types-1.21" if old else "kubernetes-types"
    return f"{package}/{group.split('.')[0] or 'core'}/{version}", item["kind"]


def complaints(values):
    """{label: tsc's words about it}, of {label: (value, module, type)}: those that are not of their type."""
    with tempfile.TemporaryDirectory(prefix="moa-types-") as folder:
        os.symlink(MODULES, os.path.join(folder, "node_modules"))
        files = {}
        for number, (label, (value, module, kind)) in enumerate(values.items()):
            files[f"v{number}.ts"] = label
            with open(os.path.join(folder, f"v{number}.ts"), "w", encoding="utf-8") as file:
                file.write(f"import type {{ {kind} }} from {json.dumps(module)};\n"
                           f"{PLAIN}export const value: Plain<{kind}> = {json.dumps(value, indent=1)};\n")
        with open(os.path.join(folder, "tsconfig.json"), "w", encoding="utf-8") as file:
            json.dump({"compilerOptions": OPTIONS, "files": list(files)}, file)
        done = subprocess.run(["node", COMPILER, "-p", folder, "--pretty", "false"], cwd=folder, capture_output=True,
                              text=True, timeout=120)
        found = {}
        for line in done.stdout.splitlines():
            place = re.match(r"(v\d+\.ts)\(", line)
            label = files[place.group(1)] if place else (list(found) or ["tsc"])[-1]
            found[label] = found.get(label, "") + line + "\n"
        if (done.returncode == 0) != (not found) or done.stderr:
            raise AssertionError(f"tsc: {done.returncode}\n{done.stdout}{done.stderr}")
        return found
