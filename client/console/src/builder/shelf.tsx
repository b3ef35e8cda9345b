// Where a job can start from, and where it is kept: presets, and the MoAs saved in this browser.
import { useEffect, useRef, useState } from 'preact/hooks';
import { Dialog, Notice } from '../parts';
import { type SavedMoa, deleteMoa, saveMoa, savedMoas } from '../saved_moas';
import { shapeOf, shapeOfJob } from '../shape';
import type { WirePreset } from '../wire';
import { Icon } from './icons';
import type { JsonObject } from './tree';

export function StartDialog({ presets, onPreset, onSaved, onEmpty, onClose }: {
  presets: WirePreset[];
  onPreset: (preset: WirePreset) => void;
  onSaved: (saved: SavedMoa) => void;
  onEmpty: () => void;
  onClose: () => void;
}) {
  const [mine, setMine] = useState(savedMoas);
  return (
    <Dialog title="Start from" onClose={onClose}>
      <section>
        <h3>My MoAs</h3>
        {mine.length === 0 && <p class="muted">What you save is listed here, in this browser only.</p>}
        <ul class="b-shelf">
          {mine.map((one) => (
            <li key={one.name}>
              <button type="button" onClick={() => onSaved(one)}><strong>{one.name}</strong><small>{shapeOfJob(one.job)}</small></button>
              <button
                type="button"
                class="icon"
                aria-label={`Delete ${one.name}`}
                onClick={() => {
                  if (!confirm(`Delete “${one.name}”? It is kept nowhere else.`)) return;
                  deleteMoa(one.name);
                  setMine(savedMoas());
                }}
              >
                <Icon name="remove" />
              </button>
            </li>
          ))}
        </ul>
      </section>
      <section>
        <h3>Presets</h3>
        <ul class="b-shelf">
          <li><button type="button" onClick={onEmpty}><strong>Two agents</strong><span>One layer and an aggregator, nothing else set</span></button></li>
          {presets.map((one) => (
            <li key={one.name}>
              <button type="button" onClick={() => onPreset(one)}><strong>{one.name}</strong><span>{one.description}</span><small>{shapeOf(one)}</small></button>
            </li>
          ))}
        </ul>
      </section>
    </Dialog>
  );
}

export function SaveDialog({ name, job, onSaved, onClose }: { name: string; job: JsonObject; onSaved: (name: string) => void; onClose: () => void }) {
  const [text, setText] = useState(name);
  const [failed, setFailed] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.select(), []);
  const wanted = text.trim();
  const taken = wanted !== name && savedMoas().some((one) => one.name === wanted);
  return (
    <Dialog title="Save in this browser" narrow onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!wanted) return;
          if (saveMoa(wanted, job)) onSaved(wanted);
          else setFailed(true);
        }}
      >
        <label class="field"><span>Name</span><input ref={input} value={text} maxLength={80} required autocomplete="off" onInput={(event) => setText(event.currentTarget.value)} /></label>
        {taken && <Notice kind="warning">There is one of that name; it is replaced.</Notice>}
        {failed && <Notice kind="error">This browser keeps nothing more. Export the job as a file instead.</Notice>}
        <p class="muted">Chat offers it beside the presets.</p>
        <div class="row end"><button type="submit" class="primary" disabled={!wanted}>{taken ? 'Replace' : 'Save'}</button></div>
      </form>
    </Dialog>
  );
}
