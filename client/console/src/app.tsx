import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, onTokenNeeded } from './api';
import { Builder } from './builder/builder';
import { Challenge } from './challenge/challenge';
import { Chat } from './chat';
import { Cluster } from './cluster';
import { useRoute } from './hooks';
import { Jobs } from './jobs';
import { Dialog } from './parts';

const tabs = [
  { name: 'chat', title: 'Chat' },
  { name: 'builder', title: 'Builder' },
  { name: 'challenge', title: 'Challenge' },
  { name: 'jobs', title: 'Jobs' },
  { name: 'cluster', title: 'Cluster' },
] as const;

interface Question {
  rejected: boolean;
  answer: (token: string) => void;
  refuse: (error: ApiError) => void;
}

function TokenDialog({ question, onClose }: { question: Question; onClose: () => void }) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  return (
    <Dialog title="This gateway asks for a token" narrow onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const token = input.current?.value.trim();
          if (token) question.answer(token);
        }}
      >
        {question.rejected && <p class="notice is-error" role="alert">The token was not accepted.</p>}
        <label class="field">
          <span>Token</span>
          <input ref={input} type="password" name="token" autocomplete="off" spellcheck={false} required />
        </label>
        <p class="muted">It is kept until this tab is closed and sent to this gateway only.</p>
        <div class="row end"><button type="submit" class="primary">Continue</button></div>
      </form>
    </Dialog>
  );
}

export function App() {
  const route = useRoute();
  const tab = tabs.find((one) => one.name === route[0]) ?? tabs[0];
  const [question, setQuestion] = useState<Question | null>(null);
  const [locked, setLocked] = useState(false);
  const declined = useRef(false);
  // The views below ask at once, so that this is set before they do.
  useState(() =>
    onTokenNeeded((rejected) =>
      declined.current
        ? Promise.reject(new ApiError(401, 'a token is needed'))
        : new Promise<string>((resolve, reject) => {
            const close = (): void => setQuestion(null);
            setQuestion({
              rejected,
              answer: (token) => (close(), resolve(token)),
              refuse: (error) => (close(), reject(error)),
            });
          }),
    ),
  );
  useEffect(() => {
    document.title = `${tab.title} · Mixture of Agents`;
  }, [tab]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), document.getElementById('main')?.focus())}>Skip to the content</a>
      <header class="top">
        <span class="brand">
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <path d="M9 9l7 14M16 9v14M23 9l-7 14" />
            <circle cx="9" cy="9" r="3" /><circle cx="16" cy="9" r="3" /><circle cx="23" cy="9" r="3" /><circle cx="16" cy="23.5" r="3.6" />
          </svg>
          <span class="brand-name">Mixture of Agents</span>
        </span>
        <nav aria-label="Views">
          {tabs.map((one) => (
            <a key={one.name} href={`#/${one.name}`} aria-current={one === tab ? 'page' : undefined}>{one.title}</a>
          ))}
        </nav>
        {locked && (
          <button type="button" onClick={() => { declined.current = false; setLocked(false); location.reload(); }}>Enter token</button>
        )}
      </header>
      <main id="main" tabIndex={-1}>
        {tab.name === 'chat' && <Chat jobId={route[0] === 'chat' ? (route[1] ?? null) : null} />}
        {tab.name === 'builder' && <Builder route={route.slice(1)} />}
        {tab.name === 'challenge' && <Challenge />}
        {tab.name === 'jobs' && <Jobs route={route.slice(1)} />}
        {tab.name === 'cluster' && <Cluster />}
      </main>
      {question && (
        <TokenDialog
          key={String(question.rejected)}
          question={question}
          onClose={() => {
            declined.current = true;
            setLocked(true);
            question.refuse(new ApiError(401, 'a token is needed'));
          }}
        />
      )}
    </>
  );
}
