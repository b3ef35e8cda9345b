// node build.mjs --modules DIR --out FILE.cc [--dist DIR]: bundles the page and writes the C++ file that holds it, each
// file as it is and compressed. With --dist the files are written there as well.
// node build.mjs --modules DIR --tests OUTDIR FILE.ts…: bundles tests for node's runner instead.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = path.dirname(fileURLToPath(import.meta.url));
const options = { rest: [] };
for (let i = 2; i < process.argv.length; ++i) {
  const flag = /^--(\w+)$/.exec(process.argv[i]);
  if (flag) options[flag[1]] = path.resolve(process.argv[++i]);
  else options.rest.push(path.resolve(process.argv[i]));
}
const require = createRequire(path.join(options.modules, 'package.json'));
const esbuild = (await import(pathToFileURL(require.resolve('esbuild')))).default;

const common = {
  bundle: true,
  write: false,
  target: ['es2022'],
  nodePaths: [path.join(options.modules, 'node_modules')],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  logLevel: 'warning',
};

// Octal escapes of three digits: what follows cannot become part of one. Pieces, for compilers limit a literal's length.
function literal(bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += 64) {
    let line = '';
    for (const byte of bytes.subarray(at, at + 64)) {
      const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c && byte !== 0x3f;
      line += plain ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
    }
    lines.push(`"${line}"`);
  }
  return lines.length ? lines.join('\n     ') : '""';
}

const hashOf = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

async function bundlePage() {
  const built = await esbuild.build({
    ...common,
    entryPoints: [path.join(here, 'src/main.tsx')],
    outdir: '/assets',
    entryNames: 'console-[hash]',
    format: 'esm',
    minify: true,
    legalComments: 'none',
    define: { 'process.env.NODE_ENV': '"production"' },
  });
  const files = built.outputFiles.map((file) => ({ name: `/assets/${path.basename(file.path)}`, bytes: Buffer.from(file.contents) }));
  const icon = readFileSync(path.join(here, 'src/icon.svg'));
  files.push({ name: `/assets/icon-${hashOf(icon).toUpperCase().slice(0, 8)}.svg`, bytes: icon });
  const named = (ending) => files.find((file) => file.name.endsWith(ending)).name;
  const page = readFileSync(path.join(here, 'src/index.html'), 'utf8')
    .replace('{script}', named('.js'))
    .replace('{style}', named('.css'))
    .replace('{icon}', named('.svg'));
  return [{ name: '/', bytes: Buffer.from(page) }, ...files];
}

const types = { '/': 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml' };

function cppOf(files) {
  let text = '// Made by client/console/build.mjs.\n#include "client/gateway/console_files.h"\n\nnamespace moa::gateway {\n\n';
  text += 'absl::Span<const ConsoleFile> EmbeddedConsole() {\n';
  text += `  static const ConsoleFile files[] = {\n`;
  for (const { name, bytes } of files) {
    const gzip = gzipSync(bytes, { level: 9 });
    const type = types[name] ?? types[name.split('.').pop()];
    text += `    {"${name}", "${type}", "${hashOf(bytes)}",\n`;
    text += `     {${literal(bytes)}, ${bytes.length}},\n     {${literal(gzip)}, ${gzip.length}}},\n`;
  }
  return `${text}  };\n  return files;\n}\n\n}  // namespace moa::gateway\n`;
}

if (options.tests) {
  await esbuild.build({
    ...common,
    entryPoints: options.rest,
    outdir: options.tests,
    outExtension: { '.js': '.mjs' },
    platform: 'node',
    format: 'esm',
    sourcemap: 'inline',
    write: true,
  });
} else {
  const files = await bundlePage();
  if (options.out) writeFileSync(options.out, cppOf(files));
  for (const { name, bytes } of options.dist ? files : []) {
    const target = path.join(options.dist, name === '/' ? 'index.html' : name);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, bytes);
  }
}
