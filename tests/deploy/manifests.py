"""deploy/kubernetes as kubectl renders it: every folder that is applied by itself, the combinations with components
that docs/kubernetes.md names, and the overlays that it shows.
"""

import functools
import os
import tempfile

import yaml

from document import ROOT, make_tree
from kubectl import kustomize

KUBERNETES = os.path.join(ROOT, "deploy", "kubernetes")

# name: (what it begins with, the components added to it)
BUILDS = {
    "base": ("base", ()),
    "local": ("overlays/local", ()),
    "cluster": ("overlays/cluster", ()),
    "local-1.20": ("overlays/local-1.20", ()),
    "cluster-1.20": ("overlays/cluster-1.20", ()),
    "smoke": ("smoke", ()),
    "smoke, TLS": ("smoke-tls", ()),
    "one coordinator, the provider": ("base", ("sqlite", "api-key")),
    "local, TLS": ("overlays/local", ("tls",)),
    "cluster, KEDA": ("overlays/cluster", ("keda",)),
    "cluster, no autoscaler, TLS": ("base", ("postgresql", "api-key", "tls")),
    "one coordinator, a gateway, TLS": ("base", ("sqlite", "api-key", "gateway", "tls")),
    "one coordinator, graders": ("base", ("sqlite", "api-key", "grader")),
    "cluster, watched": ("overlays/cluster", ("prometheus-operator", "grafana-sidecar")),
    "cluster, all": ("overlays/cluster", ("keda", "prometheus-operator", "grafana-sidecar", "tls")),
    "local-1.20, TLS": ("overlays/local", ("tls", "kubernetes-1.20")),
    "cluster-1.20, TLS": ("overlays/cluster", ("tls", "kubernetes-1.20")),
    "mine, of the document": ("document/mine", ()),
    "single, of the document": ("document/single", ()),
}


def is_old(name):
    return "1.20" in name


def component_names():
    return sorted(os.listdir(os.path.join(KUBERNETES, "components")))


@functools.lru_cache
def rendered(name):
    """The objects of a build, as a tuple of dictionaries that nobody may change."""
    start, components = BUILDS[name]
    if start.startswith("document/"):
        with tempfile.TemporaryDirectory(prefix="moa-document-") as folder:
            make_tree(folder)
            return parse(kustomize(os.path.join(folder, "deploy", "kubernetes", "overlays", os.path.basename(start))))
    start = os.path.join(KUBERNETES, start)
    if not components:
        return parse(kustomize(start))
    with tempfile.TemporaryDirectory(prefix="moa-kustomize-") as folder:
        # kustomize wants relative paths, and resolves links first.
        here = os.path.realpath(folder)
        mine = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": "moa",
                "resources": [os.path.relpath(start, here)],
                "components": [os.path.relpath(os.path.join(KUBERNETES, "components", c), here) for c in components]}
        with open(os.path.join(folder, "kustomization.yaml"), "w", encoding="utf-8") as file:
            yaml.safe_dump(mine, file)
        return parse(kustomize(folder))


def parse(text):
    return tuple(item for item in yaml.safe_load_all(text) if item)


def name_of(item):
    return f"{item['kind']} {item['metadata']['name']}"


def pod_template(item):
    """The template of what makes pods, else None."""
    return item["spec"]["template"] if item["kind"] in ("StatefulSet", "Deployment", "Job") else None
