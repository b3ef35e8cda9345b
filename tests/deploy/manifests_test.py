"""What deploy/kubernetes renders: the policies hold for every build, and each of them notices what breaks it. Needs no
build and no server.
"""

import copy
import os
import subprocess
import sys
import unittest

import yaml

import policies
from kubectl import kubectl
from manifests import BUILDS, KUBERNETES, ROOT, component_names, name_of, rendered


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def broken(build, name, change):
    """The build's objects with one of them changed."""
    items = copy.deepcopy(list(rendered(build)))
    change(next(item for item in items if name_of(item) == name))
    return items


def pod(item):
    return item["spec"]["template"]["spec"]


def container(item):
    return pod(item)["containers"][0]


def set_variable(item, name, value):
    next(variable for variable in container(item)["env"] if variable["name"] == name)["value"] = value


WORKER, COORDINATOR, BUDGET = "Deployment moa-worker", "StatefulSet moa-coordinator", "PodDisruptionBudget moa-worker"
GATEWAY, GATES = "Deployment moa-gateway", "NetworkPolicy moa-gateway"
GRADER, WALLS = "Deployment moa-grader", "NetworkPolicy moa-grader"
POLICY, MONITOR = "NetworkPolicy moa-coordinator", "PodMonitor moa"
# (the check that has to notice, build, object, what breaks it)
PLANTED = [
    ("pods_are_restricted", "local", WORKER, lambda i: pod(i)["securityContext"].update(runAsUser=0)),
    ("pods_are_restricted", "local", WORKER, lambda i: pod(i).pop("enableServiceLinks")),
    ("pods_are_restricted", "local", WORKER,
     lambda i: pod(i).update(volumes=[{"name": "v", "hostPath": {"path": "/"}}])),
    ("pods_are_restricted", "cluster", WORKER, lambda i: pod(i)["securityContext"].pop("fsGroup")),
    ("containers_are_restricted", "local", WORKER, lambda i: container(i)["securityContext"].pop("capabilities")),
    ("containers_are_restricted", "local", WORKER, lambda i: container(i).update(image="moa-worker")),
    ("containers_say_what_they_need", "local", WORKER, lambda i: container(i)["resources"].pop("requests")),
    ("containers_say_what_they_need", "local", WORKER, lambda i: container(i)["resources"]["limits"].update(cpu=1)),
    ("probes_ask_the_right_question", "local", COORDINATOR, lambda i: container(i).pop("startupProbe")),
    ("probes_ask_the_right_question", "local", COORDINATOR,
     lambda i: container(i)["livenessProbe"]["grpc"].update(service="readiness")),
    ("probes_ask_the_right_question", "local, TLS", COORDINATOR,
     lambda i: container(i)["readinessProbe"].update(grpc={"port": 7070})),
    ("probes_ask_the_right_question", "local-1.20", COORDINATOR,
     lambda i: container(i)["readinessProbe"]["exec"]["command"].append("127.0.0.1:7070/readyz")),
    ("there_is_time_to_drain", "local", COORDINATOR, lambda i: pod(i).pop("terminationGracePeriodSeconds")),
    ("there_is_time_to_drain", "local", WORKER,
     lambda i: container(i).update(lifecycle={"preStop": {"exec": {"command": ["sleep", "5"]}}})),
    ("there_is_time_to_drain", "local", GATEWAY, lambda i: set_variable(i, "MOA_DRAIN_DELAY", "20s")),
    ("selectors_find_pods", "local", BUDGET, lambda i: i["spec"].update(selector={"matchLabels": {"app": "x"}})),
    ("selectors_find_pods", "cluster, watched", MONITOR,
     lambda i: i["spec"]["podMetricsEndpoints"][0].update(port="http")),
    ("services_lead_to_ports", "local", "Service moa-coordinator", lambda i: i["spec"]["ports"][0].update(port=80)),
    ("services_lead_to_ports", "local", "Service moa-coordinator", lambda i: i["spec"].pop("clusterIP")),
    ("services_are_let_in", "local", GATES, lambda i: i["spec"]["ingress"][0]["ports"][0].update(port=9466)),
    ("services_are_let_in", "one coordinator, the provider", POLICY, lambda i: i["spec"].update(ingress=[])),
    ("ingresses_lead_to_services", "mine, of the document", "Ingress moa-gateway",
     lambda i: i["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"].update(name="metrics")),
    ("ingresses_lead_to_services", "mine, of the document", "Ingress moa-gateway",
     lambda i: i["spec"]["tls"][0].update(hosts=["other.example"])),
    ("what_is_mounted_is_there", "local", COORDINATOR,
     lambda i: pod(i)["volumes"][0].update(configMap={"name": "moa-coordinator-config"})),
    ("budgets_let_nodes_be_drained", "local", BUDGET, lambda i: i["spec"].update(minAvailable=1)),
    ("budgets_let_nodes_be_drained", "local", BUDGET, lambda i: i["spec"].update(maxUnavailable=0)),
    ("one_autoscaler_a_workload", "cluster", WORKER, lambda i: i["spec"].update(replicas=3)),
    ("one_autoscaler_a_workload", "cluster, KEDA", "ScaledObject moa-worker",
     lambda i: i["spec"]["scaleTargetRef"].update(name="moa-workers")),
    ("policies_match_something", "local", "NetworkPolicy moa-default-deny", lambda i: i["spec"].update(egress=[{}])),
    ("policies_match_something", "local", POLICY,
     lambda i: i["spec"]["ingress"][0]["from"][0].update(podSelector={"matchLabels": {"app": "x"}})),
    ("policies_match_something", "local", POLICY, lambda i: i["spec"]["ingress"][0]["ports"][0].update(port=7071)),
    ("policies_match_something", "cluster", "NetworkPolicy moa-worker-to-provider",
     lambda i: i["spec"].update(podSelector={})),
    ("policies_let_nobody_further", "local", GATES, lambda i: i["spec"]["egress"][0]["ports"][0].update(port=5432)),
    ("policies_let_nobody_further", "local", GATES, lambda i: i["spec"]["egress"][0].pop("to")),
    ("policies_let_nobody_further", "cluster", "NetworkPolicy moa-worker-to-provider",
     lambda i: i["spec"].update(podSelector={"matchLabels": {"app.kubernetes.io/name": "moa-gateway"}})),
    ("gateways_ask_for_tokens", "local", GATEWAY,
     lambda i: set_variable(i, "MOA_TOKEN_FILE", "/etc/moa/config/tokens")),
    ("gateways_ask_for_tokens", "local", GATEWAY,
     lambda i: pod(i)["volumes"][0].update(configMap=pod(i)["volumes"][0].pop("secret"))),
    ("containers_say_what_they_need", "local", GRADER, lambda i: container(i)["resources"]["limits"].pop("cpu")),
    ("there_is_time_to_drain", "local", GRADER, lambda i: pod(i).update(terminationGracePeriodSeconds=30)),
    ("policies_let_nobody_further", "local", WALLS, lambda i: i["spec"]["egress"][0]["ports"][0].update(port=443)),
    ("policies_let_nobody_further", "local", WALLS, lambda i: i["spec"]["egress"][0].pop("to")),
    ("policies_let_nobody_further", "cluster", "NetworkPolicy moa-worker-to-provider",
     lambda i: i["spec"].update(podSelector={"matchLabels": {"app.kubernetes.io/name": "moa-grader"}})),
    ("policies_let_nobody_further", "local", "NetworkPolicy moa-worker-to-simulator",
     lambda i: i["spec"].update(podSelector={"matchLabels": {"app.kubernetes.io/name": "moa-grader"}})),
    ("policies_match_something", "cluster", WALLS,
     lambda i: i["spec"]["egress"].append({"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}],
                                           "ports": [{"protocol": "TCP", "port": 443}]})),
    ("nobody_dials_graders", "local", WALLS, lambda i: i["spec"]["ingress"][0].pop("from")),
    ("nobody_dials_graders", "local", WALLS,
     lambda i: i["spec"]["ingress"][0]["from"].append({"podSelector": {"matchLabels": {"moa-client": "true"}}})),
    ("graders_only_grade", "local", GRADER, lambda i: set_variable(i, "MOA_SLOTS", "64")),
    ("graders_only_grade", "local", GRADER, lambda i: set_variable(i, "MOA_GRADING_SLOTS", "4")),
    ("graders_only_grade", "local", GRADER, lambda i: container(i)["resources"]["limits"].update(memory="512Mi")),
    ("graders_only_grade", "cluster", GRADER,
     lambda i: container(i)["env"].append({"name": "MOA_API_KEY_FILE", "value": "/etc/moa/api-key/key"})),
    ("graders_only_grade", "cluster", GRADER,
     lambda i: pod(i).update(volumes=[{"name": "key", "secret": {"secretName": "moa-api-key"}}])),
    ("there_are_no_secrets", "local", WORKER,
     lambda i: container(i)["env"].append({"name": "CEREBRAS_API_KEY", "value": "csk-1"})),
    ("there_are_no_secrets", "local", "ServiceAccount moa-worker", lambda i: i.update(kind="Secret")),
    ("everything_has_its_labels", "local", BUDGET, lambda i: i["metadata"].pop("namespace")),
    ("successors_come_first", "local", WORKER,
     lambda i: i["spec"]["strategy"]["rollingUpdate"].update(maxUnavailable=1)),
    ("pods_are_spread", "cluster", GATEWAY, lambda i: pod(i)["topologySpreadConstraints"].pop(0)),
]


class Manifests(unittest.TestCase):
    def test_every_build_keeps_the_policies(self):
        for build in BUILDS:
            self.assertEqual(policies.violations(rendered(build)), [], build)

    def test_every_policy_notices_what_breaks_it(self):
        for check, build, name, change in PLANTED:
            noticed = list(getattr(policies, check)(broken(build, name, change)))
            self.assertTrue(noticed, f"{check} did not notice what happened to {name}")
        self.assertEqual({check for check, *_ in PLANTED}, {check.__name__ for check in policies.CHECKS})

    def test_two_autoscalers_would_be_noticed(self):
        both = [*rendered("cluster"), *(i for i in rendered("cluster, KEDA") if i["kind"] == "ScaledObject")]
        self.assertTrue(list(policies.one_autoscaler_a_workload(both)))

    def test_every_overlay_and_component_is_built(self):
        self.assertEqual({c for _, components in BUILDS.values() for c in components}
                         | {"simulator", "autoscaling"}, set(component_names()))  # in overlays only
        self.assertEqual({start for start, _ in BUILDS.values() if start.startswith("overlays/")},
                         {"overlays/" + name for name in os.listdir(os.path.join(KUBERNETES, "overlays"))})

    def test_numbers_of_gateways(self):
        for build, count in (("local", 1), ("local-1.20", 1), ("cluster", 2), ("cluster-1.20", 2)):
            self.assertEqual(next(i for i in rendered(build) if name_of(i) == GATEWAY)["spec"]["replicas"], count)
        self.assertEqual([name for name in map(name_of, rendered("base")) if "gateway" in name], [])

    def test_numbers_of_graders(self):
        for build, count in (("local", 1), ("local-1.20", 1), ("cluster", 2), ("cluster-1.20", 2)):
            self.assertEqual(next(i for i in rendered(build) if name_of(i) == GRADER)["spec"]["replicas"], count)
        self.assertEqual([name for name in map(name_of, rendered("base")) if "grader" in name], [])

    def test_kustomize_refuses_what_is_not_there(self):
        done = subprocess.run([kubectl(), "kustomize", os.path.join(KUBERNETES, "overlays", "nowhere")],
                              capture_output=True, text=True, timeout=60)
        self.assertNotEqual(done.returncode, 0)

    def test_the_rules_are_those_of_the_monitoring_folder(self):
        rule = next(i for i in rendered("cluster, watched") if i["kind"] == "PrometheusRule")
        groups = [group for name in ("recording.yml", "alerts.yml") for group in
                  yaml.safe_load(read("deploy", "monitoring", "prometheus", "rules", name))["groups"]]
        self.assertEqual(rule["spec"]["groups"], groups)
        written = subprocess.run([sys.executable, "-B", os.path.join(
            KUBERNETES, "components", "prometheus-operator", "generate.py"), "--check"],
            capture_output=True, text=True, timeout=60)
        self.assertEqual(written.returncode, 0, written.stderr)

    def test_the_dashboards_are_those_of_the_monitoring_folder(self):
        maps = [i for i in rendered("cluster, watched") if "grafana_dashboard" in i["metadata"].get("labels", {})]
        texts = {name.removeprefix("moa-"): text for item in maps for name, text in item["data"].items()}
        folder = ("deploy", "monitoring", "grafana")
        files = {name for name in os.listdir(os.path.join(ROOT, *folder)) if name.endswith(".json")}
        self.assertEqual(texts, {name: read(*folder, name) for name in files})

    def test_labels_for_others_to_wear_are_in_the_document(self):
        document = read("docs", "kubernetes.md")
        for label in ("moa-client", "moa-monitoring", "moa-gateway-client"):
            self.assertIn(f"`{label}", document)

    def test_a_changed_configuration_changes_the_pods(self):
        name = next(i for i in rendered("base") if i["kind"] == "ConfigMap")["metadata"]["name"]
        self.assertRegex(name, r"^moa-coordinator-config-\w{10}$")
        template = next(i for i in rendered("base") if name_of(i) == COORDINATOR)
        self.assertIn({"name": "config", "configMap": {"name": name}}, pod(template)["volumes"])

    def test_examples_of_secrets_are_in_no_build(self):
        examples = {"moa-api-key": "api-key", "moa-postgresql": "postgresql", "moa-gateway-tokens": "gateway"}
        for secret, component in examples.items():
            example = yaml.safe_load(read("deploy", "kubernetes", "components", component, "secret.example.yaml"))
            self.assertEqual((example["kind"], example["metadata"]["name"]), ("Secret", secret))
            self.assertEqual(set(example["stringData"].values()), {"CHANGE-ME"})


if __name__ == "__main__":
    unittest.main()
