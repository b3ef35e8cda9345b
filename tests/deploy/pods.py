"""Rendered pods as processes on loopback: the very commands, variables and probes of the manifests. What is different
here is replaced and nothing else: addresses, since all share one host, and folders, since nothing is mounted.
"""

import os
import re
import subprocess

from live_cluster import LiveCluster, http_get
from manifests import name_of, rendered

HERE = os.path.dirname(os.path.abspath(__file__))
LISTENING = {"grpc": r"^grpc listening on (\S+)", "metrics": r"^metrics listening on (\S+)",
             "http": r"^http listening on (\S+)"}


class Pods(LiveCluster):
    """Owner: the test, which calls close() whatever happens."""

    def __init__(self, bin_dir, build, secrets):
        """`secrets`: {name: {key: text}}, what the cluster's owner has applied."""
        super().__init__(bin_dir)
        self.items = rendered(build)
        self.secrets = secrets
        self.templates = {}   # pod -> template
        self.addresses = {}   # what manifests call it -> where it is here

    def template(self, name):
        return next(item["spec"]["template"] for item in self.items if name_of(item) == name)

    def start_pod(self, workload, number=0, **more):
        """Starts the one container of a pod of the workload, `more` being variables that only the test has."""
        template = self.template(workload)
        pod = f"{workload.split()[1]}-{number}"
        self.templates[pod] = template
        self.mount(pod)
        container = template["spec"]["containers"][0]
        self.start(pod, os.path.basename(container["command"][0]),
                   *(self.here(pod, argument) for argument in [*container["command"][1:], *container.get("args", [])]),
                   environment={**self.variables(pod), **more})
        return pod

    def mount(self, pod):
        """Writes the volumes' files."""
        spec = self.templates[pod]["spec"]
        volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
        for mount in spec["containers"][0].get("volumeMounts", []):
            folder = self.path(pod + mount["mountPath"])
            os.makedirs(folder)
            volume = volumes.get(mount["name"], {})  # else a claim: an empty folder
            for name, text in self.files_of(volume).items():
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)

    def files_of(self, volume):
        if "secret" in volume:
            return self.secrets[volume["secret"]["secretName"]]
        if "configMap" in volume:
            return next(item["data"] for item in self.items if item["kind"] == "ConfigMap"
                        and item["metadata"]["name"] == volume["configMap"]["name"])
        return {}

    def variables(self, pod):
        known = {}
        for variable in self.templates[pod]["spec"]["containers"][0].get("env", []):
            source = variable.get("valueFrom", {})
            if "fieldRef" in source:
                value = {"metadata.name": pod, "metadata.namespace": "moa"}[source["fieldRef"]["fieldPath"]]
            elif "secretKeyRef" in source:
                value = self.secrets[source["secretKeyRef"]["name"]][source["secretKeyRef"]["key"]]
            else:
                # As the kubelet does: only variables that stand before it are known.
                value = re.sub(r"\$\((\w+)\)", lambda m: known.get(m[1], m[0]), variable["value"])
            known[variable["name"]] = value
        return {name: self.here(pod, value) for name, value in known.items()}

    def here(self, pod, text):
        text = re.sub(r"\b0\.0\.0\.0:\d+", "127.0.0.1:0", text)
        for folder in ("/etc/moa", "/var/lib/moa"):
            text = text.replace(folder, self.path(pod) + folder)
        for there, address in self.addresses.items():
            text = text.replace(there, address)
        return text

    def port(self, pod, name):
        return self.address(pod, LISTENING[name])

    # Probes.

    def probe(self, pod, kind):
        """Whether the probe succeeds now, asked as the kubelet asks."""
        container = self.templates[pod]["spec"]["containers"][0]
        probe = container[kind]
        names = {port["containerPort"]: port["name"] for port in container["ports"]}
        if "grpc" in probe:
            command = ["node", os.path.join(HERE, "grpc_probe.mjs"), self.port(pod, names[probe["grpc"]["port"]]),
                       probe["grpc"]["service"]]
            return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout == "1\n"
        if "httpGet" in probe:
            try:
                http_get(f"http://{self.port(pod, probe['httpGet']['port'])}{probe['httpGet']['path']}")
                return True
            except OSError:  # an HTTP status among them
                return False
        program, *arguments = probe["exec"]["command"]
        there = re.fullmatch(r"127\.0\.0\.1:(\d+)/\w+", arguments[-1])[1]
        arguments[-1] = arguments[-1].replace(f"127.0.0.1:{there}", self.port(pod, names[int(there)]))
        return subprocess.run([os.path.join(self.bin_dir, os.path.basename(program)), *arguments],
                              capture_output=True, timeout=20).returncode == 0
