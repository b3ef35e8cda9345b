// The jobs of a cluster: found by text, state and tenant, two of them to be compared.
import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from './api';
import { duration, stateText, timeOfDay } from './format';
import { askedOf } from './history';
import { queryOfPlace, usePoll } from './hooks';
import { Compare } from './compare';
import { JobDetail } from './job_detail';
import { Notice, Pill } from './parts';
import type { WireSummary } from './wire';
import './jobs.css';

const states = ['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED'];
const pageSize = 25;
const typingMs = 300;

interface Filter {
  search: string;
  tenant: string;
  state: string;
}

const readFilter = (): Filter => {
  const query = queryOfPlace();
  return { search: query.get('search') ?? '', tenant: query.get('tenant') ?? '', state: query.get('state') ?? '' };
};

// In the address, so that a list can be kept and sent around.
function showFilter(filter: Filter): void {
  const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value)).toString();
  history.replaceState(null, '', `#/jobs${query ? `?${query}` : ''}`);
}

// The filter as it is typed, and as it is asked: once nobody types any more.
function useFilter(): [Filter, Filter, (change: Partial<Filter>) => void] {
  const [typed, setTyped] = useState(readFilter);
  const [asked, setAsked] = useState(typed);
  useEffect(() => {
    if (typed === asked) return;
    const timer = setTimeout(() => {
      setAsked(typed);
      showFilter(typed);
    }, typed.state === asked.state ? typingMs : 0);
    return () => clearTimeout(timer);
  }, [typed]);
  return [typed, asked, (change) => setTyped((now) => ({ ...now, ...change }))];
}

function Filters({ filter, change }: { filter: Filter; change: (change: Partial<Filter>) => void }) {
  return (
    <form class="filters" role="search" aria-label="Find jobs" onSubmit={(event) => event.preventDefault()}>
      <label class="inline grow">
        <span>Search</span>
        <input type="search" maxLength={200} value={filter.search} placeholder="name or id" onInput={(event) => change({ search: event.currentTarget.value })} />
      </label>
      <label class="inline">
        <span>Tenant</span>
        <input maxLength={64} value={filter.tenant} placeholder="all" onInput={(event) => change({ tenant: event.currentTarget.value })} />
      </label>
      <label class="inline">
        <span>State</span>
        <select value={filter.state} onChange={(event) => change({ state: event.currentTarget.value })}>
          <option value="">All</option>
          {states.map((one) => <option key={one} value={one}>{stateText(one)}</option>)}
        </select>
      </label>
    </form>
  );
}

const isEmpty = (filter: Filter): boolean => !filter.search && !filter.tenant && !filter.state;

function JobList() {
  const [typed, filter, change] = useFilter();
  // The tokens of the pages before this one; the first page has none.
  const [pages, setPages] = useState<string[]>([]);
  const [picked, setPicked] = useState<string[]>([]);
  const token = pages.at(-1) ?? '';
  const { value, problem } = usePoll((signal) => api.jobs({ ...filter, page_size: pageSize, page_token: token }, signal), token || filter.search ? 15_000 : 2_000, [filter, token]);
  const jobs = value?.jobs ?? [];
  const started = useRef(false);
  useEffect(() => {
    if (started.current) setPages([]);
    started.current = true;
  }, [filter]);
  useEffect(() => scrollTo({ top: 0 }), [token, filter]);
  const pick = (id: string, on: boolean): void => setPicked((now) => (on ? [...now.filter((one) => one !== id), id].slice(-2) : now.filter((one) => one !== id)));
  return (
    <div class="page">
      <div class="page-head">
        <h1>Jobs</h1>
        <span class="row push">
          {picked.length === 2 ? (
            <a class="button" href={`#/jobs/compare/${picked.map(encodeURIComponent).join('/')}`}>Compare the two</a>
          ) : (
            <span class="muted small">{picked.length === 1 ? 'Choose one more to compare' : 'Choose two to compare'}</span>
          )}
        </span>
      </div>
      <Filters filter={typed} change={change} />
      {problem && <Notice kind="error">{problem}</Notice>}
      <div class="panel table-box" tabIndex={0} role="region" aria-label="Jobs, newest first">
        <table class="jobs">
          <thead>
            <tr>
              <th scope="col"><span class="hidden">Chosen</span></th>
              <th scope="col">Job</th>
              <th scope="col">State</th>
              <th scope="col" class="wide-only">Tenant</th>
              <th scope="col" class="wide-only">Accepted</th>
              <th scope="col" class="to-right">Took</th>
            </tr>
          </thead>
          <tbody>{jobs.map((job) => <JobRow key={job.job_id} job={job} picked={picked.includes(job.job_id)} onPick={(on) => pick(job.job_id, on)} />)}</tbody>
        </table>
        {value && jobs.length === 0 && (
          <p class="empty">
            {value.next_page_token ? 'None among those looked at so far; older ones come on the next page.' : `There are no jobs${isEmpty(filter) ? '' : ' like that'}${token ? ' further back' : ''}.`}
          </p>
        )}
        {!value && !problem && <p class="empty">Loading…</p>}
      </div>
      <div class="row end" role="group" aria-label="Pages">
        <button type="button" disabled={pages.length === 0} onClick={() => setPages(pages.slice(0, -1))}>Newer</button>
        <span class="muted">Page {pages.length + 1}</span>
        <button type="button" disabled={!value?.next_page_token} onClick={() => setPages([...pages, value?.next_page_token ?? ''])}>Older</button>
      </div>
    </div>
  );
}

function JobRow({ job, picked, onPick }: { job: WireSummary; picked: boolean; onPick: (on: boolean) => void }) {
  const began = Date.parse(job.create_time ?? '');
  const ended = Date.parse(job.end_time ?? '');
  const title = job.name || askedOf(job.job_id)?.prompt || '';
  return (
    <tr>
      <td class="pick"><input type="checkbox" aria-label={`Choose ${title || job.job_id}`} checked={picked} onChange={(event) => onPick(event.currentTarget.checked)} /></td>
      <td>
        <a href={`#/jobs/${encodeURIComponent(job.job_id)}`}>
          <span class="job-name">{title || job.job_id}</span>
          {title && <small class="mono muted">{job.job_id}</small>}
          <small class="narrow-only muted">{timeOfDay(job.create_time)}</small>
        </a>
      </td>
      <td><Pill state={job.state} />{job.degraded && <span class="chip is-warning">degraded</span>}</td>
      <td class="wide-only">{job.tenant}</td>
      <td class="nowrap wide-only">{timeOfDay(job.create_time)}</td>
      <td class="to-right nowrap">{duration(ended - began)}</td>
    </tr>
  );
}

export function Jobs({ route }: { route: string[] }) {
  const [first, ...rest] = route;
  if (first === 'compare') return <Compare key={rest.join('/')} left={rest[0] ?? ''} right={rest[1] ?? ''} />;
  return first ? <JobDetail key={first} id={first} /> : <JobList />;
}
