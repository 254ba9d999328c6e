"""Slashes at the start of a path: several count as one, because clients join a base URL that ends in a slash.

As in ``//login``, and below the public URL's path in ``/daypass//login``. Elsewhere in a path each slash counts. The
request goes on with one: a redirect would turn a POST into a GET, and one to ``//name`` leads to another host.
"""


def with_one_slash(path: str, below: str = "") -> str:
    """The path with one slash where several begin it, and where several follow `below`: the public URL's path."""
    if path.startswith("//"):
        path = "/" + path.lstrip("/")
    if below and path.startswith(f"{below}//"):
        path = f"{below}/{path[len(below) :].lstrip('/')}"
    return path
