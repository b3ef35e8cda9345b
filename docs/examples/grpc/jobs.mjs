// Submits jobs to a coordinator, follows and cancels them, over gRPC alone.
//
//   node jobs.mjs submit PRESET PROMPT    prints the job's id
//   node jobs.mjs watch JOB               what happens, and the answer as it comes
//   node jobs.mjs cancel JOB
//
// MOA_COORDINATOR names the coordinator (HOST:PORT), MOA_PROTO the folder of moa/v1/moa.proto.
// Exit status: 0 it went well, 1 the job did not succeed, 2 it was not taken, 3 the coordinator is not there.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import protobuf from 'protobufjs';

const proto = path.resolve(process.env.MOA_PROTO ?? 'proto');
const { moa } = grpc.loadPackageDefinition(
  protoLoader.loadSync('moa/v1/moa.proto', {
    includeDirs: [proto],
    keepCase: true,
    longs: Number, // sequences and offsets are far below 2^53
    enums: String,
    defaults: true,
    oneofs: true,
  }),
);
// With TLS: grpc.credentials.createSsl(readFileSync('ca.pem'))
const service = new moa.v1.MoaService(process.env.MOA_COORDINATOR ?? '127.0.0.1:7070', grpc.credentials.createInsecure());

// A unary call as a promise. Each has a time limit: a coordinator that hangs must not hang us.
const call = (method, request) =>
  new Promise((resolve, reject) =>
    service[method](request, { deadline: Date.now() + 30_000 }, (error, reply) => (error ? reject(error) : resolve(reply))),
  );

async function submit(preset, prompt) {
  const job = { preset, messages: [{ role: 'ROLE_USER', content: Buffer.from(prompt) }] };
  // Made once, before the first try: a second one with the same key makes no second job.
  const request = { job, idempotency_key: randomUUID() };
  for (let attempt = 0; ; ++attempt) {
    try {
      console.log((await call('SubmitJob', request)).job_id);
      return 0;
    } catch (error) {
      if (error.code !== grpc.status.UNAVAILABLE || attempt === 4) throw error;
      await pause(100 * 2 ** attempt);
    }
  }
}

async function watch(job_id) {
  const request = { job_id, progress: true, after_sequence: 0 };
  const answer = { attempt: 0, shown: Buffer.alloc(0) };
  for (let ended = false; !ended; ) {
    try {
      for await (const { updates } of service.WatchJob(request)) {
        for (const update of updates) {
          if (update.task_delta) show(answer, update.task_delta);
          if (!update.event) continue;
          request.after_sequence = update.event.sequence;
          tell(update.event);
        }
      }
      ended = true; // with OK, after the last event
    } catch (error) {
      // The coordinator went away, or we read too slowly: from the last sequence nothing is missed.
      if (![grpc.status.UNAVAILABLE, grpc.status.RESOURCE_EXHAUSTED].includes(error.code)) throw error;
      await pause(500);
    }
  }
  const job = await call('GetJob', { job_id });
  if (job.state !== 'JOB_STATE_SUCCEEDED') {
    console.error(`${job.error.code}: ${job.error.message}`);
    return 1;
  }
  // What did not come as a delta: nobody sends those of a task that has ended.
  const { content } = job.answer;
  const goesOn = content.subarray(0, answer.shown.length).equals(answer.shown);
  process.stdout.write(Buffer.concat([goesOn ? content.subarray(answer.shown.length) : Buffer.from(`\n${content}`), Buffer.from('\n')]));
  return 0;
}

// The aggregator's text as it comes: each byte once, whatever comes again.
function show(answer, { task, attempt, content_offset, content }) {
  if (task.kind !== 'STAGE_KIND_AGGREGATE' || attempt < answer.attempt) return;
  if (attempt > answer.attempt) {
    // It replaces what earlier ones had said.
    if (answer.shown.length > 0) process.stdout.write('\n');
    Object.assign(answer, { attempt, shown: Buffer.alloc(0) });
  }
  const piece = content.subarray(Math.max(0, answer.shown.length - content_offset));
  answer.shown = Buffer.concat([answer.shown, piece]);
  process.stdout.write(piece);
}

function tell({ kind, task_finished: finished }) {
  if (kind === 'task_finished') {
    console.error(`${finished.task.agent}: ${finished.state.slice('TASK_STATE_'.length)} (${finished.model})`);
  } else if (kind !== 'layer_started') {
    console.error(kind);
  }
}

async function cancel(job_id) {
  const job = await call('CancelJob', { job_id, reason: 'cancelled by jobs.mjs' });
  console.log(job.state.slice('JOB_STATE_'.length));
  return 0;
}

// Every mistake of a job that was refused, with its field: rpc_status.proto says what comes in the trailer.
function violations(error) {
  const root = new protobuf.Root();
  root.resolvePath = (_, file) => (file.startsWith('google/') ? file : path.join(proto, file));
  root.loadSync('moa/v1/rpc_status.proto');
  const read = (type, bytes) => root.lookupType(`moa.v1.${type}`).decode(bytes);
  return (error.metadata?.get('grpc-status-details-bin') ?? [])
    .flatMap((bytes) => read('RpcStatus', bytes).details)
    .filter((detail) => detail.type_url === 'type.googleapis.com/google.rpc.BadRequest')
    .flatMap(({ value }) => read('RpcBadRequest', value).fieldViolations);
}

const commands = { submit: [submit, 2], watch: [watch, 1], cancel: [cancel, 1] };
const [name, ...values] = process.argv.slice(2);
const [command, count] = commands[name] ?? [];
if (!command || values.length !== count) {
  console.error('usage: node jobs.mjs submit PRESET PROMPT | watch JOB | cancel JOB');
  process.exit(2);
}
try {
  process.exitCode = await command(...values);
} catch (error) {
  console.error(`${grpc.status[error.code] ?? error.name}: ${error.details ?? error.message}`);
  for (const { field, description } of violations(error)) console.error(`  ${field}: ${description}`);
  process.exitCode = error.code === grpc.status.UNAVAILABLE ? 3 : 2;
}
service.close();
