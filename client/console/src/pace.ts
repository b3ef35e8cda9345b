// Who is drawn in a frame: of many texts that grow a share, those that have waited longest, so that a frame has time for
// it. Sixty-four are drawn fifteen times a second each, which nobody reads faster. Pure.

const perFrame = 16;

export class Pace {
  private readonly waiting = new Set<string>();
  private readonly drawnAt = new Map<string, number>();
  private frame = 0;

  add(keys: Iterable<string>): void {
    for (const key of keys) this.waiting.add(key);
  }

  get isEmpty(): boolean {
    return this.waiting.size === 0;
  }

  // Those that are to be drawn in the next frame; the others go on waiting. "" is the job as a whole, which never waits.
  take(): string[] {
    this.frame += 1;
    const drawnAt = (key: string): number => (key === '' ? -1 : (this.drawnAt.get(key) ?? 0));
    const due = [...this.waiting].sort((a, b) => drawnAt(a) - drawnAt(b)).slice(0, perFrame);
    for (const key of due) {
      this.waiting.delete(key);
      this.drawnAt.set(key, this.frame);
    }
    return due;
  }
}
