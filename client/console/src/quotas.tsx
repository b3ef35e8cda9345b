// What the provider's limits leave, by model.
import { count, duration } from './format';
import { type Quota, type QuotaLimit } from './metrics';
import { Bar } from './parts';

const kinds: Record<string, string> = { requests: 'requests', tokens: 'tokens', total_tokens: 'all tokens' };

function Limit({ of }: { of: QuotaLimit }) {
  const used = of.limit > 0 ? 1 - of.remaining / of.limit : 0;
  return (
    <li>
      <span class="quota-name">{kinds[of.kind] ?? of.kind} {of.period === 'hour' ? 'an' : 'a'} {of.period}</span>
      <Bar share={used} tone={used > 0.9 ? 'is-full' : ''} />
      <span class="quota-text">{count(of.remaining)} of {count(of.limit)} left</span>
    </li>
  );
}

export function Quotas({ quotas, waiting }: { quotas: Quota[]; waiting: Record<string, number> }) {
  return (
    <section>
      <h2>Quotas</h2>
      {quotas.length === 0 && <p class="muted panel pad">The provider has told no limits yet; its first replies do.</p>}
      <ul class="quotas">
        {quotas.map((quota) => (
          <li key={`${quota.model} ${quota.key}`} class="panel pad">
            <h3>
              {quota.model}
              {quota.storm && <span class="chip is-warning">busy: single calls only</span>}
              {quota.closedSeconds > 0 && <span class="chip is-warning">closed for {duration(quota.closedSeconds * 1000)}</span>}
            </h3>
            <p class="muted small">
              {count(quota.underWay)} under way{waiting[quota.model] ? `, ${count(waiting[quota.model])} waiting` : ''} · key <span class="mono">{quota.key || '–'}</span>
            </p>
            {quota.limits.length === 0 && <p class="muted small">no limits known</p>}
            <ul class="limits">{quota.limits.map((limit) => <Limit key={`${limit.kind} ${limit.period}`} of={limit} />)}</ul>
          </li>
        ))}
      </ul>
    </section>
  );
}
