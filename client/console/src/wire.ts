// The gateway's JSON as this page reads it: only the fields that it uses, all of them optional where an earlier or
// later gateway may leave them out.

import type { JsonObject } from './builder/tree';

export type JobState = 'QUEUED' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';

export interface WireError {
  code?: string;
  message?: string;
}

export interface WireUsage {
  prompt_tokens?: number;
  completion_tokens?: number;
  cached_tokens?: number;
  upstream_calls?: number;
  cost_usd?: number;
}

// A call that failed, whether the task was tried again or not.
export interface WireFailedAttempt {
  model?: string;
  worker?: string;
  began_ms?: number; // since the task was ready
  run_ms?: number;
  error?: WireError;
}

export interface WireTask {
  agent: string;
  sample?: number;
  index?: number;
  kind?: string;
  layer?: number;
  round?: number;
  model?: string;
  state?: string;
  content?: string;
  reasoning?: string;
  error?: WireError;
  finish_reason?: string;
  attempts?: number;
  attempt?: number;
  queue_ms?: number;
  run_ms?: number;
  ttft_ms?: number;
  prompt_tokens?: number;
  completion_tokens?: number;
  share_of_answer?: number;
  novelty?: number;
  cost_usd?: number;
  hedged?: boolean;
  score?: number;
  accepted?: boolean;
  handed_on?: boolean;
  worker?: string;
  wasted_completion_tokens?: number;
  failed_attempts?: WireFailedAttempt[];
}

export interface WireLayer {
  layer: number;
  round: number;
  kind?: string;
  notes?: string[];
  agents: WireTask[];
}

export interface WireMessage {
  role?: string;
  content?: string;
}

// The job file that would ask the same again.
export interface WireJobFile {
  name?: string;
  tenant?: string;
  prompt?: string;
  messages?: WireMessage[];
  moa?: WirePreset['moa'];
  [field: string]: unknown;
}

export interface WireJob {
  job_id: string;
  name?: string;
  tenant?: string;
  state: JobState;
  degraded?: boolean;
  degradations?: string[];
  answer?: string;
  error?: WireError;
  latency_ms?: number;
  critical_path_ms?: number;
  usage?: WireUsage;
  layers?: WireLayer[];
  create_time?: string;
  end_time?: string;
  follows?: string;
  job?: WireJobFile;
}

export interface WireSummary {
  job_id: string;
  name?: string;
  tenant?: string;
  state: JobState;
  degraded?: boolean;
  create_time?: string;
  end_time?: string;
}

export interface WireAgent {
  name?: string;
  model?: string;
  samples?: number;
}

export interface WirePresetLayer {
  cycles?: number;
  agents?: WireAgent[];
  critique?: { critics?: WireAgent[] };
  route?: { router: WireAgent };
}

export interface WirePreset {
  name: string;
  description?: string;
  moa?: { layers?: WirePresetLayer[]; answer?: string };
}

export interface WireProblem {
  path: string;
  message: string;
  line?: number;
}

export interface WireConverted {
  form: 'job' | 'workshop';
  job?: JsonObject;
  yaml?: string;
  workshop?: { file: string | null; notes: WireProblem[] };
  warnings: WireProblem[];
  problems: WireProblem[];
}

export interface WirePlannedMessage {
  role: string;
  name?: string;
  content: string;
  tool_calls?: { name: string; arguments: string }[];
}

export interface WirePlannedAgent {
  agent: string;
  model: string;
  calls: number;
  prompt_tokens: number;
  max_completion_tokens: number;
  context_tokens: number;
  fit?: string;
  response_format?: { type: string; name?: string };
  messages: WirePlannedMessage[];
}

export interface WirePlannedStage {
  kind: string;
  layer: number;
  round: number;
  times: number;
  then?: string;
  agents: WirePlannedAgent[];
}

export interface WirePlan {
  calls_max: number;
  prompt_tokens_max: number;
  completion_tokens_max: number;
  cost_usd_max: number;
  warnings: string[];
  stages: WirePlannedStage[];
  moa: JsonObject;
}

export interface WireGrader {
  name: string;
  function: string;
  description: string;
  task: string;
  max: number;
  checks: { id: string; max: number }[];
}

export interface WireGrade {
  job_id: string;
  graded_job_id: string;
  total: number;
  max: number;
  time?: string;
  name: string;
  config: string;
}

export interface WireLeader {
  rank: number;
  name: string;
  config: string;
  mean: number;
  best: number;
  max: number;
  attempts: number;
  best_job_id: string;
  mean_tokens: number;
}

export interface WireWorker {
  worker_id: string;
  name: string;
  slots: number;
  slots_used: number;
  grading_slots?: number;
  grading_slots_used?: number;
  draining?: boolean;
  models?: string[];
  connected_ms?: number;
  version?: string;
  provider?: string;
}

export interface WireModel {
  id: string;
  configured?: boolean;
  workers?: number;
  context_tokens?: number;
  max_completion_tokens?: number;
  usd_per_million_prompt_tokens?: number;
  usd_per_million_completion_tokens?: number;
  tokens_per_second?: number;
  reasoning_efforts?: string[];
  default_reasoning_effort?: string;
  aliases?: string[];
}

export interface WireSample {
  labels: Record<string, string>;
  value?: number;
  count?: number;
  sum?: number;
  buckets?: [number, number][]; // a bound and how many were at most that
}

export interface WireFamily {
  name: string;
  type: string;
  samples: WireSample[];
}

export interface WireCoordinator {
  address: string;
  time?: string;
  families: WireFamily[];
  error?: string;
}

export interface WireMetrics {
  coordinators: WireCoordinator[];
}

export interface WireCounts {
  [state: string]: number | string;
}
