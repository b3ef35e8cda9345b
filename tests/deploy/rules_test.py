"""The monitoring files without a cluster: promtool's checks and the rules' tests, a runbook's section and a test for
every alert, who is told, dashboards that are what their script writes. No build needed.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MONITORING = os.path.join(ROOT, "deploy", "monitoring")
PROMETHEUS = os.path.join(MONITORING, "prometheus")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    return done.returncode, done.stdout + done.stderr


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def alerts():
    """{name: the rule's text}"""
    parts = re.split(r"^      - alert: (\w+)$", read(os.path.join(PROMETHEUS, "rules", "alerts.yml")), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def rule_tests():
    return sorted(glob.glob(os.path.join(PROMETHEUS, "tests", "*.yml")))


class Rules(unittest.TestCase):
    def test_promtool_accepts_configuration_and_rules(self):
        for command in (["check", "config", os.path.join(PROMETHEUS, "prometheus.yml")],
                        ["check", "rules", *glob.glob(os.path.join(PROMETHEUS, "rules", "*.yml"))]):
            status, output = run("promtool", *command)
            self.assertEqual(status, 0, output)
            self.assertNotIn("FAILED", output)

    def test_the_rules_do_what_their_tests_say(self):
        self.assertGreaterEqual(len(rule_tests()), 7)
        for path in rule_tests():
            status, output = run("promtool", "test", "rules", path)
            self.assertEqual(status, 0, output)

    def test_every_alert_has_a_test_in_which_it_fires_and_something_does_not(self):
        tests = {}
        for path in rule_tests():
            parts = re.split(r"^  - name: (\w+)$", read(path), flags=re.M)
            tests.update(zip(parts[1::2], parts[2::2]))
        for name in alerts():
            self.assertIn(name, tests)
            self.assertIn(f"alertname: {name}\n", tests[name])
            self.assertEqual(tests[name].count("exp_labels"), 1, f"{name}: one fires")
            self.assertGreater(tests[name].count("series: '") + (name == "MoaNoCoordinator"), 1,
                               f"{name}: and something does not")

    def test_every_alert_says_how_bad_it_is_and_where_to_read_on(self):
        runbook = read(os.path.join(ROOT, "docs", "runbook.md"))
        anchors = {heading.lower() for heading in re.findall(r"^### (\w+)$", runbook, re.M)}
        self.assertEqual(anchors, {name.lower() for name in alerts()}, "a section for each alert, and no others")
        for name, text in alerts().items():
            self.assertRegex(text, r"labels: \{severity: (page|ticket)\}", name)
            self.assertIn(f"runbook_url: docs/runbook.md#{name.lower()}\n", text)
            for annotation in ("summary", "description"):
                self.assertRegex(text, rf"(?m)^          {annotation}: \S", name)


class Notifications(unittest.TestCase):
    CONFIG = os.path.join(MONITORING, "alertmanager", "alertmanager.yml")

    def test_amtool_accepts_the_configuration(self):
        status, output = run("amtool", "check-config", self.CONFIG)
        self.assertEqual(status, 0, output)
        self.assertIn("2 receivers", output)

    def test_pages_and_tickets_go_their_ways(self):
        for label, receiver in (("severity=page", "pages"), ("severity=ticket", "tickets"), ("team=x", "tickets")):
            status, output = run("amtool", "config", "routes", "test", "--config.file", self.CONFIG,
                                 "--verify.receivers", receiver, "alertname=X", label)
            self.assertEqual(status, 0, output)
        self.assertEqual({severity for text in alerts().values()
                          for severity in re.findall(r"severity: (\w+)", text)}, {"page", "ticket"})

    def test_inhibitions_name_alerts_that_exist(self):
        rules = read(self.CONFIG).split("inhibit_rules:")[1]
        named = {name for names in re.findall(r'alertname=~?"([^"]+)"', rules) for name in names.split("|")}
        self.assertGreater(len(named), 8)
        self.assertLessEqual(named, alerts().keys())

    def test_no_address_in_it_leads_anywhere(self):
        hosts = re.findall(r"(?://|@|smarthost: \")([\w.-]+)", read(self.CONFIG))
        self.assertEqual({host for host in hosts if not host.endswith("change-me.invalid")}, set())


class Dashboards(unittest.TestCase):
    def test_they_are_what_their_script_writes(self):
        status, output = run(sys.executable, "-B", os.path.join(MONITORING, "grafana", "generate.py"), "--check")
        self.assertEqual(status, 0, output)

    def test_panels_say_what_they_show_and_do_not_overlap(self):
        paths = glob.glob(os.path.join(MONITORING, "grafana", "*.json"))
        self.assertEqual(len(paths), 6)
        uids = set()
        for path in paths:
            dashboard = json.loads(read(path))
            uids.add(dashboard["uid"])
            self.assertEqual(dashboard["tags"], ["moa"])
            self.assertEqual(dashboard["links"][0]["tags"], ["moa"])
            self.assertEqual([v["name"] for v in dashboard["templating"]["list"]][:3],
                             ["datasource", "job", "instance"])
            cells = set()
            for panel in dashboard["panels"]:
                place = panel["gridPos"]
                mine = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                        for y in range(place["y"], place["y"] + place["h"])}
                self.assertLessEqual(place["x"] + place["w"], 24)
                self.assertFalse(mine & cells, f"{path}: {panel['title']} lies on another")
                cells |= mine
                if panel["type"] == "row":
                    continue
                self.assertRegex(panel["description"], r"`(\w|:)+`", panel["title"])
                self.assertEqual(panel["datasource"]["uid"], "${datasource}")
                self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
                self.assertTrue(panel["targets"])
        self.assertEqual(len(uids), 6)


if __name__ == "__main__":
    for program, package in (("promtool", "prometheus"), ("amtool", "prometheus-alertmanager")):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing here: apt-get install {package} (or ./dev install-deps)")
    unittest.main()
