"""The shipped Prometheus files and dashboards against the real programs: every metric that they name is served, every
recording rule and every panel has data that is a number, every alert can be evaluated, and an outage raises those that
are about it, of which people are told.

usage: live_test.py BIN_DIR [Monitoring|Outage]
"""

import glob
import json
import math
import os
import re
import subprocess
import sys
import time
import unittest

import yaml

from http_traffic import http_traffic
from live_cluster import MONITORING, ROOT, LiveCluster, http_get, require_programs, wait_until
from notifications import Sink, raise_alerts, start_alertmanager, suppressed

BIN_DIR = ""

# Both models, two stages of proposals and an aggregator.
PLAIN = """
prompt: "Why is the sky blue? %s"
moa:
  layers:
    - cycles: 2
      agents:
        - {name: first, model: gpt-oss-120b, max_completion_tokens: 200}
        - {name: second, model: qwen-3.8-27b, max_completion_tokens: 200}
  aggregator: {model: gpt-oss-120b, max_completion_tokens: 200}
"""
FAILING = """
prompt: "PLEASE-REFUSE this. %s"
moa:
  aggregator: {model: gpt-oss-120b, max_completion_tokens: 100}
"""
# One agent's call is refused, so that the job ends without it; another's model is broken: retries, then its other
# model.
DEGRADED = """
prompt: "Name a colour. %s"
moa:
  layers:
    - agents:
        - {name: sound, model: gpt-oss-120b, max_completion_tokens: 100}
        - {name: refused, model: qwen-3.8-27b, system_prompt: PLEASE-REFUSE, max_completion_tokens: 100}
        - name: broken
          model: qwen-3.8-27b
          fallback_models: [gpt-oss-120b]
          system_prompt: PLEASE-BREAK
          max_completion_tokens: 100
  aggregator: {model: gpt-oss-120b, max_completion_tokens: 100}
"""
CANCELLED = """
prompt: "PLEASE-WAIT for it. %s"
moa:
  aggregator: {model: gpt-oss-120b, max_completion_tokens: 100}
"""

# Holds a slot of the grader for a while, so that others wait for it.
GRADED = """
prompt: "import time; time.sleep(4)  # %s"
moa: {aggregator: {grader: user-metrics}}
"""
GRADINGS = 6

OF_TIMES = {"MoaQueueOld", "MoaQueueStuck", "MoaStoreSlow", "MoaLeaseRunningOut", "MoaLeaseRenewalsFail"}

# What Grafana puts in for its variables. The window holds the whole run.
VARIABLES = {"$__rate_interval": "1m", "$__interval": "5s", "$__range": "1m", "$job": ".*", "$instance": ".*",
             "$model": ".*"}
NAME = re.compile(r"(?<![\w:$\"{.])[a-zA-Z_:][\w:]*(?![\w:]*\s*\()")
WORDS = {"by", "on", "and", "or", "unless", "group_left", "group_right", "ignoring", "without", "bool", "offset"}
SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')


def expand(expr):
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    if "$" in expr:
        raise AssertionError(f"a variable that this test does not know: {expr}")
    return expr


def names_in(expr):
    """The metrics that a query selects."""
    expr = re.sub(r'\{[^}]*\}|\[[^\]]*\]', "", expr)
    expr = re.sub(r"\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)", "", expr)
    return {n for n in NAME.findall(expr) if n not in WORDS and not re.fullmatch(r"e\d*", n)}


def error_codes():
    with open(os.path.join(ROOT, "coordinator", "engine", "types.cc"), encoding="utf-8") as file:
        return {name.lower() for name in re.findall(r'return "([A-Z_]+)";', file.read())}


def read_yaml(*path):
    with open(os.path.join(ROOT, "deploy", "kubernetes", *path), encoding="utf-8") as file:
        return yaml.safe_load(file)


def counts(alert):
    """Not what a slow machine brings about for a moment: pending alerts of times."""
    return alert["state"] == "firing" or alert["labels"]["alertname"] not in OF_TIMES


class Monitoring(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        require_programs()
        cls.cluster = LiveCluster(BIN_DIR)
        try:
            began = time.monotonic()
            cls.cluster.start_all()
            print(f"the cluster is up after {time.monotonic() - began:.1f} s", file=sys.stderr)
            # A series that is born with its first event has no rate yet: so one round before Prometheus looks.
            cls.run_jobs("first")
            cls.cluster.start_prometheus()
            cls.cluster.wait_for_scrapes(2)
            cls.run_jobs("second", lambda: wait_until("Prometheus has seen gradings wait", lambda: cls.cluster.query(
                'max_over_time(moa_quota_waiting_tasks{model="grader"}[10m]) > 0')["result"]))
            cls.cluster.wait_for_scrapes(2)
            print(f"ready for queries after {time.monotonic() - began:.1f} s", file=sys.stderr)
            cls.rules = [rule for group in cls.cluster.api("rules")["groups"] for rule in group["rules"]]
            cls.dashboards = {}
            for path in sorted(glob.glob(os.path.join(MONITORING, "grafana", "*.json"))):
                with open(path, encoding="utf-8") as file:
                    cls.dashboards[os.path.basename(path)] = json.load(file)
        except BaseException:
            for failure in cls.cluster.close():
                print(failure, file=sys.stderr)
            raise

    @classmethod
    def tearDownClass(cls):
        failures = cls.cluster.close()
        if failures:
            raise AssertionError("\n".join(failures))

    @classmethod
    def run_jobs(cls, word, meanwhile=lambda: None):
        cluster = cls.cluster
        wanted = [(PLAIN, "SUCCEEDED", False), (PLAIN, "SUCCEEDED", False), *[(GRADED, "SUCCEEDED", False)] * GRADINGS,
                  (FAILING, "FAILED", False),
                  (DEGRADED, "SUCCEEDED", True)]
        running = [cluster.submit(text % f"{word} {i}", "--wait") for i, (text, _, _) in enumerate(wanted)]
        meanwhile()
        http_traffic(cluster, word)
        slow = cluster.ended(cluster.submit(CANCELLED % word))["job_id"]
        wait_until("the slow job runs", lambda: json.loads(cluster.moactl("get", slow).stdout)["state"] == "RUNNING")
        cancelled = cluster.moactl("cancel", slow)
        if cancelled.returncode != 0:
            raise AssertionError(cancelled.stderr)
        for submission, (text, state, degraded) in zip(running, wanted):
            job = cluster.ended(submission)
            if (job["state"], job.get("degraded", False)) != (state, degraded):
                raise AssertionError(f"{text}\nended otherwise: {json.dumps(job)[:2000]}")
        wait_until("the slow job is cancelled",
                   lambda: json.loads(cluster.moactl("get", slow).stdout)["state"] == "CANCELLED")

    # Everything that is queried: (where, expression).

    def panels(self):
        for file, dashboard in self.dashboards.items():
            for panel in dashboard["panels"]:
                for target in panel.get("targets", []):
                    yield f"{file}: {panel['title']}", expand(target["expr"])

    def expressions(self):
        yield from self.panels()
        for rule in self.rules:
            yield rule["name"], rule["query"]

    def why_dead(self, expr):
        """None when the query has data now and over the last seconds, all of it numbers."""
        now = time.time()
        answers = [[series.get("value") for series in self.vector(expr)],
                   [value for series in self.cluster.api("query_range", query=expr, start=now - 5, end=now,
                                                         step=1)["result"]
                    for value in series["values"]]]
        for values in answers:
            if not values:
                return "no data"
            if not all(math.isfinite(float(value)) for _, value in values):
                return "not a number"
        return None

    def vector(self, expr):
        data = self.cluster.query(expr)
        return [{"value": data["result"]}] if data["resultType"] == "scalar" else data["result"]

    def test_a_dead_query_would_be_noticed(self):
        self.assertEqual(self.why_dead("moa_no_such_metric"), "no data")
        self.assertEqual(self.why_dead("0 * up / 0"), "not a number")
        self.assertIsNone(self.why_dead("up"))
        self.assertEqual(names_in('sum by (job) (rate(a_b:c{x="y z"}[5m])) / on (job) group_left () (d_e > 1e9) and f'),
                         {"a_b:c", "d_e", "f"})

    def test_every_panel_has_data(self):
        dead, count = [], 0
        for where, expr in self.panels():
            count += 1
            why = self.why_dead(expr)
            if why:
                dead.append(f"{where}: {why}: {expr}")
        self.assertEqual(dead, [], "\n" + "\n".join(dead))
        print(f"{count} queries of {len(self.dashboards)} dashboards have data", file=sys.stderr)
        self.assertGreater(count, 100)

    def test_every_variable_has_values(self):
        for file, dashboard in self.dashboards.items():
            for variable in dashboard["templating"]["list"]:
                if variable["type"] != "query":
                    continue
                selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
                values = self.cluster.api(f"label/{label}/values", **{"match[]": expand(selector)})
                self.assertTrue(values, f"{file}: {variable['name']}")

    def test_every_recording_rule_has_data_and_every_alert_can_be_evaluated(self):
        wrong, kinds = [], {"recording": 0, "alerting": 0}
        for rule in self.rules:
            kinds[rule["type"]] += 1
            if rule["health"] != "ok":
                wrong.append(f"{rule['name']}: {rule['health']} {rule.get('lastError')}")
            if rule["type"] == "recording":
                wrong += [f"{rule['name']}: {why}: {q}" for q in (rule["query"],
                                                                  rule["name"]) for why in [self.why_dead(q)] if why]
            else:
                self.cluster.query(rule["query"])  # fails by itself when it is no query
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))
        print(f"{kinds['recording']} recording rules have data, {kinds['alerting']} alerts can be evaluated",
              file=sys.stderr)
        self.assertGreater(min(kinds.values()), 20)

    def test_a_healthy_cluster_raises_no_alert_but_for_its_failed_jobs(self):
        raised = {alert["labels"]["alertname"] for alert in self.cluster.api("alerts")["alerts"] if counts(alert)}
        self.assertLessEqual(raised, {"MoaProviderErrors", "MoaProviderStorm"},
                             "the provider was broken on purpose, nothing else was")

    def test_every_name_is_served_by_the_programs(self):
        families = {"up"} | {rule["name"] for rule in self.rules if rule["type"] == "recording"}
        for addresses in self.cluster.metrics.values():
            for address in addresses:
                for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", http_get(f"http://{address}/metrics"), re.M):
                    families |= {name} if kind != "histogram" else {name + end for end in ("_bucket", "_sum",
                                                                                           "_count")}
        unknown = sorted({f"{where}: {name}" for where,
                          expr in self.expressions() for name in names_in(expr) - families})
        self.assertEqual(unknown, [])

    def test_autoscalers_ask_for_what_is_there(self):
        """What prometheus-adapter and KEDA will ask; labels of pods are the operator's to add."""
        adapter = read_yaml("prometheus-adapter", "values.yaml")["rules"]
        queries = [trigger["metadata"]["query"]
                   for trigger in read_yaml("components", "keda", "worker-scaler.yaml")["spec"]["triggers"]]
        for rule in adapter["custom"] + adapter["external"]:
            query = rule["metricsQuery"].replace("<<.Series>>", rule["seriesQuery"].split("{")[0])
            queries.append(query.replace("<<.LabelMatchers>>", 'job!=""').replace("<<.GroupBy>>", "instance"))
        self.assertEqual(len(queries), 4)
        self.assertEqual([f"{why}: {q}" for q in queries for why in [self.why_dead(q)] if why], [])

    def test_promtool_has_nothing_to_say_about_the_metrics(self):
        for addresses in self.cluster.metrics.values():
            for address in addresses:
                checked = subprocess.run(["promtool", "check", "metrics"], input=http_get(f"http://{address}/metrics"),
                                         capture_output=True, text=True, timeout=10)
                self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))

    def test_what_the_documents_name_and_ask_exists(self):
        rules = {rule["name"] for rule in self.rules}
        served = self.cluster.api("label/__name__/values")
        asked = 0
        for document in ("runbook.md", "monitoring.md", "kubernetes.md"):
            with open(os.path.join(ROOT, "docs", document), encoding="utf-8") as file:
                spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`",
                                                                       re.sub(r"(?ms)^```.*?^```", "", file.read()))]
            for span in spans:
                if not re.search(r"\b(moa|gen_ai)_\w+|\bmoa:", span):
                    continue
                self.cluster.query(span)
                asked += 1
                for name in names_in(span):
                    self.assertTrue(name in rules or any(re.sub(r"_(bucket|sum|count)$", "",
                                                                s) == name for s in served)
                                    or name in served, f"{document}: {name} in {span}")
        self.assertGreater(asked, 15)

    def test_every_label_and_value_selected_exists(self):
        codes, wrong = error_codes(), []
        self.assertIn("server_error", codes)
        known = {}  # metric -> {label: values}
        for where, expr in self.expressions():
            for metric, matchers in SELECTOR.findall(expr):
                if metric not in known:
                    known[metric] = {}
                    for labels in self.cluster.api("series", **{"match[]": metric}):
                        for label, value in labels.items():
                            known[metric].setdefault(label, set()).add(value)
                for label, operator, text in MATCHER.findall(matchers):
                    if label not in known[metric]:
                        wrong.append(f"{where}: {metric} has no label {label}")
                        continue
                    if text in (".*", ""):
                        continue
                    for value in text.split("|") if operator in ("=~", "!~") else [text]:
                        exists = any(re.fullmatch(value, v) for v in known[metric][label])
                        if not exists and not (label in ("outcome", "error_type") and value in codes):
                            wrong.append(f"{where}: {metric} has no {label}={value}")
        self.assertEqual(wrong, [])


class Outage(unittest.TestCase):
    def test_what_dies_is_noticed_and_told_and_so_is_its_end(self):
        """Killed workers, one that grades among them, a killed coordinator and gateway: the alerts' expressions become
        true, each for its instance. A page says that no worker is left, and one that there is again."""
        require_programs()
        cluster, sink = LiveCluster(BIN_DIR), Sink()
        self.addCleanup(sink.close)
        self.addCleanup(lambda: self.assertEqual(cluster.close(), []))
        cluster.start_all()
        start_alertmanager(cluster, sink)
        cluster.start_prometheus(at_once=["MoaNoWorkers"])
        cluster.wait_for_scrapes(2)

        def noticed():
            return {(alert["labels"]["alertname"], alert["labels"].get("instance", ""))
                    for alert in cluster.api("alerts")["alerts"] if counts(alert)}
        self.assertEqual(noticed(), set())
        survivor, victim = cluster.metrics["moa-coordinator"]
        for name in ("worker-1", "worker-2", "grader", "coordinator-2", "gateway"):
            cluster.kill(name)
        grading = cluster.submit(GRADED % "in vain")
        self.assertEqual(cluster.ended(grading)["state"], "QUEUED")
        expected = {("MoaNoWorkers", survivor), ("MoaNoGraders", survivor), ("MoaCoordinatorDown", victim),
                    ("MoaGatewaysDown", ""), ("MoaGatewayDown", cluster.metrics["moa-gateway"][0])}
        expected |= {("MoaWorkerDown", address)
                     for job in ("moa-worker", "moa-grader") for address in cluster.metrics[job]}
        wait_until("the outage is noticed", lambda: expected <= noticed())
        # Its lease ends, and the other one says so.
        wait_until("the dead coordinator is noticed", lambda: ("MoaCoordinatorDeclaredDead", "") in noticed())
        no_workers = {"alertname": "MoaNoWorkers", "instance": survivor, "severity": "page"}
        wait_until("the page", lambda: sink.got("/page", "firing", **no_workers))
        wait_until("the ticket", lambda: sink.got("/ticket", "firing", alertname="MoaCoordinatorDeclaredDead"))
        self.assertEqual(sink.got("/page", "resolved"), [])
        cluster.start_worker("worker-3")
        wait_until("the page's end", lambda: sink.got("/page", "resolved", **no_workers))

    def test_what_follows_from_another_alert_is_not_told(self):
        """Alertmanager alone, with alerts that no Prometheus raised."""
        require_programs()
        cluster, sink = LiveCluster(BIN_DIR), Sink()
        self.addCleanup(sink.close)
        self.addCleanup(lambda: self.assertEqual(cluster.close(), []))
        start_alertmanager(cluster, sink)

        def alert(name, instance, **more):
            return {"alertname": name, "job": "moa-coordinator", "instance": instance, **more}
        raise_alerts(cluster, alert("MoaNoWorkers", "a", severity="page"))
        raise_alerts(cluster, alert("MoaQueueOld", "a", severity="ticket"),
                     alert("MoaQueueOld", "b", severity="ticket"), alert("MoaStoreDown", "a", severity="page"),
                     alert("MoaStoreSlow", "a", severity="ticket"))
        wanted = {("MoaNoWorkers", "a"): False, ("MoaQueueOld", "a"): True, ("MoaQueueOld", "b"): False,
                  ("MoaStoreDown", "a"): False, ("MoaStoreSlow", "a"): True}
        wait_until("Alertmanager knows what follows from what", lambda: suppressed(cluster) == wanted)
        wait_until("the other one's ticket", lambda: sink.got("/ticket", "firing", instance="b"))
        self.assertEqual(sink.got("/ticket", "firing", instance="a"), [])


if __name__ == "__main__":
    BIN_DIR = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
