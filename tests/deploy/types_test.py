"""Every manifest is of the type that Kubernetes, KEDA or Prometheus Operator declares for it, every dashboard of
Grafana's: no field that they do not know, none that is missing. Needs no build and no server.
"""

import copy
import glob
import json
import os
import unittest

from manifests import BUILDS, ROOT, is_old, name_of, rendered
from typed import complaints, type_of

# What a 1.20 server serves, of the groups that are used here. The types for it are 1.21's, which has a few more.
SERVED_BY_1_20 = {"v1", "apps/v1", "batch/v1", "networking.k8s.io/v1", "policy/v1beta1", "autoscaling/v1",
                  "autoscaling/v2beta1", "autoscaling/v2beta2"}


def typed(items, old, where):
    return {f"{where}: {name_of(item)}": (item, *type_of(item, old)) for item in items}


def all_manifests():
    values, seen = {}, set()
    for name in BUILDS:
        for label, value in typed(rendered(name), is_old(name), name).items():
            key = json.dumps(value, sort_keys=True)
            if key not in seen:  # most objects are the same in many builds
                seen.add(key)
                values[label] = value
    return values


def dashboards():
    values = {}
    for path in sorted(glob.glob(os.path.join(ROOT, "deploy", "monitoring", "grafana", "*.json"))):
        with open(path, encoding="utf-8") as file:
            values[os.path.basename(path)] = (json.load(file), "@grafana/schema", "Dashboard")
    return values


def planted():
    """Mistakes, by what the compiler has to say about them."""
    def item(build, kind, name="moa-worker"):
        return copy.deepcopy(next(i for i in rendered(build) if name_of(i) == f"{kind} {name}"))

    def container(made):
        return made["spec"]["template"]["spec"]["containers"][0]
    misspelt, text, missing = (item("cluster", "Deployment") for _ in range(3))
    misspelt["spec"]["replicaz"] = 2
    container(text)["ports"][0]["containerPort"] = "9465"
    del missing["spec"]["selector"]
    probe = item("cluster", "StatefulSet", "moa-coordinator")
    scaler = item("cluster, KEDA", "ScaledObject")
    scaler["spec"]["maxReplicas"] = 3
    monitor = item("cluster, watched", "PodMonitor", "moa")
    monitor["spec"]["podMetricsEndpoints"][0]["interval"] = 15
    budget = item("local", "PodDisruptionBudget")
    budget["spec"]["maxUnavailable"] = ["1"]
    gateway = item("local", "Deployment", "moa-gateway")
    ingress = item("mine, of the document", "Ingress", "moa-gateway")
    container(gateway)["readinessProbe"]["httpGet"]["prot"] = "metrics"
    backend = ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]
    backend["serviceName"] = backend.pop("service")["name"]
    dashboard = copy.deepcopy(dashboards()["overview.json"])
    dashboard[0]["panels"][1]["gridPosition"] = {}
    return [("replicaz", (misspelt, *type_of(misspelt, False))), ("number", (text, *type_of(text, False))),
            ("selector", (missing, *type_of(missing, False))), ("grpc", (probe, *type_of(probe, True))),
            ("prot", (gateway, *type_of(gateway, False))), ("serviceName", (ingress, *type_of(ingress, False))),
            ("maxReplicas", (scaler, *type_of(scaler, False))), ("string", (monitor, *type_of(monitor, False))),
            ("string", (budget, *type_of(budget, True))), ("gridPosition", dashboard)]


class Types(unittest.TestCase):
    def test_manifests_and_dashboards_are_of_their_types_and_planted_mistakes_are_found(self):
        """One run of the compiler for all: to start it costs more than what it reads."""
        sound = {**all_manifests(), **dashboards()}
        self.assertGreater(len(sound), 50)
        mistakes = {f"planted {number}": value for number, (_, value) in enumerate(planted())}
        found = complaints({**sound, **mistakes})
        self.assertEqual({label: words for label, words in found.items() if label not in mistakes}, {})
        for number, (word, _) in enumerate(planted()):
            self.assertIn(word, found.get(f"planted {number}", "nothing was found"))

    def test_an_old_server_serves_what_its_builds_hold(self):
        for name in filter(is_old, BUILDS):
            for item in rendered(name):
                self.assertIn(item["apiVersion"], SERVED_BY_1_20, f"{name}: {name_of(item)}")


if __name__ == "__main__":
    unittest.main()
