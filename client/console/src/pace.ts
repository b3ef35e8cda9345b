// Who is drawn in a frame: of many texts that grow a share, those that have waited longest, so that a frame has time for
// it. The share shrinks when frames come late and grows while they do not: a slow machine draws each text more seldom,
// not all of them in jerks. Pure.

const most = 16; // sixty-four are drawn fifteen times a second each, which nobody reads faster
const least = 4;
// Between two frames, in ms: one of sixty a second was missed.
const late = 25;

export class Pace {
  private readonly waiting = new Set<string>();
  private readonly drawnAt = new Map<string, number>();
  private frame = 0;
  private share = most;

  add(keys: Iterable<string>): void {
    for (const key of keys) this.waiting.add(key);
  }

  get isEmpty(): boolean {
    return this.waiting.size === 0;
  }

  // Those that are to be drawn in the next frame; the others go on waiting. "" is the job as a whole, which never waits.
  // `sinceLast` is how long ago the frame before was, in ms, where this one was wanted at once.
  take(sinceLast?: number): string[] {
    if (sinceLast !== undefined) this.share = sinceLast > late ? Math.max(least, this.share * 0.7) : Math.min(most, this.share + 0.1);
    this.frame += 1;
    const drawnAt = (key: string): number => (key === '' ? -1 : (this.drawnAt.get(key) ?? 0));
    const due = [...this.waiting].sort((a, b) => drawnAt(a) - drawnAt(b)).slice(0, Math.floor(this.share));
    for (const key of due) {
      this.waiting.delete(key);
      this.drawnAt.set(key, this.frame);
    }
    return due;
  }
}
