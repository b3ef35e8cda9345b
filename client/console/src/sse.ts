// Server-sent events out of a byte stream, read through fetch because EventSource can send no token.

export interface ServerEvent {
  id: string;
  name: string;
  data: string;
}

// The longest line it takes; more is a server that went wrong.
const lineMax = 32 << 20;

// Pure: bytes in, events out, wherever the pieces were cut.
export class EventReader {
  private readonly decoder = new TextDecoder();
  private rest = '';
  private afterReturn = false;
  private id = '';
  private name = '';
  private data: string[] = [];

  push(bytes: Uint8Array): ServerEvent[] {
    let text = this.decoder.decode(bytes, { stream: true });
    if (this.afterReturn && text.startsWith('\n')) text = text.slice(1);
    if (text) this.afterReturn = text.endsWith('\r');
    this.rest += text;
    if (this.rest.length > lineMax) throw new Error('the stream has a line without an end');
    const lines = this.rest.split(/\r\n|\n|\r/);
    this.rest = lines.pop() ?? '';
    const events: ServerEvent[] = [];
    for (const line of lines) {
      const event = this.line(line);
      if (event) events.push(event);
    }
    return events;
  }

  private line(line: string): ServerEvent | null {
    if (line === '') {
      const event = { id: this.id, name: this.name || 'message', data: this.data.join('\n') };
      const has = this.data.length > 0;
      this.name = '';
      this.data = [];
      return has ? event : null;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return null;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.data.push(value);
    else if (field === 'event') this.name = value;
    else if (field === 'id' && !value.includes('\0')) this.id = value;
    return null;
  }
}
