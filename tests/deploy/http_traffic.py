"""What HTTP clients do to the gateway of a LiveCluster: chats that are answered, streamed, fail or are left, questions
and mistakes."""

import http.client
import json
import re

from live_cluster import PATIENCE_SECONDS, http_get, wait_until


def connect(cluster):
    return http.client.HTTPConnection(cluster.gateway, timeout=PATIENCE_SECONDS)


def ask(cluster, path, body=None):
    """(status, text)"""
    connection = connect(cluster)
    try:
        connection.request("GET" if body is None else "POST", path, body=body and json.dumps(body))
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


def chat(text, model="gpt-oss-120b", **more):
    return {"model": model, "messages": [{"role": "user", "content": text}], "max_completion_tokens": 100, **more}


def open_requests(cluster):
    text = http_get(f"http://{cluster.metrics['moa-gateway'][0]}/metrics")
    return int(re.search(r"(?m)^moa_gateway_requests_open (\d+)$", text)[1])


def leave_a_chat(cluster, text):
    connection = connect(cluster)
    connection.request("POST", "/v1/chat/completions", body=json.dumps(chat(text, stream=True)))
    wait_until("the chat is under way", lambda: open_requests(cluster) == 1)
    connection.close()
    wait_until("the gateway has noticed", lambda: open_requests(cluster) == 0)


def http_traffic(cluster, word):
    """All of it once; AssertionError when an answer is another than it should be."""
    wanted = [("/v1/chat/completions", chat(f"Why? {word}"), 200),
              ("/v1/chat/completions", chat(f"Why not? {word}", stream=True), 200),
              ("/v1/chat/completions", chat(f"PLEASE-BREAK {word}", model="qwen-3.8-27b"), 502),
              ("/v1/chat/completions", chat(f"Why? {word}", model="no-such-model"), 404),
              ("/v1/models", None, 200), ("/v1/nothing", None, 404)]
    for path, body, status in wanted:
        answered, text = ask(cluster, path, body)
        if answered != status:
            raise AssertionError(f"{path} {body}: {answered}\n{text}")
    leave_a_chat(cluster, f"PLEASE-WAIT {word}")
