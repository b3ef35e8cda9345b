// The web console's files as a gateway serves them. No coordinator is needed for that.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { start } from '../gateway/cluster.mjs';

const pageBytesMax = 300 * 1024;

// As it goes over the wire: fetch would decompress.
const get = (url, headers = {}, method = 'GET') =>
  new Promise((resolve, reject) => {
    request(url, { method, headers }, (reply) => {
      const pieces = [];
      reply.on('data', (piece) => pieces.push(piece));
      reply.on('end', () => resolve({ status: reply.statusCode, headers: reply.headers, body: Buffer.concat(pieces) }));
    }).on('error', reject).end();
  });

describe('the web console', () => {
  let gateway, url, page, files, folder;
  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'moa-console-'));
    writeFileSync(path.join(folder, 'tokens'), 'secret\n');
    gateway = await start(
      'moa-gateway',
      ['--coordinator', '127.0.0.1:1', '--listen', '127.0.0.1:0', '--metrics-listen', '127.0.0.1:0', '--token-file', path.join(folder, 'tokens')],
      ['http'],
    );
    url = `http://${gateway.address('http')}`;
    page = await get(`${url}/`, { 'Accept-Encoding': 'identity' });
    files = [...page.body.toString().matchAll(/(?:href|src)="([^"]+)"/g)].map((match) => match[1]);
  });
  after(async () => {
    assert.equal(await gateway.stop(), 0);
    rmSync(folder, { recursive: true });
  });

  it('needs no token for itself, but for the API', async () => {
    assert.equal(page.status, 200);
    assert.equal(page.headers['content-type'], 'text/html; charset=utf-8');
    assert.equal((await get(`${url}/v1/models`)).status, 401);
  });

  it('may load from its own host alone', async () => {
    const policy = page.headers['content-security-policy'];
    for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]) {
      assert.ok(policy.split('; ').includes(part), policy);
    }
    assert.ok(!policy.includes('unsafe'), policy);
    assert.equal(page.headers['x-content-type-options'], 'nosniff');
    assert.equal(page.headers['referrer-policy'], 'no-referrer');
    assert.ok(!/<script(?![^>]*src=)|<style|\son\w+=|\sstyle=/.test(page.body.toString()));
  });

  it('is small when compressed, and names no other host', async () => {
    let bytes = 0;
    for (const file of ['/', ...files]) {
      const small = await get(url + file, { 'Accept-Encoding': 'br, gzip' });
      assert.equal(small.status, 200, file);
      assert.equal(small.headers['content-encoding'], 'gzip');
      bytes += small.body.length;
      const text = (await get(url + file)).body.toString();
      // The namespaces of SVG and MathML are names, not addresses.
      const hosts = [...text.matchAll(/https?:\/\/[\w.-]+/g)].map((match) => match[0]);
      assert.deepEqual(hosts.filter((host) => host !== 'http://www.w3.org'), [], file);
    }
    console.log(`the page takes ${bytes} bytes`);
    assert.ok(bytes < pageBytesMax, `${bytes}`);
  });

  it('is looked up again, its files are kept', async () => {
    assert.equal(page.headers['cache-control'], 'no-cache');
    assert.equal((await get(`${url}/`, { 'If-None-Match': page.headers.etag })).status, 304);
    assert.equal((await get(`${url}/`, { 'If-None-Match': page.headers.etag, 'Accept-Encoding': 'gzip' })).status, 200);
    assert.equal((await get(`${url}/`, { 'If-None-Match': '"other"' })).status, 200);
    const script = await get(url + files.find((file) => file.endsWith('.js')));
    assert.match(script.headers['cache-control'], /immutable/);
    assert.match(script.headers.vary, /Accept-Encoding/);
    assert.match(script.headers['content-type'], /^text\/javascript/);
  });

  it('says what is not there and what cannot be done', async () => {
    const missing = await get(`${url}/assets/none.js`);
    assert.equal(missing.status, 404);
    assert.equal(missing.headers['x-content-type-options'], 'nosniff');
    assert.equal((await get(`${url}/assets/`)).status, 404);
    const wrong = await get(`${url}/`, {}, 'POST');
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.allow, 'GET, HEAD');
    const head = await get(`${url}/`, {}, 'HEAD');
    assert.equal(head.status, 200);
    assert.equal(head.body.length, 0);
  });
});
