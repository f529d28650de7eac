// Does one job with Discord's own client for Node, @discordjs/rest, and prints what came of it as JSON.
//
// The job is the only argument: {"api", "options", "method", "route", "query", "body"}.
const { REST, DiscordAPIError, HTTPError } = require('@discordjs/rest');

async function main() {
  const job = JSON.parse(process.argv[2]);
  const rest = new REST({ api: job.api, version: '10', ...job.options });
  const limited = [];
  rest.on('rateLimited', (info) => limited.push({ global: info.global, scope: info.scope }));
  const said = { limited };
  try {
    said.ok = await rest[job.method](job.route, {
      auth: false,
      query: new URLSearchParams(job.query ?? {}),
      body: job.body,
    });
    if (said.ok instanceof ArrayBuffer) said.ok = { bytes: said.ok.byteLength };
  } catch (error) {
    said.error = {
      kind: error instanceof DiscordAPIError ? 'DiscordAPIError' : error instanceof HTTPError ? 'HTTPError' : error.name,
      name: error.name,
      message: error.message,
      code: error.code,
      status: error.status,
      raw: error.rawError,
    };
  }
  console.log(JSON.stringify(said));
}

main();
