// A client made of the TypeScript MCP SDK: its provider of client credentials around fetch, as its transports use it.
import { ClientCredentialsProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { withOAuth } from '@modelcontextprotocol/sdk/client/middleware.js';
import { converse } from './conversation.mjs';

let provider;

function start(given) {
  const { client_id: clientId, client_secret: clientSecret, issuer: expectedIssuer } = given;
  provider = new ClientCredentialsProvider({ clientId, clientSecret, expectedIssuer });
}

async function call({ url }) {
  const response = await withOAuth(provider, url)(fetch)(url);
  return { status: response.status, token: provider.tokens().access_token };
}

await converse({ start, call });
