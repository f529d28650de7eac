// Makes the folder `fixture` beside an installed n8n: a database that is migrated and has an owner.
//
// A test starts its server from a copy of it, and so waits for neither migrations nor set-up.
// Usage: node fixture.mjs FOLDER

import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE_MS = 480_000;
const settings = JSON.parse(readFileSync(join(import.meta.dirname, 'settings.json'), 'utf8'));
const folder = resolve(process.argv[2]);
const fixture = join(folder, 'fixture');
const log = join(folder, 'fixture.log');

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

async function ready(url, ended) {
  const start = performance.now();
  while (performance.now() - start < PATIENCE_MS) {
    if (ended()) throw new Error('n8n ended before it was ready');
    const answer = await fetch(`${url}/healthz/readiness`).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(100);
  }
  throw new Error(`n8n was not ready within ${PATIENCE_MS / 1000} s`);
}

async function own(url) {
  const answer = await fetch(`${url}/rest/owner/setup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(settings.owner),
  });
  if (!answer.ok) throw new Error(`n8n took no owner: ${answer.status} ${await answer.text()}`);
}

async function main() {
  rmSync(fixture, { recursive: true, force: true });
  mkdirSync(fixture);
  const [port, broker] = [await freePort(), await freePort()];
  const output = openSync(log, 'w');
  const child = spawn(process.execPath, [join(folder, 'node_modules/n8n/bin/n8n'), 'start'], {
    cwd: folder,
    env: {
      ...settings.env,
      HOME: fixture,
      PATH: process.env.PATH,
      N8N_USER_FOLDER: fixture,
      N8N_PORT: `${port}`,
      N8N_RUNNERS_BROKER_PORT: `${broker}`,
    },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const end = new Promise((done) => child.once('exit', (code) => done(code)));
  const url = `http://127.0.0.1:${port}`;
  try {
    await ready(url, () => child.exitCode !== null || child.signalCode !== null);
    await own(url);
    child.kill('SIGTERM');
    const code = await end;
    if (code !== 0) throw new Error(`n8n ended with ${code}`);
  } catch (why) {
    child.kill('SIGKILL');
    throw new Error(`${why.message}\n${readFileSync(log, 'utf8').slice(-4000)}`);
  }
}

await main().catch((why) => {
  process.stderr.write(`${why.message}\n`);
  process.exitCode = 1;
});
