"""What must hold for the objects of one build, beyond being of their types. Each check yields sentences about what does
not; `violations` runs them all.
"""

import re

from manifests import name_of, pod_template

USER = 10001
SLACK_SECONDS = 10
# How often a program may take its drain timeout before it ends: a coordinator also waits that long for its store.
DRAINS = {"coordinator": 2, "worker": 1, "grader": 1, "gateway": 1}
# Labels that NetworkPolicies look for on what is not in this tree; docs/kubernetes.md has them.
OF_OTHERS = [{"moa-client": "true"}, {"moa-gateway-client": "true"}, {"k8s-app": "kube-dns"}]
# The ports that each may dial, besides DNS.
DIALS = {"coordinator": {7070, 5432}, "worker": {7070, 443, 8181}, "grader": {7070}, "gateway": {7070},
         "client": {7070}, "simulator": set()}
CLUSTER_WIDE = {"Namespace"}
# Whose name says secret but which is none: the simulator takes any key.
NO_SECRETS = {"any-key-will-do"}


def of_kind(items, *kinds):
    return [item for item in items if item["kind"] in kinds]


def templates(items):
    """(object, its pods' template) of all that make pods."""
    return [(item, pod_template(item)) for item in of_kind(items, "StatefulSet", "Deployment", "Job")]


def containers(items):
    return [(f"{name_of(item)}: {container['name']}", template, container)
            for item, template in templates(items) for container in template["spec"]["containers"]]


def selects(selector, labels):
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for term in selector.get("matchExpressions", []):
        if term["operator"] != "In":
            raise AssertionError(f"no test for the operator {term['operator']}")
        if labels.get(term["key"]) not in term["values"]:
            return False
    return True


def selected(items, selector):
    return [(item, template) for item, template in templates(items)
            if selects(selector, template["metadata"]["labels"])]


def ports(template):
    return {port["name"]: port["containerPort"]
            for container in template["spec"]["containers"] for port in container.get("ports", [])}


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


# Pods.

def pods_are_restricted(items):
    for item, template in templates(items):
        pod, context = template["spec"], template["spec"].get("securityContext", {})
        wanted = {"runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER,
                  "seccompProfile": {"type": "RuntimeDefault"}}
        for field, value in wanted.items():
            if context.get(field) != value:
                yield f"{name_of(item)}: securityContext.{field} is {context.get(field)}"
        for field in ("automountServiceAccountToken", "enableServiceLinks"):
            if pod.get(field) is not False:
                yield f"{name_of(item)}: {field} is not false"
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.get(field):
                yield f"{name_of(item)}: {field}"
        kinds = {kind for volume in pod.get("volumes", []) for kind in volume} - {"name"}
        if not kinds <= {"configMap", "secret", "emptyDir", "projected"}:
            yield f"{name_of(item)}: volumes of kind {sorted(kinds)}"
        if "secret" in kinds and context.get("fsGroup") != USER:
            yield f"{name_of(item)}: without fsGroup it cannot read its secret"


def containers_are_restricted(items):
    wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    for name, _, container in containers(items):
        if container.get("securityContext") != wanted:
            yield f"{name}: securityContext is {container.get('securityContext')}"
        if not re.fullmatch(r"[\w./-]+:\d[\w.-]*", container["image"]):
            yield f"{name}: image {container['image']} has no version"


def containers_say_what_they_need(items):
    for name, _, container in containers(items):
        resources = container.get("resources", {})
        if set(resources.get("requests", {})) != {"cpu", "memory"}:
            yield f"{name}: requests are {resources.get('requests')}"
        # A throttled program renews its lease late, or looks deaf; one that runs programs of models is kept in bounds.
        limited = {"memory", "cpu"} if container["name"] == "grader" else {"memory"}
        if set(resources.get("limits", {})) != limited:
            yield f"{name}: limits are {resources.get('limits')}, not of {' and '.join(sorted(limited))}"


def probes_ask_the_right_question(items):
    for item, template in templates(items):
        if item["kind"] == "Job":
            continue
        for container in template["spec"]["containers"]:
            for kind, words in (("startupProbe", ("liveness", "/healthz")), ("livenessProbe", ("liveness", "/healthz")),
                                ("readinessProbe", ("readiness", "/readyz"))):
                yield from probe_faults(f"{name_of(item)}: {kind}", container.get(kind), words, ports(template))


def probe_faults(name, probe, words, named):
    ways = {"grpc", "httpGet", "exec"} & set(probe or {})
    if len(ways) != 1:
        yield f"{name} has {sorted(ways)}"
    elif "grpc" in ways:
        if probe["grpc"]["port"] not in named.values() or probe["grpc"].get("service") != words[0]:
            yield f"{name} asks {probe['grpc']}"
    elif "httpGet" in ways:
        if probe["httpGet"]["port"] not in named or probe["httpGet"]["path"] != words[1]:
            yield f"{name} asks {probe['httpGet']}"
    else:
        command = probe["exec"]["command"]
        address = re.fullmatch(r"127\.0\.0\.1:(\d+)(/\w+)", command[-1])
        if command[1:-1] != ["--health"] or not address or int(address[1]) not in named.values() \
                or address[2] != words[1]:
            yield f"{name} runs {command}"


def there_is_time_to_drain(items):
    for name, template, container in containers(items):
        drain = next((e["value"] for e in container.get("env", []) if e["name"] == "MOA_DRAIN_TIMEOUT"), None)
        if drain is None:
            continue
        # The image has no shell, and the time would be taken from the drain's.
        if "preStop" in container.get("lifecycle", {}):
            yield f"{name}: a preStop hook"
        delay = next((e["value"] for e in container["env"] if e["name"] == "MOA_DRAIN_DELAY"), "0s")
        needed = seconds(delay) + seconds(drain) * DRAINS[container["name"]] + SLACK_SECONDS
        if template["spec"].get("terminationGracePeriodSeconds", 30) < needed:
            yield f"{name}: terminationGracePeriodSeconds is below {needed}"


# What refers to what.

def selectors_find_pods(items):
    for item, template in templates(items):
        if item["kind"] != "Job" and not selects(item["spec"]["selector"], template["metadata"]["labels"]):
            yield f"{name_of(item)}: its selector does not match its own pods"
        for constraint in template["spec"].get("topologySpreadConstraints", []):
            if not selects(constraint["labelSelector"], template["metadata"]["labels"]):
                yield f"{name_of(item)}: spreads other pods than its own"
    for item in of_kind(items, "PodDisruptionBudget", "PodMonitor"):
        if not selected(items, item["spec"]["selector"]):
            yield f"{name_of(item)} selects nothing"
    for monitor in of_kind(items, "PodMonitor"):
        for _, template in selected(items, monitor["spec"]["selector"]):
            for endpoint in monitor["spec"]["podMetricsEndpoints"]:
                if endpoint["port"] not in ports(template):
                    yield f"{name_of(monitor)}: no port {endpoint['port']}"


def services_lead_to_ports(items):
    for service in of_kind(items, "Service"):
        found = selected(items, {"matchLabels": service["spec"]["selector"]})
        if len(found) != 1:
            yield f"{name_of(service)} selects {len(found)} kinds of pods"
        for _, template in found:
            for port in service["spec"]["ports"]:
                # With a headless service the port dialled is the pod's.
                if ports(template).get(port["targetPort"]) != port["port"]:
                    yield f"{name_of(service)}: port {port['port']} is not the container's"
        if "coordinator" in service["metadata"]["name"] and service["spec"].get("clusterIP") != "None":
            yield f"{name_of(service)} is not headless"
    names = {service["metadata"]["name"] for service in of_kind(items, "Service")}
    for item in of_kind(items, "StatefulSet"):
        if item["spec"]["serviceName"] not in names:
            yield f"{name_of(item)}: no service {item['spec']['serviceName']}"


def services_are_let_in(items):
    """Some policy takes connections to what a service leads to."""
    for service in of_kind(items, "Service"):
        for _, template in selected(items, {"matchLabels": service["spec"]["selector"]}):
            taken = {port["port"] for policy in of_kind(items, "NetworkPolicy")
                     if policy["spec"]["podSelector"] != {}
                     and selects(policy["spec"]["podSelector"], template["metadata"]["labels"])
                     for rule in policy["spec"].get("ingress", []) for port in rule["ports"]}
            for port in service["spec"]["ports"]:
                if port["port"] not in taken:
                    yield f"{name_of(service)}: no policy lets anybody in at {port['port']}"


def ingresses_lead_to_services(items):
    services = {service["metadata"]["name"]: {port["name"] for port in service["spec"]["ports"]}
                for service in of_kind(items, "Service")}
    for ingress in of_kind(items, "Ingress"):
        covered = {host for entry in ingress["spec"].get("tls", []) for host in entry["hosts"]}
        for rule in ingress["spec"]["rules"]:
            if rule["host"] not in covered:
                yield f"{name_of(ingress)}: {rule['host']} is served in clear text"
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                if backend["port"].get("name") not in services.get(backend["name"], ()):
                    yield f"{name_of(ingress)} leads to {backend}"


def what_is_mounted_is_there(items):
    made = {item["metadata"]["name"] for item in of_kind(items, "ConfigMap", "ServiceAccount")}
    for item, template in templates(items):
        pod = template["spec"]
        wanted = {volume["configMap"]["name"] for volume in pod.get("volumes", []) if "configMap" in volume}
        wanted |= {pod["serviceAccountName"]} if "serviceAccountName" in pod else set()
        for name in sorted(wanted - made):
            yield f"{name_of(item)}: no {name}"
        volumes = {volume["name"] for volume in pod.get("volumes", [])}
        volumes |= {claim["metadata"]["name"] for claim in item["spec"].get("volumeClaimTemplates", [])}
        for container in pod["containers"]:
            mounts = {mount["name"] for mount in container.get("volumeMounts", [])}
            if mounts - volumes or {v["name"] for v in pod.get("volumes", [])} - mounts:
                yield f"{name_of(item)}: mounts {sorted(mounts)} of {sorted(volumes)}"


def budgets_let_nodes_be_drained(items):
    for budget in of_kind(items, "PodDisruptionBudget"):
        spec = budget["spec"]
        if "minAvailable" in spec or not re.fullmatch(r"[1-9]\d*%?", str(spec.get("maxUnavailable"))):
            yield f"{name_of(budget)}: could block the drain of a node: {spec}"


def one_autoscaler_a_workload(items):
    workloads = {(item["kind"], item["metadata"]["name"]): item for item, _ in templates(items)}
    targets = [item["spec"]["scaleTargetRef"] for item in of_kind(items, "HorizontalPodAutoscaler", "ScaledObject")]
    keys = [(target["kind"], target["name"]) for target in targets]
    for key in keys:
        if key not in workloads:
            yield f"no {key} to scale"
        elif "replicas" in workloads[key]["spec"]:
            yield f"{key} is scaled and has a number of its own"
        if keys.count(key) > 1:
            yield f"{key} is scaled by two"


# The network, secrets, labels.

def policies_match_something(items):
    policies = of_kind(items, "NetworkPolicy")
    if templates(items) and policies and not any(
            p["spec"]["podSelector"] == {} and "ingress" not in p["spec"] and "egress" not in p["spec"]
            and set(p["spec"]["policyTypes"]) == {"Ingress", "Egress"} for p in policies):
        yield "nothing denies what no policy allows"
    for policy in policies:
        spec = policy["spec"]
        if not matches(items, spec["podSelector"]):
            yield f"{name_of(policy)} is about no pods"
        for rule in spec.get("ingress", []):
            yield from peer_faults(items, policy, rule.get("from", []))
            mine = {port for _, template in selected(items, spec["podSelector"]) for port in ports(template).values()}
            for port in rule["ports"]:
                if port["port"] not in mine:
                    yield f"{name_of(policy)}: nobody listens on {port['port']}"
        for rule in spec.get("egress", []):
            yield from peer_faults(items, policy, rule.get("to", []))
            if any(peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0" for peer in rule.get("to", [])):
                who = {template["metadata"]["labels"]["app.kubernetes.io/component"]
                       for _, template in selected(items, spec["podSelector"])}
                if who != {"worker"} or [port["port"] for port in rule["ports"]] != [443]:
                    yield f"{name_of(policy)} lets {sorted(who)} out"


def matches(items, selector):
    return selector == {} or selector.get("matchLabels") in OF_OTHERS or selected(items, selector)


def peer_faults(items, policy, peers):
    for peer in peers:
        if "podSelector" in peer and not matches(items, peer["podSelector"]):
            yield f"{name_of(policy)}: {peer['podSelector']} is nobody"


def policies_let_nobody_further(items):
    """Each reaches whom it needs: nobody else's port, and named peers but for a coordinator's database."""
    for policy in of_kind(items, "NetworkPolicy"):
        if policy["spec"]["podSelector"] == {}:
            continue  # the names of all, and what denies the rest
        for _, template in selected(items, policy["spec"]["podSelector"]):
            who = template["metadata"]["labels"]["app.kubernetes.io/component"]
            for rule in policy["spec"].get("egress", []):
                dialled = {port["port"] for port in rule.get("ports", [])}
                if not dialled or dialled - DIALS[who]:
                    yield f"{name_of(policy)} lets {who} dial {sorted(dialled)}"
                if not rule.get("to") and dialled != {5432}:
                    yield f"{name_of(policy)} lets {who} go anywhere"


def gateways_ask_for_tokens(items):
    """Beyond loopback, so always here; the tokens are a Secret's."""
    for name, template, container in containers(items):
        if container["name"] != "gateway":
            continue
        path = next((e["value"] for e in container["env"] if e["name"] == "MOA_TOKEN_FILE"), "")
        secrets = {volume["name"] for volume in template["spec"]["volumes"] if "secret" in volume}
        if not any(mount["name"] in secrets and path.startswith(mount["mountPath"] + "/")
                   for mount in container["volumeMounts"]):
            yield f"{name}: its tokens are in {path or 'no file'}"


RUN_MEBIBYTES = 256  # what a run of a graded program may take (worker/sandbox/sandbox.h)


def variables(container):
    return {variable["name"]: variable.get("value") for variable in container.get("env", [])}


def graders_only_grade(items):
    """No model is called, no secret is there but a certificate, and each slot has a core and a run's memory."""
    for name, template, container in containers(items):
        if container["name"] != "grader":
            continue
        known, limits = variables(container), container["resources"].get("limits", {})
        slots = int(known.get("MOA_GRADING_SLOTS") or 0)
        if known.get("MOA_SLOTS") != "0" or slots < 1:
            yield f"{name}: {known.get('MOA_SLOTS')} slots, {slots} for grading"
        for word in sorted({"CEREBRAS_API_KEY", "MOA_API_KEY_FILE", "MOA_BASE_URL"} & set(known)):
            yield f"{name} has {word}"
        secrets = {volume["secret"]["secretName"] for volume in template["spec"].get("volumes", [])
                   if "secret" in volume} - {"moa-grader-tls"}
        if secrets or any("valueFrom" in v and "secretKeyRef" in v["valueFrom"] for v in container["env"]):
            yield f"{name} reads secrets {sorted(secrets)}"
        if mebibytes(limits.get("memory", "0Mi")) <= slots * RUN_MEBIBYTES or int(limits.get("cpu", 0)) < slots:
            yield f"{name}: {limits} are too little for {slots} slots"


def mebibytes(text):
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", text).groups()
    return int(number) * {"Mi": 1, "Gi": 1024}[unit]


def nobody_dials_graders(items):
    """But who reads metrics."""
    for policy in of_kind(items, "NetworkPolicy"):
        who = {template["metadata"]["labels"]["app.kubernetes.io/component"]
               for _, template in selected(items, policy["spec"]["podSelector"])}
        if "grader" not in who or policy["spec"]["podSelector"] == {}:
            continue
        for rule in policy["spec"].get("ingress", []):
            if rule.get("from") != [{"namespaceSelector": {"matchLabels": {"moa-monitoring": "true"}}}]:
                yield f"{name_of(policy)} lets {rule.get('from')} dial graders"


def there_are_no_secrets(items):
    for item in of_kind(items, "Secret"):
        yield f"{name_of(item)}: a secret is in the tree"
    for name, _, container in containers(items):
        for variable in container.get("env", []):
            if re.search(r"KEY$|TOKEN|PASSWORD|SECRET", variable["name"]) and "value" in variable \
                    and variable["value"] not in NO_SECRETS and not variable["value"].startswith("/etc/moa/"):
                yield f"{name}: {variable['name']} is in clear text"


def everything_has_its_labels(items):
    for item in items:
        if item["kind"] not in CLUSTER_WIDE and item["metadata"].get("namespace") != "moa":
            yield f"{name_of(item)} is in no namespace"
        if item["metadata"].get("labels", {}).get("app.kubernetes.io/part-of") != "moa":
            yield f"{name_of(item)} is part of nothing"
    for item, template in templates(items):
        for key in ("name", "component", "part-of"):
            if f"app.kubernetes.io/{key}" not in template["metadata"]["labels"]:
                yield f"{name_of(item)}: pods without {key}"


def of_several(items):
    """What may have more than one pod."""
    return [item for item in of_kind(items, "Deployment", "StatefulSet") if item["metadata"]["name"] != "cerebras-sim"]


def successors_come_first(items):
    for item in of_several(items):
        if item["kind"] == "Deployment" and \
                item["spec"]["strategy"].get("rollingUpdate") != {"maxUnavailable": 0, "maxSurge": 1}:
            yield f"{name_of(item)}: strategy is {item['spec']['strategy']}"


def pods_are_spread(items):
    for item in of_several(items):
        keys = {constraint["topologyKey"] for constraint in pod_template(item)["spec"]["topologySpreadConstraints"]}
        if "kubernetes.io/hostname" not in keys:
            yield f"{name_of(item)}: all of them may be on one node"


CHECKS = (pods_are_restricted, containers_are_restricted, containers_say_what_they_need,
          probes_ask_the_right_question, there_is_time_to_drain, selectors_find_pods, services_lead_to_ports,
          services_are_let_in, ingresses_lead_to_services, what_is_mounted_is_there, budgets_let_nodes_be_drained,
          one_autoscaler_a_workload, policies_match_something, policies_let_nobody_further, gateways_ask_for_tokens,
          graders_only_grade, nobody_dials_graders,
          there_are_no_secrets, everything_has_its_labels, successors_come_first, pods_are_spread)


def violations(items):
    return [sentence for check in CHECKS for sentence in check(items)]
