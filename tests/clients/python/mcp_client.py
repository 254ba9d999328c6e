"""A client made of the Python MCP SDK: its provider of client credentials with httpx, as its transports use it."""

import asyncio
import json
import sys
from typing import Any

import httpx
from mcp.client.auth.extensions.client_credentials import (  # type: ignore[import-not-found]
    ClientCredentialsOAuthProvider,
)


class Kept:
    """Where the SDK keeps its tokens: here, in memory."""

    tokens: Any = None

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> Any:
        return None

    async def set_client_info(self, client_info: Any) -> None:
        raise AssertionError("no client is registered")


async def main() -> None:
    kept, client = Kept(), httpx.AsyncClient()
    for line in sys.stdin:
        asked = json.loads(line)
        given = asked["with"]
        try:
            returned = None
            if asked["act"] == "start":
                kept = Kept()
                provider = ClientCredentialsOAuthProvider(
                    given["url"], kept, given["client_id"], given["client_secret"],
                    token_endpoint_auth_method=f"client_secret_{given['auth']}", issuer=given["issuer"],
                )  # fmt: skip
                client = httpx.AsyncClient(auth=provider)
            else:
                answer = await client.get(given["url"])
                returned = {"status": answer.status_code, "token": kept.tokens and kept.tokens.access_token}
            outcome: dict[str, Any] = {"returned": returned}
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises is its outcome
            outcome = {"raised": {"type": type(error).__name__, "text": str(error)}}
        print(json.dumps(outcome), flush=True)


asyncio.run(main())
