// The fields of a job file that the form has, with what holds where they are not set. docs/job-file.md describes them.
import type { WireModel } from '../wire';
import type { FieldSpec } from './fields';

const provider = 'the model’s own';
const matches = [['text', 'whole text'], ['last_line', 'last line'], ['number', 'last number']] as const;

export function agentSpecs(model: WireModel | undefined, options: { named: boolean; samples: boolean; described: boolean }): Record<string, FieldSpec> {
  const efforts = model?.reasoning_efforts?.length ? model.reasoning_efforts : ['none', 'low', 'medium', 'high'];
  return {
    name: { label: 'Name', placeholder: options.named ? '' : 'none needed' },
    model: { label: 'Model', kind: 'model' },
    system_prompt: { label: 'System prompt', kind: 'area', rows: 7, placeholder: 'none', hint: '{helper_response} is where answers of the round before stand; without it they come in a message of their own' },
    temperature: { label: 'Temperature', kind: 'number', placeholder: provider },
    max_completion_tokens: { label: 'Max tokens', kind: 'number', placeholder: '2048', hint: 'of the reply, reasoning included' },
    ...(options.samples ? { samples: { label: 'Samples', kind: 'number', placeholder: '1' } as FieldSpec } : {}),
    reasoning_effort: { label: 'Reasoning effort', kind: 'select', placeholder: model?.default_reasoning_effort ? `${model.default_reasoning_effort} (${provider})` : provider, options: efforts.map((one) => [one, one] as const) },
    top_p: { label: 'Top p', kind: 'number', placeholder: provider },
    seed: { label: 'Seed', kind: 'number', placeholder: 'drawn from the job’s' },
    frequency_penalty: { label: 'Frequency penalty', kind: 'number', placeholder: provider },
    presence_penalty: { label: 'Presence penalty', kind: 'number', placeholder: provider },
    fallback_models: { label: 'Fallback models', kind: 'names', placeholder: 'none', hint: 'ids with commas, in this order' },
    sees: { label: 'Sees', kind: 'select', placeholder: 'all answers', options: [['all', 'all answers'], ['dealt', 'answers dealt like cards'], ['none', 'no answers']] },
    stop: { label: 'Stop', kind: 'lines', placeholder: 'nowhere', hint: 'up to 4 texts, one a line' },
    ...(options.described ? { description: { label: 'Description for routers', kind: 'area', rows: 2, placeholder: 'the beginning of the system prompt' } as FieldSpec } : {}),
  };
}

// The first ones are at hand, the rest a click away.
export const agentFirst = ['name', 'model', 'system_prompt', 'temperature', 'max_completion_tokens', 'samples'];

export const layerSpecs: Record<string, FieldSpec> = { cycles: { label: 'Cycles', kind: 'number', placeholder: '1', hint: 'how often the layer runs; each round sees the answers of the round before' } };

export const groupSpecs: Record<string, { title: string; what: string; specs: Record<string, FieldSpec> }> = {
  route: { title: 'Router', what: 'a model picks the agents that run', specs: { top: { label: 'Agents that run', kind: 'number' } } },
  quorum: {
    title: 'Quorum',
    what: 'go on once so many answers are there',
    specs: { min: { label: 'Answers', kind: 'number' }, grace: { label: 'Grace for the others', placeholder: 'none', hint: 'as 500ms or 2s' } },
  },
  enough: {
    title: 'Enough',
    what: 'cancel the others once so many answers are good',
    specs: { answers: { label: 'Good answers', kind: 'number' }, confidence: { label: 'Confidence that they state', kind: 'number', placeholder: 'every answer is good' } },
  },
  vote: {
    title: 'Vote',
    what: 'hand on the answer that most agree with',
    specs: { match: { label: 'Compare', kind: 'select', placeholder: 'whole text', options: [...matches] }, min_agree: { label: 'Settled by', kind: 'number', placeholder: 'more than half' } },
  },
  early_exit: {
    title: 'Early exit',
    what: 'end the job when so many answers agree',
    specs: { match: { label: 'Compare', kind: 'select', placeholder: 'whole text', options: [...matches] }, min_agree: { label: 'Answers that agree', kind: 'number' } },
  },
  critique: {
    title: 'Critics',
    what: 'models judge the answers and may ask for another round',
    specs: {
      scope: { label: 'A call judges', kind: 'select', placeholder: 'one answer', options: [['each', 'one answer'], ['all', 'all answers']] },
      verdict: { label: 'Verdict', kind: 'select', placeholder: 'accepted or not', options: [['accept', 'accepted or not'], ['score', 'a score']] },
      keep: { label: 'Hand on at most', kind: 'number', placeholder: 'all accepted' },
      accept_score: { label: 'Accepted from score', kind: 'number', placeholder: 'every score' },
      accept_min: { label: 'Accepted answers wanted', kind: 'number', placeholder: '1' },
      rounds: { label: 'Rounds at most', kind: 'number', placeholder: '1' },
      feedback: { label: 'Agents are told', kind: 'select', placeholder: 'what was said of their own', options: [['own', 'what was said of their own'], ['all', 'all answers and verdicts'], ['none', 'nothing']] },
      may_end: { label: 'Critics may skip further layers', kind: 'check' },
    },
  },
};

export const escalationSpecs: Record<string, FieldSpec> = {
  max_completion_tokens: { label: 'Max tokens', kind: 'number', placeholder: 'as before' },
  reasoning_effort: { label: 'Reasoning effort', placeholder: 'as before' },
  temperature: { label: 'Temperature', kind: 'number', placeholder: 'as before' },
};

export const referenceSpecs: Record<string, FieldSpec> = {
  placement: {
    label: 'Answers stand',
    kind: 'select',
    placeholder: 'in place of {helper_response}, else in a message at the end',
    options: [['auto', 'in place of {helper_response}, else in a message at the end'], ['trailing', 'always in a message at the end'], ['system', 'only in place of {helper_response}']],
    wide: true,
  },
  first_number: { label: 'First number', kind: 'number', placeholder: '1' },
  drop_similar: { label: 'Drop similar ones from', kind: 'number', placeholder: 'keep all', hint: 'share of word 5-grams in common, 0 to 1' },
  shuffle: { label: 'Shuffle', kind: 'check' },
  template: { label: 'Wording around them', kind: 'area', rows: 3, placeholder: 'the system’s own', hint: '{responses} is where the list stands' },
};

export const jobSpecs: Record<string, FieldSpec> = {
  prompt: { label: 'Question to try it with', kind: 'area', rows: 3, placeholder: 'A stand-in is used for checks and prompts' },
  name: { label: 'Job name', placeholder: 'none' },
  tenant: { label: 'Tenant', placeholder: 'default' },
  deadline: { label: 'Deadline', placeholder: '10m', hint: 'as 30s or 2m; a deadline that is set is shared out' },
  seed: { label: 'Seed', kind: 'number', placeholder: 'drawn' },
};
export const budgetSpecs: Record<string, FieldSpec> = {
  max_total_tokens: { label: 'Max tokens', kind: 'number', placeholder: 'no limit' },
  max_cost_usd: { label: 'Max cost, USD', kind: 'number', placeholder: 'no limit' },
  max_upstream_calls: { label: 'Max calls', kind: 'number', placeholder: 'no limit' },
};
