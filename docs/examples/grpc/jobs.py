"""Submits jobs to a coordinator, follows and cancels them, over gRPC alone.

    jobs.py submit PRESET PROMPT    prints the job's id
    jobs.py watch JOB               what happens, and the answer as it comes
    jobs.py cancel JOB

MOA_COORDINATOR names the coordinator (HOST:PORT). docs/grpc.md says how the modules of moa.v1 are made.
Exit status: 0 it went well, 1 the job did not succeed, 2 it was not taken, 3 the coordinator is not there.
"""
import os
import sys
import time
import uuid

import grpc
from moa.v1 import job_pb2, moa_pb2, moa_pb2_grpc, rpc_status_pb2

TIMEOUT_SECONDS = 30  # of every call but WatchJob: a coordinator that hangs must not hang us


def submit(service, preset, prompt):
    job = job_pb2.JobSpec(preset=preset)
    job.messages.add(role=job_pb2.ROLE_USER, content=prompt.encode())
    # Made once, before the first try: a second one with the same key makes no second job.
    request = moa_pb2.SubmitJobRequest(job=job, idempotency_key=str(uuid.uuid4()))
    for attempt in range(5):
        try:
            print(service.SubmitJob(request, timeout=TIMEOUT_SECONDS).job_id)
            return 0
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE or attempt == 4:
                raise
            time.sleep(0.1 * 2**attempt)


def watch(service, job_id):
    request = moa_pb2.WatchJobRequest(job_id=job_id, progress=True)
    answer = Answer()
    while True:
        try:
            for response in service.WatchJob(request):
                for update in response.updates:
                    if update.WhichOneof("kind") == "task_delta":
                        answer.add(update.task_delta)
                    if update.WhichOneof("kind") != "event":
                        continue
                    request.after_sequence = update.event.sequence
                    tell(update.event)
                    if update.event.WhichOneof("kind") == "ended":
                        return finish(service, job_id, answer)
            return finish(service, job_id, answer)  # it had ended, and nothing came after that sequence
        except grpc.RpcError as error:
            # The coordinator went away, or we read too slowly: from the last sequence nothing is missed.
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
                raise
            time.sleep(0.5)


class Answer:
    """The aggregator's text as it comes: each byte once, whatever comes again."""

    def __init__(self):
        self.attempt = 0
        self.shown = b""

    def add(self, delta):
        if delta.task.kind != job_pb2.STAGE_KIND_AGGREGATE or delta.attempt < self.attempt:
            return
        if delta.attempt > self.attempt:  # it replaces what earlier ones had said
            self.write(b"\n" if self.shown else b"")
            self.attempt, self.shown = delta.attempt, b""
        piece = delta.content[max(0, len(self.shown) - delta.content_offset):]
        self.shown += piece
        self.write(piece)

    def complete(self, content):
        """What did not come as a delta: nobody sends those of a task that has ended."""
        self.write(content[len(self.shown):] if content.startswith(self.shown) else b"\n" + content)
        self.write(b"\n")

    @staticmethod
    def write(text):
        sys.stdout.buffer.write(text)
        sys.stdout.flush()


def tell(event):
    kind = event.WhichOneof("kind")
    if kind == "task_finished":
        task = event.task_finished
        state = job_pb2.TaskState.Name(task.state)[len("TASK_STATE_"):]
        print(f"{task.task.agent}: {state} ({task.model})", file=sys.stderr)
    elif kind != "layer_started":
        print(kind, file=sys.stderr)


def finish(service, job_id, answer):
    job = service.GetJob(moa_pb2.GetJobRequest(job_id=job_id), timeout=TIMEOUT_SECONDS)
    if job.state != job_pb2.JOB_STATE_SUCCEEDED:
        print(f"{job_pb2.ErrorCode.Name(job.error.code)}: {job.error.message}", file=sys.stderr)
        return 1
    answer.complete(job.answer.content)
    return 0


def cancel(service, job_id):
    request = moa_pb2.CancelJobRequest(job_id=job_id, reason="cancelled by jobs.py")
    job = service.CancelJob(request, timeout=TIMEOUT_SECONDS)
    print(job_pb2.JobState.Name(job.state)[len("JOB_STATE_"):])
    return 0


def violations(error):
    """Every mistake of a job that was refused, with its field."""
    for key, value in error.trailing_metadata():
        if key != "grpc-status-details-bin":
            continue
        for detail in rpc_status_pb2.RpcStatus.FromString(value).details:
            if detail.type_url == "type.googleapis.com/google.rpc.BadRequest":
                yield from rpc_status_pb2.RpcBadRequest.FromString(detail.value).field_violations


def main(arguments):
    commands = {"submit": (submit, 2), "watch": (watch, 1), "cancel": (cancel, 1)}
    name, *values = arguments or [""]
    if name not in commands or len(values) != commands[name][1]:
        print(__doc__, file=sys.stderr)
        return 2
    # With TLS: grpc.secure_channel(address, grpc.ssl_channel_credentials(open("ca.pem", "rb").read()))
    with grpc.insecure_channel(os.environ.get("MOA_COORDINATOR", "127.0.0.1:7070")) as channel:
        try:
            return commands[name][0](moa_pb2_grpc.MoaServiceStub(channel), *values)
        except grpc.RpcError as error:
            print(f"{error.code().name}: {error.details()}", file=sys.stderr)
            for violation in violations(error):
                print(f"  {violation.field}: {violation.description}", file=sys.stderr)
            return 3 if error.code() == grpc.StatusCode.UNAVAILABLE else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
