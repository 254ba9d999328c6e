// An act a line in, its outcome a line out, both JSON (see ../lives.py).
import { createInterface } from 'node:readline';

/** What a library's error says, and where it hands on no words of the server, what it knows besides. */
function told(error) {
  const words = [error.error, error.error_description].filter((each) => typeof each === 'string');
  const rest = words.length || !error.cause ? [] : [`${error.code}`, JSON.stringify(error.cause)];
  return { type: error.constructor.name, text: [error.message, ...words, ...rest].join(' | ') };
}

export async function converse(acts) {
  for await (const line of createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    let outcome;
    try {
      outcome = { returned: (await acts[asked.act](asked.with)) ?? null };
    } catch (error) {
      outcome = { raised: told(error) };
    }
    process.stdout.write(JSON.stringify(outcome) + '\n');
  }
}
