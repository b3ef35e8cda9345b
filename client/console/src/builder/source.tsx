// The job as a file. What is typed here is read by the server; the form follows as soon as it can be read.
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, api } from '../api';
import { useEditor } from './editor';
import type { Problem } from './places';
import { type JsonObject, equal } from './tree';

const pauseMs = 350;

function selectLine(area: HTMLTextAreaElement | null, line: number): void {
  if (!area) return;
  const lines = area.value.split('\n');
  const from = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  area.focus();
  area.setSelectionRange(from, from + (lines[line - 1]?.length ?? 0));
  area.scrollTop = (line - 4) * (area.scrollHeight / Math.max(1, lines.length));
}

export function Source() {
  const { job, change } = useEditor();
  const [text, setText] = useState('');
  const [problems, setProblems] = useState<Problem[]>([]);
  const [trouble, setTrouble] = useState('');
  // The job that the text says; null while the text was typed and not read yet.
  const [said, setSaid] = useState<JsonObject | null>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  const typed = useRef(false);

  // The job changed elsewhere: its text is asked for.
  useEffect(() => {
    if (said === job || typed.current) return;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      api.convert(JSON.stringify(job), 'draft.json', abort.signal).then(
        (answer) => {
          if (abort.signal.aborted) return;
          setText(answer.yaml ?? JSON.stringify(job, null, 2));
          setProblems(answer.problems.map(({ path, message }) => ({ path, message })));
          setTrouble('');
          setSaid(job);
        },
        (error: unknown) => !abort.signal.aborted && setTrouble(error instanceof ApiError ? error.message : String(error)),
      );
    }, text === '' ? 0 : pauseMs);
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [job, said]);

  // The text was typed: the server reads it.
  useEffect(() => {
    if (!typed.current) return;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      api.convert(text, 'draft.yaml', abort.signal).then(
        (answer) => {
          if (abort.signal.aborted) return;
          setTrouble('');
          setProblems(answer.problems);
          if (!answer.job) return;
          typed.current = false;
          const next = equal(answer.job, job) ? job : answer.job;
          setSaid(next);
          if (next !== job) change(next);
        },
        (error: unknown) => {
          if (abort.signal.aborted) return;
          const known = error instanceof ApiError ? error : null;
          setProblems(known?.problems ?? []);
          setTrouble(known?.problems.length ? '' : known ? known.message : String(error));
        },
      );
    }, pauseMs);
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [text]);

  return (
    <div class="b-source">
      <label class="hidden" for="builder-source">The job as YAML</label>
      <textarea
        id="builder-source"
        ref={area}
        class="mono"
        value={text}
        spellcheck={false}
        wrap="off"
        aria-describedby="builder-source-state"
        aria-invalid={problems.length > 0 || undefined}
        onInput={(event) => {
          typed.current = true;
          setSaid(null);
          setText(event.currentTarget.value);
        }}
      />
      <div id="builder-source-state" role="status">
        {trouble && <p class="b-problem">{trouble}</p>}
        {problems.length > 0 && (
          <ul class="b-problems">
            {problems.map((one, i) => (
              <li key={i}>
                {one.line ? <button type="button" class="link" onClick={() => selectLine(area.current, one.line ?? 1)}>Line {one.line}</button> : null} {one.path && <code>{one.path}</code>} {one.message}
              </li>
            ))}
          </ul>
        )}
        {!trouble && problems.length === 0 && <p class="b-hint">{said === null ? 'Reading…' : 'YAML as moactl reads it. Workshop files and JSON may be pasted as well. Comments are not kept.'}</p>}
      </div>
    </div>
  );
}
