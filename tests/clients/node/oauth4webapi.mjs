// A client made of npm's oauth4webapi, the layer below openid-client: the program does each step.
import * as oauth from 'oauth4webapi';
import { converse } from './conversation.mjs';

const METHODS = { basic: oauth.ClientSecretBasic, post: oauth.ClientSecretPost, none: () => oauth.None() };
const insecure = { [oauth.allowInsecureRequests]: true };
let server, client, method, given, token, endsAt;

async function start(asked) {
  given = asked;
  token = undefined;
  const issuer = new URL(given.issuer);
  const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
  server = await oauth.processDiscoveryResponse(issuer, found);
  client = { client_id: given.client_id };
  method = METHODS[given.auth](given.client_secret);
  return { token_url: server.token_endpoint };
}

async function minted() {
  if (given.grant === 'client_credentials') {
    const answer = await oauth.clientCredentialsGrantRequest(server, client, method, {}, insecure);
    return oauth.processClientCredentialsResponse(server, client, answer);
  }
  const answer = await oauth.refreshTokenGrantRequest(server, client, method, given.refresh_token, insecure);
  return oauth.processRefreshTokenResponse(server, client, answer);
}

async function call({ url }) {
  if (!token || Date.now() >= endsAt) {
    const answer = await minted();
    token = answer.access_token;
    endsAt = Date.now() + 1000 * answer.expires_in;
  }
  const response = await oauth
    .protectedResourceRequest(token, 'GET', new URL(url), undefined, undefined, insecure)
    .catch((error) => {
      if (error instanceof oauth.WWWAuthenticateChallengeError) return error.response;
      throw error;
    });
  return { status: response.status, token };
}

async function introspect(asked) {
  const answer = await oauth.introspectionRequest(server, client, method, asked.token, insecure);
  return oauth.processIntrospectionResponse(server, client, answer);
}

async function revoke(asked) {
  await oauth.processRevocationResponse(await oauth.revocationRequest(server, client, method, asked.token, insecure));
}

await converse({ start, call, introspect, revoke });
