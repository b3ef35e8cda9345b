// Small pieces that several views are made of.
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { stateText } from './format';

export const Pill = ({ state, children }: { state: string; children?: ComponentChildren }) => (
  <span class={`pill is-${state.toLowerCase()}`}>{children ?? stateText(state)}</span>
);

export const Notice = ({ kind = 'info', children }: { kind?: 'info' | 'warning' | 'error'; children: ComponentChildren }) => (
  <div class={`notice is-${kind}`} role={kind === 'error' ? 'alert' : undefined}>{children}</div>
);

export const Fact = ({ name, children }: { name: string; children: ComponentChildren }) => (
  <div class="fact">
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

// How much of a whole, as a bar; the text beside it says it in words.
export const Bar = ({ share, tone = '' }: { share: number; tone?: string }) => (
  <span class={`bar ${tone}`} aria-hidden="true">
    <span style={{ width: `${Math.max(0, Math.min(1, share)) * 100}%` }} />
  </span>
);

export function Dialog({ title, onClose, children, narrow }: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  narrow?: boolean;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  // Before anything is painted: who opened it still has the focus, and gets it back.
  useLayoutEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      class={narrow ? 'narrow' : ''}
      aria-labelledby="dialog-title"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      // Some browsers close it without asking.
      onClose={() => ref.current && onClose()}
      onClick={(event) => event.target === ref.current && onClose()}
    >
      <div class="dialog-body">
        <header>
          <h2 id="dialog-title">{title}</h2>
          <button type="button" class="icon" aria-label="Close" onClick={onClose}>
            <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M4 4l8 8M12 4l-8 8" /></svg>
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
