#!/usr/bin/env python3
"""Writes prometheus-rule.yaml: the groups of deploy/monitoring/prometheus/rules, word for word, as Prometheus
Operator's object.

usage: generate.py [--check]     --check writes nothing and fails when the file is not what this would write.
"""

import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
RULES = os.path.join(FOLDER, "..", "..", "..", "monitoring", "prometheus", "rules")
TARGET = os.path.join(FOLDER, "prometheus-rule.yaml")
HEAD = """\
# Written by generate.py from deploy/monitoring/prometheus/rules: change those.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: moa
spec:
  groups:
"""


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def groups(name):
    """The lines below `groups:`. A list may stand as far in as the key that it belongs to, so they stay as they are."""
    return read(os.path.join(RULES, name)).split("\ngroups:\n", 1)[1]


def main(arguments):
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    text = HEAD + groups("recording.yml") + "\n" + groups("alerts.yml")
    if not arguments:
        with open(TARGET, "w", encoding="utf-8") as file:
            file.write(text)
    elif not os.path.exists(TARGET) or read(TARGET) != text:
        print("prometheus-rule.yaml is not what generate.py writes: run it", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
