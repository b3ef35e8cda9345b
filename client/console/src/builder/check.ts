// What the server says of the job as it stands: asked a moment after the last edit, and only the newest answer counts.
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, api } from '../api';
import type { WirePlan } from '../wire';
import { checkable } from './edits';
import type { Problem } from './places';
import type { JsonObject } from './tree';

const pauseMs = 300;
const retryMs = 3000;

export interface Check {
  state: 'checking' | 'valid' | 'invalid' | 'unreachable';
  problems: Problem[]; // of the last answer, until there is another
  message: string; // of what kept it from being checked
  plan: WirePlan | null; // of the last job that was valid
  planned: JsonObject | null; // that job
}

export function useCheck(job: JsonObject): Check {
  // `of` is the job that was asked about.
  const [check, setCheck] = useState<Check & { of: JsonObject | null }>({ state: 'checking', problems: [], message: '', plan: null, planned: null, of: null });
  const [round, setRound] = useState(0);
  const first = useRef(true);
  useEffect(() => {
    const abort = new AbortController();
    let again: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      try {
        const plan = await api.inspect(checkable(job), abort.signal);
        if (abort.signal.aborted) return;
        setCheck({ state: 'valid', problems: [], message: '', plan, planned: job, of: job });
      } catch (error) {
        if (abort.signal.aborted) return;
        const known = error instanceof ApiError ? error : new ApiError(0, String(error));
        if (known.status === 400 || known.status === 404) {
          const problems = known.problems.length ? known.problems : [{ path: '', message: known.message }];
          setCheck((now) => ({ ...now, state: 'invalid', problems, message: '', of: job }));
        } else {
          setCheck((now) => ({ ...now, state: 'unreachable', message: known.message, of: job }));
          if (known.status !== 401) again = setTimeout(() => setRound((n) => n + 1), retryMs);
        }
      }
    };
    const timer = setTimeout(() => void ask(), first.current ? 0 : pauseMs);
    first.current = false;
    return () => {
      abort.abort();
      clearTimeout(timer);
      clearTimeout(again);
    };
  }, [job, round]);
  return check.of === job ? check : { ...check, state: 'checking' };
}
