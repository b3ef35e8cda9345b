#!/usr/bin/env python3
"""Writes the Grafana dashboards beside this file: one source, so that units, variables, links and wording agree.

usage: generate.py [--check]     --check writes nothing and fails when a dashboard is not what this would write.

A panel's query keeps to three habits: it selects by $job and $instance, it takes rates over $__rate_interval, and where
it divides or takes a quantile it ends in ">= 0", which drops the NaN that both are while nothing happens. Each panel's
description ends with the metrics it shows.
"""

import json
import os
import re
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WINDOW = "[$__rate_interval]"
METRIC = re.compile(r"\b(?:job[a-z_]*:)?(?:moa|gen_ai|process)[_:][a-z0-9_:]+|\bup\b")


# Queries.

def series(metric, more=""):
    return f'{metric}{{job=~"$job",instance=~"$instance"{"," + more if more else ""}}}'


def total(metric, by="", more=""):
    return f"sum{by_clause(by)}({series(metric, more)})"


def rate(metric, by="", more="", window=WINDOW):
    return f"sum{by_clause(by)}(rate({series(metric, more)}{window}))"


def by_clause(by):
    return f" by ({by}) " if by else ""


def ratio(part, whole):
    return f"{part} / {whole} >= 0"


def quantile(q, metric, by="", more=""):
    by = f"{by}, le" if by else "le"
    return f"histogram_quantile({q}, {rate(metric + '_bucket', by, more)}) >= 0"


def mean(metric, by="", more=""):
    return ratio(rate(metric + "_sum", by, more), rate(metric + "_count", by, more))


def quantiles(metric, by="", more="", of=(0.5, 0.95, 0.99)):
    label = f"{{{{{by}}}}} " if by else ""
    return [(quantile(q, metric, by, more), f"{label}p{round(q * 100)}") for q in of]


# Of what every process serves, that of workers: only they have sessions.
def of_workers(expr):
    return f"{expr} and on (job, instance) moa_worker_sessions"


# Of what every process serves, that of gateways.
def of_gateways(expr):
    return f"{expr} and on (job, instance) moa_gateway_requests_open"


# Panels.

def metrics_of(targets):
    names = []
    for expr, _ in targets:
        for name in METRIC.findall(re.sub(r"\{[^}]*\}|by \([^)]*\)|on \([^)]*\)", "", expr)):
            name = re.sub(r"_(bucket|sum|count)$", "", name)
            if name not in names:
                names.append(name)
    return names


def panel(kind, title, targets, unit, text, width, height, options, defaults, instant=False, form="time_series"):
    if isinstance(targets, str):
        targets = [(targets, "__auto")]
    named = ", ".join(f"`{name}`" for name in metrics_of(targets))
    return {
        "type": kind, "title": title, "description": f"{text} {named}".strip(), "datasource": SOURCE,
        "gridPos": {"w": width, "h": height, "x": 0, "y": 0},
        "fieldConfig": {"defaults": {"unit": unit, **defaults}, "overrides": []},
        "options": options,
        "targets": [{"refId": chr(ord("A") + i), "datasource": SOURCE, "expr": expr, "legendFormat": legend,
                     "instant": instant, "range": not instant, "format": form, "editorMode": "code"}
                    for i, (expr, legend) in enumerate(targets)],
    }


def steps(*pairs):
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for value, color in pairs]}


def stat(title, expr, unit, text, levels=((None, "blue"),), width=4, decimals=None, none="no traffic"):
    defaults = {"thresholds": steps(*levels), "noValue": none, "color": {"mode": "thresholds"}}
    if decimals is not None:
        defaults["decimals"] = decimals
    options = {"colorMode": "value", "graphMode": "area", "justifyMode": "auto", "textMode": "value",
               "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    return panel("stat", title, expr, unit, text, width, 4, options, defaults)


def graph(title, targets, unit, text, width=8, stack=False, limit=None, none="nothing yet"):
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 25 if stack else 8, "showPoints": "never",
              "spanNulls": False, "stacking": {"mode": "normal" if stack else "none", "group": "A"},
              "thresholdsStyle": {"mode": "dashed" if limit is not None else "off"}}
    defaults = {"custom": custom, "min": 0, "noValue": none, "color": {"mode": "palette-classic"}}
    if limit is not None:
        defaults["thresholds"] = steps((None, "green"), (limit, "red"))
    options = {"legend": {"displayMode": "table", "placement": "bottom", "calcs": ["mean", "max", "lastNotNull"],
                          "showLegend": True},
               "tooltip": {"mode": "multi", "sort": "desc"}}
    return panel("timeseries", title, targets, unit, text, width, 8, options, defaults)


def heatmap(title, metric, text, width=12):
    options = {"calculate": False, "yAxis": {"unit": "s", "axisPlacement": "left"}, "cellGap": 1,
               "color": {"mode": "scheme", "scheme": "Blues", "steps": 64, "exponent": 0.5},
               "tooltip": {"mode": "single", "yHistogram": False}, "legend": {"show": True}}
    return panel("heatmap", title, [(f"sum by (le) (increase({series(metric + '_bucket')}{WINDOW}))", "{{le}}")], "s",
                 text,
                 width, 8, options, {}, form="heatmap")


def table(title, expr, text, width=12):
    made = panel("table", title, expr, "short", text, width, 8, {"showHeader": True, "cellHeight": "sm"}, {},
                 instant=True, form="table")
    made["transformations"] = [{"id": "organize",
                                "options": {"excludeByName": {"Time": True, "Value": True, "__name__": True}}}]
    return made


def row(title, *panels):
    return title, panels


# Dashboards.

def variable(name, label, query):
    return {"type": "query", "name": name, "label": label, "datasource": SOURCE,
            "query": {"query": query, "refId": name}, "refresh": 2, "sort": 1, "multi": True, "includeAll": True,
            "allValue": ".*", "current": {"selected": True, "text": ["All"], "value": ["$__all"]}}


def dashboard(name, title, text, rows, variables=()):
    panels, y = [], 0
    for heading, members in rows:
        panels.append({"type": "row", "title": heading, "collapsed": False, "panels": [],
                       "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}})
        x, y, height = 0, y + 1, 0
        for member in members:
            place = member["gridPos"]
            if x + place["w"] > 24:
                x, y, height = 0, y + height, 0
            place["x"], place["y"] = x, y
            x, height = x + place["w"], max(height, place["h"])
            panels.append(member)
        y += height
    for number, member in enumerate(panels, 1):
        member["id"] = number
    return {
        "uid": f"moa-{name}", "title": f"MoA / {title}", "description": text, "tags": ["moa"], "schemaVersion": 39,
        "version": 1, "editable": True, "graphTooltip": 1, "refresh": "30s", "timezone": "browser",
        "time": {"from": "now-1h", "to": "now"}, "annotations": {"list": []},
        "links": [{"type": "dashboards", "title": "MoA", "tags": ["moa"], "asDropdown": False, "includeVars": True,
                   "keepTime": True, "targetBlank": False, "icon": "external link", "tooltip": "", "url": ""}],
        "templating": {"list": [
            {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus"},
            variable("job", "Job", "label_values(moa_build_info, job)"),
            variable("instance", "Instance", 'label_values(moa_build_info{job=~"$job"}, instance)'),
            *variables,
        ]},
        "panels": panels,
    }


def overview():
    ended = rate("moa_jobs_finished_total", more='state!="cancelled"')
    failed = rate("moa_jobs_finished_total", more='state="failed"')
    burn = [(f'max(job:moa_job_errors:ratio_rate{w}{{job=~"$job"}}) / 0.005', w) for w in ("1h", "6h", "3d")]
    return dashboard("overview", "Overview", "Is it well, how much does it do, how fast, and what does it cost.", [
        row("Now",
            stat("Jobs/s", rate("moa_jobs_finished_total"), "short", "Jobs that ended, a second.", decimals=2),
            stat("Calls/s", rate("moa_attempts_total"), "short", "Upstream calls that ended, a second.", decimals=1),
            stat("Tokens/s in", rate("moa_tokens_total", more='kind="prompt"'), "short",
                 "Prompt tokens, cached ones included.", decimals=0),
            stat("Tokens/s out", rate("moa_tokens_total", more='kind="completion"'), "short",
                 "Completion tokens, reasoning included.", decimals=0),
            stat("Success", f"1 - ({ratio(failed, ended)})", "percentunit",
                 "Of the jobs that ended and were not cancelled, those that succeeded.",
                 ((None, "red"), (0.95, "orange"), (0.995, "green"))),
            stat("Degraded", ratio(rate("moa_jobs_degraded_total"), rate("moa_jobs_finished_total")), "percentunit",
                 "Of the jobs that ended, those that had lost an agent's answer.", ((None, "green"), (0.05, "orange"),
                                                                                    (0.2, "red"))),
            stat("Queue age", f"max({series('moa_queue_oldest_age_seconds')})", "s",
                 "How long the oldest ready task has waited.",
                 ((None, "green"), (60, "orange"), (600, "red"))),
            stat("Workers", f"max({series('moa_workers')})", "short",
                 "Workers connected to the coordinator that has most.",
                 ((None, "red"), (1, "green"))),
            stat("Dollars/h", f"3600 * {rate('moa_cost_usd_total')}", "currencyUSD",
                 "By the price table, at the present pace.", decimals=2),
            stat("Calls under way", total("moa_attempts_running"), "short", "Attempts on workers."),
            stat("Targets down", 'count(up{job=~"moa-.*"} == 0) or vector(0)', "short",
                 "Programs that Prometheus cannot scrape; whatever the variables say.",
                 ((None, "green"), (1, "red"))),
            stat("Budget burn, 6h", 'max(job:moa_job_errors:ratio_rate6h{job=~"$job"}) / 0.005', "short",
                 "Failed jobs over what the objective (99.5 %) allows: 1 uses the budget of 30 days in 30 days. "
                 "Needs the recording rules.",
                 ((None, "green"), (1, "orange"), (6, "red")), decimals=2)),
        row("Throughput",
            graph("Jobs by end", [(rate("moa_jobs_finished_total", "state"), "{{state}}")], "ops",
                  "Jobs that ended, a second.", stack=True),
            graph("Submissions", [(rate("moa_jobs_submitted_total"), "accepted"),
                                  (rate("moa_jobs_refused_total", "reason"), "refused: {{reason}}")],
                  "ops", "Jobs offered, a second."),
            graph("Calls by outcome", [(rate("moa_attempts_total", "outcome"), "{{outcome}}")], "ops",
                  "Upstream calls that ended, a second.", stack=True),
            graph("Tokens in and out", [(rate("moa_tokens_total", "kind", 'kind=~"prompt|completion"'), "{{kind}}")],
                  "short",
                  "Tokens a second as the provider counted them."),
            graph("Calls by model", [(rate("moa_attempts_total", "model"), "{{model}}")], "ops",
                  "Upstream calls that ended, a second.", stack=True),
            graph("Tasks by end", [(rate("moa_tasks_finished_total", "state"), "{{state}}")], "ops",
                  "Tasks that ended, a second.")),
        row("Latency by stage",
            graph("Job duration", quantiles("moa_job_duration_seconds"), "s",
                  "From acceptance to the terminal record, failed jobs included."),
            graph("Added latency", quantiles("moa_job_added_latency_seconds"), "s",
                  "Succeeded jobs: duration less the longest call of each layer. What the system added."),
            graph("Queue time of tasks", quantiles("moa_task_queue_seconds"), "s",
                  "From a task's being ready to its dispatch."),
            graph("Stages, p95", [(quantile(0.95, "moa_layer_duration_seconds", "kind"), "{{kind}}")], "s",
                  "From a stage's start to the next one's."),
            graph("Time to first token, p95",
                  [(quantile(0.95, "moa_time_to_first_token_seconds", "model"),
                    "{{model}}")], "s", "Of streamed calls."),
            graph("Calls, p95", [(quantile(0.95, "moa_attempt_duration_seconds", "model"), "{{model}}")], "s",
                  "Successful calls as the workers measured them.")),
        row("Queue",
            graph("Waiting", [(total("moa_queue_tasks"), "tasks"), (total("moa_jobs", "state"), "jobs {{state}}")],
                  "short", "Ready tasks without a slot; unfinished jobs."),
            graph("Age of the oldest task", [(series("moa_queue_oldest_age_seconds"), "{{instance}}")], "s",
                  "By coordinator.", limit=60),
            graph("Slots, as coordinators see them", [(total("moa_slots", "state"), "{{state}}")], "short",
                  "Slots granted to coordinators, by use.", stack=True)),
        row("Cost",
            graph("Dollars/h by model", [(f"3600 * {rate('moa_cost_usd_total', 'model')}", "{{model}}"),
                                         ("max(moa:cost_usd_per_hour:limit)", "alert's limit")],
                  "currencyUSD", "By the price table. The limit is a recording rule."),
            graph("Dollars/h by tenant", [(f"3600 * {rate('moa_tenant_cost_usd_total', 'tenant')}", "{{tenant}}")],
                  "currencyUSD", "By the price table."),
            graph("Tokens/s by tenant", [(rate("moa_tenant_tokens_total", "tenant, kind"), "{{tenant}} {{kind}}")],
                  "short", "As the provider counted them.")),
        row("Objective: 99.5 % of jobs succeed",
            graph("Error budget burn", burn, "short",
                  "1 uses the budget of 30 days in 30 days; alerts at 14.4 (1h), 6 (6h) and 1 (3d). "
                  "Needs the recording rules.", width=12, limit=1),
            graph("Failed and degraded", [(ratio(failed, ended), "failed"),
                                          (ratio(rate("moa_jobs_degraded_total"), rate("moa_jobs_finished_total")),
                                           "degraded")],
                  "percentunit", "Shares of the jobs that ended.", width=12)),
        row("Processes",
            graph("CPU", [(f"rate({series('process_cpu_seconds_total')}{WINDOW})", "{{job}} {{instance}}")], "short",
                  "Cores in use."),
            graph("Resident memory", [(series("process_resident_memory_bytes"), "{{job}} {{instance}}"),
                                      ("max(moa:resident_memory_bytes:limit)", "alert's limit")],
                  "bytes", "The limit is a recording rule."),
            graph("File descriptors",
                  [(ratio(series("process_open_fds"), series("process_max_fds")),
                    "{{job}} {{instance}}")], "percentunit", "Of those that the process may open.", limit=0.8)),
    ])


def models():
    model = 'model=~"$model"'
    failing = 'outcome!~"ok|cancelled|not_needed",' + model
    left = ratio(f"sum by (model, key, kind, period) ({series('moa_quota_remaining', model)})",
                 f"max by (model, key, kind, period) ({series('moa_quota_limit', model)})")
    return dashboard("models", "Models and quota",
                     "What each model is asked and answers, and what the provider allows.", [
        row("Calls",
            graph("Calls by model", [(rate("moa_attempts_total", "model", model), "{{model}}")], "ops",
                  "Upstream calls that ended, a second.", stack=True),
            graph("Outcomes that are not success",
                  [(rate("moa_attempts_total", "model, outcome", failing), "{{model}} {{outcome}}")], "ops",
                  "Calls a second; cancelled and superfluous ones left out.", none="none"),
            graph("Success of calls",
                  [(ratio(rate("moa_attempts_total", "model", 'outcome="ok",' + model),
                          rate("moa_attempts_total", "model",
                               'outcome!~"cancelled|not_needed",' + model)), "{{model}}")],
                  "percentunit", "Of the calls that were not cancelled.")),
        row("Tokens and cost",
            graph("Tokens in", [(rate("moa_tokens_total", "model", 'kind="prompt",' + model), "{{model}}")], "short",
                  "Prompt tokens a second."),
            graph("Tokens out", [(rate("moa_tokens_total", "model", 'kind="completion",' + model), "{{model}}"),
                                 (rate("moa_tokens_total", "model", 'kind="reasoning",' + model),
                                  "{{model}} reasoning")],
                  "short", "Completion tokens a second, and those of them that were reasoning."),
            graph("Prompt cache",
                  [(ratio(rate("moa_tokens_total", "model", 'kind="cached",' + model),
                          rate("moa_tokens_total", "model", 'kind="prompt",' + model)), "{{model}}")],
                  "percentunit", "Of the prompt tokens, those that the provider's cache served."),
            graph("Dollars/h", [(f"3600 * {rate('moa_cost_usd_total', 'model', model)}", "{{model}}")], "currencyUSD",
                  "By the price table.", stack=True),
            graph("Prompt estimate", quantiles("moa_prompt_estimate_ratio", "model", model, (0.5, 0.95)), "short",
                  "Prompt tokens as estimated before sending, of those counted: far above 1 wastes quota, below 1 "
                  "overruns it."),
            graph("Output tokens/s of a call",
                  [(ratio(rate("moa_tokens_total", "model", 'kind="completion",' + model),
                          rate("moa_attempt_duration_seconds_sum", "model", model)), "{{model}}")],
                  "short", "Completion tokens over the time of successful calls.")),
        row("Latency",
            graph("Call duration", quantiles("moa_attempt_duration_seconds", "model", model, (0.5, 0.95)), "s",
                  "Successful calls as the workers measured them."),
            graph("Time to first token", quantiles("moa_time_to_first_token_seconds", "model", model, (0.5, 0.95)),
                  "s", "Of streamed calls."),
            graph("Time per chunk",
                  [(quantile(0.95, "gen_ai_client_operation_time_per_output_chunk_seconds", "gen_ai_request_model",
                             'gen_ai_request_model=~"$model"'), "{{gen_ai_request_model}} p95")],
                  "s", "Mean time of a call from one piece of the reply to the next, as workers see it.")),
        row("Quota",
            graph("Left", [(left, "{{model}} {{kind}}/{{period}} {{key}}")], "percentunit",
                  "What may be sent now, of the provider's limit; summed over coordinators.", width=12),
            graph("Limits",
                  [(f"max by (model, kind, period) ({series('moa_quota_limit', model)})",
                    "{{model}} {{kind}}/{{period}}")], "short", "As headers and the configuration tell them.",
                  width=12),
            graph("Tasks that wait for quota or a slot",
                  [(total("moa_quota_waiting_tasks", "model", model),
                    "{{model}}")], "short", "Ready tasks by model."),
            graph("Reserved tokens", [(total("moa_quota_reserved_tokens", "model", model), "{{model}}")], "short",
                  "Set aside for calls under way."),
            graph("Calls under way", [(total("moa_quota_reserved_requests", "model", model), "{{model}}")], "short",
                  "By quota."),
            graph("Closed",
                  [(f"max by (model, key) ({series('moa_quota_closed_seconds', model)})",
                    "{{model}} {{key}}")], "s", "For how much longer the provider has asked not to be called."),
            graph("Storm", [(f"max by (model, key) ({series('moa_quota_storm', model)})", "{{model}} {{key}}")],
                  "short", "1 while the provider is too busy and only single calls are tried."),
            graph("Window", [(f"max by (model, key) ({series('moa_quota_window', model)})", "{{model}} {{key}}")],
                  "short", "Calls allowed at once while the provider recovers; 0: no such bound.")),
        row("Second tries",
            graph("Retries", [(rate("moa_retries_total"), "retries")], "ops",
                  "Attempts made again after a failure, a second."),
            graph("Retry budget", [(f"min({series('moa_retry_budget')})", "least of a coordinator")], "short",
                  "Repeats that may be made at once; at 0 failures are not repeated."),
            graph("Fallbacks", [(rate("moa_fallbacks_total", "model", model), "from {{model}}")], "ops",
                  "Tasks that left this model for their agent's next one."),
            graph("Hedges", [(rate("moa_hedges_total", "outcome"), "{{outcome}}")], "ops",
                  "Second calls beside slow ones."),
            graph("Wasted by hedges", [(rate("moa_hedge_wasted_tokens_total"), "tokens")], "short",
                  "Tokens a second of superfluous calls."),
            graph("Duplicated calls", [(rate("moa_upstream_calls_duplicated_total"), "calls")], "ops",
                  "Calls made again because their result was lost.")),
    ], [variable("model", "Model", 'label_values(moa_tokens_total{job=~"$job"}, model)')])


def workers():
    name = "gen_ai_request_model"
    return dashboard("workers", "Workers", "The processes that call the provider, and those that grade.", [
        row("Connections",
            graph("Workers by coordinator", [(series("moa_workers"), "{{instance}}")], "short",
                  "Connected, as each coordinator sees it."),
            graph("Sessions", [(total("moa_worker_sessions", "instance, state"), "{{instance}} {{state}}")], "short",
                  "Coordinators by state of the connection, as each worker sees it."),
            graph("Deaf workers", [(f"sum(increase({series('moa_workers_deaf_total')}{WINDOW}))", "deaf")], "short",
                  "Workers whose calls had not moved for too long.")),
        row("Load",
            graph("Slots in use", [(series("moa_worker_slots", 'state="used"'), "{{instance}}")],
                  "short", "Calls that each worker runs."),
            graph("Slots", [(total("moa_worker_slots", "state"), "{{state}}")], "short",
                  "Of the chosen workers together.", stack=True),
            graph("Calls by worker", [(rate("moa_worker_attempts_total", "instance"), "{{instance}}")], "ops",
                  "Attempts that ended, a second.")),
        row("Calls",
            graph("Outcomes", [(rate("moa_worker_attempts_total", "outcome"), "{{outcome}}")], "ops",
                  "Attempts that ended, a second.", stack=True),
            graph("Errors by model",
                  [(rate("gen_ai_client_operation_duration_seconds_count", f"{name}, error_type", 'error_type!=""'),
                    "{{" + name + "}} {{error_type}}")], "ops",
                  "Calls a second that failed.", none="none"),
            graph("Duration", quantiles("gen_ai_client_operation_duration_seconds", name, 'error_type=""',
                                        (0.5, 0.95)), "s", "Of successful calls."),
            graph("Time to first chunk", quantiles("gen_ai_client_operation_time_to_first_chunk_seconds", name, "",
                                                   (0.5, 0.95)), "s", "Of streamed calls."),
            graph("Time per chunk", quantiles("gen_ai_client_operation_time_per_output_chunk_seconds", name, "",
                                              (0.5, 0.95)), "s",
                  "Mean of a call, from one piece of the reply to the next."),
            graph("Tokens of a call", quantiles("gen_ai_client_token_usage", "gen_ai_token_type", "", (0.5, 0.95)),
                  "short", "As the provider counted them."),
            graph("Tokens/s", [(rate("gen_ai_client_token_usage_sum", "gen_ai_token_type"), "{{gen_ai_token_type}}")],
                  "short", "Of all calls, failed ones included."),
            graph("Results dropped", [(rate("moa_worker_results_dropped_total", "instance"), "{{instance}}")], "ops",
                  "Finished results given up because of the limits: they are made again.")),
        row("Graders",
            graph("Gradings", [(rate("moa_worker_gradings_total", "outcome"), "{{outcome}}")], "ops",
                  "Runs of graders that ended, a second. What a program did is its grade's, not this outcome's.",
                  width=6, stack=True),
            graph("Duration of gradings", quantiles("moa_worker_grading_duration_seconds"), "s",
                  "How long runs took on the workers: 10 s at most.", width=6),
            graph("Slots for graders", [(total("moa_worker_grading_slots", "state"), "{{state}}")], "short",
                  "Of the chosen workers together.", width=6, stack=True),
            graph("Waiting for graders",
                  [(f"""{total("moa_quota_waiting_tasks", more='model="grader"')} or vector(0)""", "tasks")], "short",
                  "Grading tasks that are ready and have no slot, as coordinators see them.", width=6)),
        row("Processes",
            graph("CPU", [(of_workers(f"rate({series('process_cpu_seconds_total')}{WINDOW})"), "{{instance}}")],
                  "short", "Cores in use."),
            graph("Resident memory", [(of_workers(series("process_resident_memory_bytes")), "{{instance}}")], "bytes",
                  ""),
            graph("File descriptors", [(of_workers(series("process_open_fds")), "{{instance}}")], "short", "Open."),
            graph("Threads", [(of_workers(series("process_threads")), "{{instance}}")], "short", ""),
            graph("Up for", [(of_workers(f"time() - {series('process_start_time_seconds')}"), "{{instance}}")], "s",
                  "A line that falls to 0 is a restart."),
            table("Versions", f"sum by (job, instance, version) ({series('moa_build_info')})",
                  "What runs where, coordinators included.", width=8)),
    ])


def jobs():
    return dashboard("jobs", "Jobs", "Where the time of jobs goes, and how they end.", [
        row("Ends",
            graph("Jobs by end", [(rate("moa_jobs_finished_total", "state"), "{{state}}")], "ops",
                  "Jobs that ended, a second.", stack=True),
            graph("Unfinished", [(total("moa_jobs", "state"), "{{state}}")], "short",
                  "Queued: no task dispatched yet.", stack=True),
            graph("Degraded", [(ratio(rate("moa_jobs_degraded_total"), rate("moa_jobs_finished_total")), "degraded")],
                  "percentunit", "Of the jobs that ended, those that had lost an agent's answer."),
            graph("By tenant", [(rate("moa_tenant_jobs_finished_total", "tenant, state"), "{{tenant}} {{state}}")],
                  "ops", "Jobs that ended, a second."),
            graph("Refused", [(rate("moa_jobs_refused_total", "reason"), "{{reason}}")], "ops",
                  "Submissions that were not accepted, a second."),
            graph("Watchers", [(total("moa_watchers"), "watchers")], "short", "Clients that watch a job.")),
        row("Duration",
            heatmap("Job duration", "moa_job_duration_seconds", "From acceptance to the terminal record."),
            graph("Job duration", quantiles("moa_job_duration_seconds"), "s",
                  "From acceptance to the terminal record, failed jobs included.", width=12)),
        row("Anatomy: where the time goes",
            graph("Mean job", [(mean("moa_job_duration_seconds"), "duration"),
                               (mean("moa_job_added_latency_seconds"), "of it added by the system")], "s",
                  "Duration of all jobs, and what was added to succeeded ones. The difference is the critical "
                  "path: calls that nothing could have avoided.", width=12),
            graph("Share that the system adds",
                  [(ratio(rate("moa_job_added_latency_seconds_sum"), rate("moa_job_duration_seconds_sum")),
                    "added")], "percentunit",
                  "Waiting, retries and overhead, of all time of jobs. Exact while no job fails.", width=12),
            heatmap("Added latency", "moa_job_added_latency_seconds",
                    "Succeeded jobs: duration less the longest call of each layer."),
            graph("Added latency", quantiles("moa_job_added_latency_seconds"), "s",
                  "Succeeded jobs: duration less the longest call of each layer.", width=12),
            graph("Queue time of tasks", quantiles("moa_task_queue_seconds"), "s",
                  "From a task's being ready to its dispatch: slots and quota."),
            graph("Stages, mean", [(mean("moa_layer_duration_seconds", "kind"), "{{kind}}")], "s",
                  "From a stage's start to the next one's or the job's end."),
            graph("Stages, p95", [(quantile(0.95, "moa_layer_duration_seconds", "kind"), "{{kind}}")], "s",
                  "From a stage's start to the next one's or the job's end."),
            graph("Stages ended", [(rate("moa_layer_duration_seconds_count", "kind"), "{{kind}}")], "ops",
                  "A second.")),
        row("Tasks",
            graph("Tasks by end", [(rate("moa_tasks_finished_total", "state"), "{{state}}")], "ops",
                  "Tasks that ended, a second.", stack=True),
            graph("Calls a task",
                  [(ratio(rate("moa_attempts_total"), rate("moa_tasks_finished_total",
                                                           more='state=~"succeeded|failed"')), "calls")], "short",
                  "Above 1: retries, hedges, lost workers."),
            graph("Time to cancel a call", quantiles("moa_cancel_duration_seconds", of=(0.5, 0.99)), "s",
                  "From the decision to the connection's being closed.", none="none cancelled"),
            graph("Stale reports", [(rate("moa_stale_events_total"), "reports")], "ops",
                  "About attempts that were not current any more, a second."),
            graph("Recovered",
                  [(f"sum by (instance) (increase({series('moa_jobs_recovered_total')}{WINDOW}))",
                    "{{instance}}")], "short", "Jobs taken up from the store."),
            graph("Duplicated calls", [(rate("moa_upstream_calls_duplicated_total"), "calls")], "ops",
                  "Calls made again because their result was lost.")),
    ])


def store():
    several = "PostgreSQL only."
    return dashboard("store", "Store and coordinators", "What is durable, and who owns it.", [
        row("Store",
            graph("Takes jobs", [(series("moa_store_up"), "{{instance}}")], "short", "1 while the store takes jobs."),
            graph("Writes that are not durable yet", [(series("moa_store_pending_writes"), "{{instance}}")], "short",
                  "By coordinator."),
            graph("Refused groups", [(rate("moa_store_failures_total", "instance"), "{{instance}}")], "ops",
                  "Groups of writes that the store refused, a second."),
            graph("Commit", quantiles("moa_store_commit_seconds"), "s", "From a group's start until it was durable.",
                  limit=0.5),
            graph("Writes of a group", [(mean("moa_store_group_writes"), "mean"),
                                        (quantile(0.99, "moa_store_group_writes"),
                                         "p99")], "short", "More load makes larger groups."),
            graph("Writes and groups", [(rate("moa_store_group_writes_sum"), "writes"),
                                        (rate("moa_store_commit_seconds_count"),
                                         "groups")], "ops", "That became durable, a second."),
            heatmap("Commit", "moa_store_commit_seconds", "From a group's start until it was durable.", width=24)),
        row("Coordinators",
            graph("Jobs", [(total("moa_jobs", "instance, state"), "{{instance}} {{state}}")], "short",
                  "Unfinished, by owner."),
            graph("Calls under way", [(total("moa_attempts_running", "instance"), "{{instance}}")], "short",
                  "By coordinator."),
            graph("Recovered",
                  [(f"sum by (instance) (increase({series('moa_jobs_recovered_total')}{WINDOW}))",
                    "{{instance}}")], "short", "Jobs taken up from the store after a restart.")),
        row("Several coordinators (PostgreSQL only; empty with SQLite)",
            graph("Lease", [(series("moa_lease_remaining_seconds"), "{{instance}}")], "s",
                  f"For how much longer each may act. {several}"),
            graph("Renewals", [(rate("moa_lease_renewals_total", "instance, outcome"), "{{instance}} {{outcome}}")],
                  "ops", f"A second. {several}"),
            graph("Renewal", quantiles("moa_lease_renewal_seconds", of=(0.5, 0.99)), "s",
                  f"How long renewals took, failed ones included. {several}"),
            graph("Coordinators", [(f"max by (state) ({series('moa_coordinators')})", "{{state}}")], "short",
                  f"Of the store; dead: with jobs that nobody has taken up. {several}"),
            graph("Declared dead",
                  [(f"sum(increase({series('moa_coordinators_declared_dead_total')}{WINDOW}))",
                    "declared dead")], "short", several),
            graph("Jobs that moved",
                  [(f"sum by (instance) (increase({series('moa_jobs_claimed_total')}{WINDOW}))",
                    "{{instance}} claimed"),
                                      (f"sum by (instance) (increase({series('moa_jobs_given_up_total')}{WINDOW}))",
                                       "{{instance}} given up")], "short",
                  f"Taken over from, and given to, others. {several}")),
    ])


def gateway():
    requests, chat = "moa_gateway_requests_total", 'route="/v1/chat/completions"'

    def share(statuses):
        return ratio(rate(requests, more=f'status=~"{statuses}"'), rate(requests))
    return dashboard("gateway", "Gateway", "What HTTP clients ask, and how they are answered.", [
        row("Now",
            stat("Requests/s", rate(requests), "short", "That ended, a second.", decimals=2),
            stat("Errors", share("5.."), "percentunit", "Share of the requests answered with 500 or more.",
                 ((None, "green"), (0.01, "orange"), (0.05, "red")), none="none"),
            stat("Time to first token, p95", quantile(0.95, "moa_gateway_time_to_first_token_seconds"), "s",
                 "Of streamed chats, as their clients see it."),
            stat("Open requests", total("moa_gateway_requests_open"), "short", "That have not ended."),
            stat("Open streams", total("moa_gateway_streams_open"), "short", "Answers that are being streamed."),
            stat("Gateways", f"count({series('moa_gateway_requests_open')})", "short", "That Prometheus can scrape.",
                 ((None, "red"), (1, "green")))),
        row("Requests",
            graph("By route", [(rate(requests, "route"), "{{route}}")], "ops", "Requests that ended, a second.",
                  stack=True),
            graph("By status", [(rate(requests, "status"), "{{status}}")], "ops",
                  "Requests that ended, a second. 499: the client went away first.", stack=True),
            graph("Chats by status", [(rate(requests, "status", chat), "{{status}}")], "ops",
                  "Chats that ended, a second. A stream that failed half way counts as the error it ended with.",
                  stack=True),
            graph("Errors", [(rate(requests, "route, status", 'status=~"5.."'), "{{route}} {{status}}")], "ops",
                  "Answers with 500 or more, a second.", none="none"),
            graph("Mistakes of clients", [(rate(requests, "route, status", 'status=~"4..",status!="499"'),
                                           "{{route}} {{status}}")], "ops",
                  "Answers with 400 to 498, a second: among them 401 (no token) and 429 (too much).", none="none"),
            graph("Shares", [(share("5.."), "500 and more"), (share("499"), "the client went away")],
                  "percentunit", "Of the requests that ended.", limit=0.05)),
        row("Latency",
            graph("Time to first token", quantiles("moa_gateway_time_to_first_token_seconds"), "s",
                  "From a streamed chat's arrival to the first token of its answer."),
            graph("Chats", quantiles("moa_gateway_request_duration_seconds", more=chat), "s",
                  "From a chat's arrival to the end of its answer."),
            graph("Requests by route, p95", [(quantile(0.95, "moa_gateway_request_duration_seconds", "route"),
                                              "{{route}}")], "s",
                  "From arrival to the end of the answer. Streams of events last as long as they are followed."),
            heatmap("Time to first token", "moa_gateway_time_to_first_token_seconds", "Of streamed chats."),
            heatmap("Requests", "moa_gateway_request_duration_seconds", "From arrival to the end of the answer.")),
        row("Load",
            graph("Open requests", [(series("moa_gateway_requests_open"), "{{instance}}")], "short",
                  "That have not ended."),
            graph("Open streams", [(series("moa_gateway_streams_open"), "{{instance}}")], "short",
                  "Answers that are being streamed."),
            graph("CPU", [(of_gateways(f"rate({series('process_cpu_seconds_total')}{WINDOW})"), "{{instance}}")],
                  "short", "Cores in use."),
            graph("Resident memory", [(of_gateways(series("process_resident_memory_bytes")), "{{instance}}")], "bytes",
                  ""),
            graph("File descriptors", [(of_gateways(series("process_open_fds")), "{{instance}}")], "short",
                  "Open: one for each connection."),
            graph("Up for", [(of_gateways(f"time() - {series('process_start_time_seconds')}"), "{{instance}}")], "s",
                  "A line that falls to 0 is a restart.")),
    ])


def main(arguments):
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    stale = []
    for made in (overview(), models(), workers(), jobs(), store(), gateway()):
        path = os.path.join(FOLDER, made["uid"].removeprefix("moa-") + ".json")
        text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
        if arguments:
            if not os.path.exists(path) or open(path, encoding="utf-8").read() != text:
                stale.append(path)
        else:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
    for path in stale:
        print(f"{path} is not what generate.py writes: run it", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
