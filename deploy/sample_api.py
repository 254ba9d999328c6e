"""A sample API behind Daypass: it returns who calls and what arrived.

The proxy checks tokens, so serve it where only the proxy can reach it.
"""

from hashlib import sha256
from urllib.parse import unquote

from flask import Flask, abort, request

app = Flask(__name__)


@app.route("/", defaults={"path": ""}, methods=["GET", "POST"])
@app.route("/<path:path>", methods=["GET", "POST"])
def who_calls(path: str) -> dict[str, object]:
    if not request.headers.get("X-Auth-User-Id"):
        abort(401)  # not through the proxy, or the proxy is misconfigured
    caller = {name: unquote(value) for name, value in request.headers if name.startswith(("X-Auth-", "Remote-User"))}
    received = {"headers": sorted(request.headers.keys()), "body": sha256(request.get_data()).hexdigest()}
    return {"path": path, "caller": caller, **received}
