"""A real Alertmanager with the shipped configuration, and where its notifications arrive."""

import http.server
import json
import os
import shutil
import threading
import time
import urllib.request

from live_cluster import MONITORING, http_get

# The receivers and the pace are the test's; routes and inhibitions are the shipped ones.
PACE = [("group_wait: 30s", "group_wait: 1s"), ("group_wait: 10s", "group_wait: 1s"),
        ("group_interval: 5m", "group_interval: 1s")]


class Sink:
    """Keeps what is posted to it, in order. Owner: the test, which calls close()."""

    def __init__(self):
        self.received = []  # (path, alert), one for each alert of each notification
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                sink.received += [(self.path, alert) for alert in body["alerts"]]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def got(self, path, status, **labels):
        """The alerts of that status that came there with these labels."""
        return [alert for at, alert in list(self.received)
                if (at, alert["status"]) == (path, status) and labels.items() <= alert["labels"].items()]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def start_alertmanager(cluster, sink):
    with open(os.path.join(MONITORING, "alertmanager", "alertmanager.yml"), encoding="utf-8") as file:
        config = file.read()
    for old, new in [*PACE, ("http://change-me.invalid/page", sink.url + "/page"),
                     ("http://change-me.invalid/ticket", sink.url + "/ticket")]:
        if config.count(old) != 1:
            raise AssertionError(f"alertmanager.yml has {old!r} {config.count(old)} times")
        config = config.replace(old, new)
    with open(cluster.path("alertmanager.yml"), "w", encoding="utf-8") as file:
        file.write(config)
    cluster.start("alertmanager", shutil.which("prometheus-alertmanager") or shutil.which("alertmanager"),
                  "--config.file=" + cluster.path("alertmanager.yml"),
                  "--storage.path=" + cluster.path("alertmanager"), "--web.listen-address=127.0.0.1:0",
                  "--cluster.listen-address=")
    cluster.alertmanager = cluster.address("alertmanager", r'msg="Listening on" address=(\S+)')


def raise_alerts(cluster, *labels):
    """As Prometheus would; each is over after a minute."""
    now = time.time()
    times = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment)) for moment in (now, now + 60)]
    alerts = [{"labels": each, "startsAt": times[0], "endsAt": times[1]} for each in labels]
    request = urllib.request.Request(f"http://{cluster.alertmanager}/api/v2/alerts", json.dumps(alerts).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10):
        pass


def suppressed(cluster):
    """{(alert's name, its instance): whether others inhibit it}"""
    return {(alert["labels"]["alertname"], alert["labels"].get("instance", "")):
            bool(alert["status"]["inhibitedBy"])
            for alert in json.loads(http_get(f"http://{cluster.alertmanager}/api/v2/alerts"))}
