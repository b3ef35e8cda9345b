// The prompts that every agent would get, with their tokens, and what the job costs at most.
import { useState } from 'preact/hooks';
import { count, money } from '../format';
import { Bar, Fact, Notice } from '../parts';
import type { WirePlan, WirePlannedAgent, WirePlannedMessage, WirePlannedStage } from '../wire';
import type { Check } from './check';

const stageNames: Record<string, string> = { propose: 'Layer', critique: 'Critics of layer', route: 'Router of layer', aggregate: 'Aggregator' };

// "Layer 1, rounds 2 to 3"
export function plannedTitle(stage: WirePlannedStage, stages: WirePlannedStage[]): string {
  const name = stageNames[stage.kind] ?? stage.kind;
  if (stage.kind === 'aggregate') return name;
  const several = stages.some((one) => one.layer === stage.layer && (one.round > 1 || one.times > 1));
  const last = stage.round + stage.times - 1;
  const rounds = !several ? '' : last > stage.round ? `, rounds ${stage.round} to ${last}` : `, round ${stage.round}`;
  return `${name} ${stage.layer}${rounds}`;
}

function Message({ message }: { message: WirePlannedMessage }) {
  return (
    <div class={`b-message of-${message.role}`}>
      <p class="b-role">{message.role}{message.name ? ` · ${message.name}` : ''}</p>
      {message.content ? <pre>{message.content}</pre> : <p class="muted">empty</p>}
      {message.tool_calls?.map((call, i) => <pre key={i}>{call.name}({call.arguments})</pre>)}
    </div>
  );
}

function Planned({ agent, open, onToggle }: { agent: WirePlannedAgent; open: boolean; onToggle: (open: boolean) => void }) {
  const wanted = agent.prompt_tokens + agent.max_completion_tokens;
  const room = agent.context_tokens;
  const over = room > 0 && wanted > room;
  return (
    <details class="b-planned" open={open} onToggle={(event) => onToggle(event.currentTarget.open)}>
      <summary>
        <strong>{agent.agent || 'aggregator'}</strong>
        <span class="muted">{agent.model}{agent.calls > 1 ? ` × ${agent.calls}` : ''}</span>
        <span class={`b-tokens ${over ? 'is-over' : ''}`}>
          <span title="estimated tokens of the prompt, and what is kept for the reply">{count(agent.prompt_tokens)} + {count(agent.max_completion_tokens)}{room > 0 ? ` of ${count(room)}` : ' tokens'}</span>
          {room > 0 && <Bar share={wanted / room} tone={over ? 'is-bad' : ''} />}
        </span>
      </summary>
      {(agent.fit || over) && <p class="b-fit">{agent.fit || 'The prompt and the reply together may be more than the model holds.'}</p>}
      {open && agent.messages.map((message, i) => <Message key={i} message={message} />)}
      {open && agent.response_format && <p class="b-hint">The reply has to be {agent.response_format.type.replace('_', ' ')}{agent.response_format.name ? ` “${agent.response_format.name}”` : ''}.</p>}
    </details>
  );
}

export function Worst({ plan }: { plan: WirePlan }) {
  return (
    <dl class="facts">
      <Fact name="Calls at most">{count(plan.calls_max)}</Fact>
      <Fact name="Prompt tokens">{count(plan.prompt_tokens_max)}</Fact>
      <Fact name="Completion tokens">{count(plan.completion_tokens_max)}</Fact>
      <Fact name="Cost at most">{plan.cost_usd_max > 0 ? money(plan.cost_usd_max) : 'no price known'}</Fact>
    </dl>
  );
}

// The same prompt has the same key in the next plan, so that what is open stays open.
const keyOf = (stage: WirePlannedStage, agent: number): string => `${stage.kind}/${stage.layer}/${stage.round}/${agent}`;

export function Inspector({ check, current }: { check: Check; current: boolean }) {
  const [open, setOpen] = useState<Record<string, boolean>>({});
  const { plan } = check;
  if (!plan) return <p class="empty">{check.state === 'invalid' ? 'The prompts are shown once the job has no problems.' : 'Asking the server…'}</p>;
  const keys = plan.stages.flatMap((stage) => stage.agents.map((_, a) => keyOf(stage, a)));
  const all = keys.every((key) => open[key]);
  return (
    <div class="b-plan">
      {!current && check.state === 'invalid' && <Notice kind="warning">This is the plan of the last state without problems.</Notice>}
      <div class="row">
        <Worst plan={plan} />
        <button type="button" class="quiet push" onClick={() => setOpen(all ? {} : Object.fromEntries(keys.map((key) => [key, true])))}>{all ? 'Close all' : 'Open all'}</button>
      </div>
      {plan.stages.map((stage, s) => (
        <div key={s} class="b-stage">
          <h3>{plannedTitle(stage, plan.stages)}</h3>
          {stage.agents.map((agent, a) => {
            const key = keyOf(stage, a);
            return <Planned key={key} agent={agent} open={open[key] ?? false} onToggle={(is) => setOpen((now) => (Boolean(now[key]) === is ? now : { ...now, [key]: is }))} />;
          })}
          {stage.then && <p class="b-then">{stage.then}</p>}
        </div>
      ))}
    </div>
  );
}
