// node unit.mjs MODULES OUT: checks the console's types, bundles its unit tests and runs them.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const [modules, out] = process.argv.slice(2).map((one) => path.resolve(one));
const source = path.join(root, 'client/console');
const tests = path.join(root, 'tests/client/console');

function run(...args) {
  const { status, error } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

mkdirSync(out, { recursive: true });
const config = path.join(out, 'tsconfig.json');
writeFileSync(
  config,
  JSON.stringify({
    extends: path.join(source, 'tsconfig.json'),
    compilerOptions: { paths: { '*': [path.join(modules, 'node_modules/*')] } },
    include: [path.join(source, 'src')],
  }),
);
run(path.join(modules, 'node_modules/typescript/bin/tsc'), '-p', config);
const files = readdirSync(tests).filter((name) => name.endsWith('.test.ts'));
run(path.join(source, 'build.mjs'), '--modules', modules, '--tests', out, ...files.map((name) => path.join(tests, name)));
run('--test', ...files.map((name) => path.join(out, name.replace(/\.ts$/, '.mjs'))));
