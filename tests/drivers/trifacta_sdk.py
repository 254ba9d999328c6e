"""What the vendor's own SDK does with a server: reads `url` and `token` as JSON, prints what the SDK gave back."""

import json
import sys
from typing import Any

from trifacta.util import tfAPIs, tfconfig, tfrequests  # type: ignore[import-not-found]


def refused(call: Any, *arguments: Any) -> Any:
    """The body of the answer that makes the SDK raise."""
    try:
        call(*arguments)
    except Exception as error:  # noqa: BLE001 - the SDK raises nothing narrower
        return error.args[1]
    raise AssertionError("the SDK took a refusal for a success")


def main() -> None:
    given = json.load(sys.stdin)
    tfconfig.setup_configuration("anna", given["token"], given["url"])
    made = tfrequests.post("/v4/apiaccesstokens", json={"lifetimeSeconds": 3600, "description": "by the SDK"})
    token_id = made.json()["tokenInfo"]["tokenId"]
    user, configuration, _aws = tfAPIs.get_user_and_aws_config()
    told = {
        "created": [made.status_code, made.json()],
        "listed": tfrequests.get("/v4/apiAccessTokens/", params={"limit": 10, "includeCount": "true"}).json(),
        "shown": tfrequests.get(f"/v4/apiaccesstokens/{token_id}/").json(),
        "user": user,
        "configured": configuration["endpoint"],
        "bad request": refused(lambda: tfrequests.post("/v4/apiAccessTokens", json={"lifetimeSeconds": 0})),
        "deleted": tfrequests.delete(f"/v4/apiaccesstokens/{token_id}").status_code,
        "deleted again": refused(tfrequests.delete, f"/v4/apiAccessTokens/{token_id}"),
        "no such route": refused(tfrequests.get, "/v4/flows/1"),
        "no update": refused(tfrequests.put, f"/v4/apiAccessTokens/{token_id}", None, {"lifetimeSeconds": 1}),
    }
    tfconfig.setup_configuration("anna", f"{given['token'][:-1]}~", given["url"])
    told["bad token"] = refused(tfrequests.get, "/v4/people/current")
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
