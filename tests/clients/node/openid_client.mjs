// A client made of npm's openid-client, which leaves it to the program when to renew.
import * as oidc from 'openid-client';
import { converse } from './conversation.mjs';

const METHODS = { basic: oidc.ClientSecretBasic, post: oidc.ClientSecretPost, none: () => oidc.None() };
let config, given, token, endsAt;

async function start(asked) {
  given = asked;
  token = undefined;
  const method = METHODS[given.auth](given.client_secret);
  config = await oidc.discovery(new URL(given.issuer), given.client_id, undefined, method, {
    algorithm: 'oauth2',
    execute: [oidc.allowInsecureRequests],
  });
  return { token_url: config.serverMetadata().token_endpoint };
}

async function call({ url }) {
  if (!token || Date.now() >= endsAt) {
    const answer =
      given.grant === 'client_credentials'
        ? await oidc.clientCredentialsGrant(config)
        : await oidc.refreshTokenGrant(config, given.refresh_token);
    token = answer.access_token;
    endsAt = Date.now() + 1000 * answer.expiresIn();
  }
  const response = await oidc.fetchProtectedResource(config, token, new URL(url), 'GET').catch((error) => {
    if (error instanceof oidc.WWWAuthenticateChallengeError) return error.response; // it raises for a refusal
    throw error;
  });
  return { status: response.status, token };
}

await converse({
  start,
  call,
  introspect: (asked) => oidc.tokenIntrospection(config, asked.token),
  revoke: (asked) => oidc.tokenRevocation(config, asked.token),
});
