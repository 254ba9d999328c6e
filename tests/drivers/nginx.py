"""A real nginx with the configuration of ``deploy/nginx``, but for addresses and paths, and the sample API."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests

from tests.drivers.server import free_port
from tests.patience import PATIENCE_SECONDS

DEPLOY = Path(__file__).parents[2] / "deploy"

TOKENS, API, ONE = "tokens.example.com", "api.example.com", "one.example.com"
"""The names under which nginx serves Daypass itself, the API, and the API with Daypass's compatibility layers."""

MAIN = """\
daemon off;
{user}
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
worker_rlimit_nofile 20000;
events {{ worker_connections 8192; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include conf.d/*.conf;
}}
"""
"""What a distribution's own nginx.conf does, in a folder of the test."""


class Process:
    """A server in a process of its own, up when its port answers."""

    name: str

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._output = folder / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def log(self) -> str:
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    def logs(self) -> str:
        """All that it wrote down."""
        return self.log()

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(PATIENCE_SECONDS)
            self._process = None

    def _start(self, *words: str, folder: Path) -> None:
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(words, cwd=folder, stdout=output, stderr=output)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _is_listening(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self.name} did not start:\n{self.log()}")
            time.sleep(0.02)

    def __exit__(self, *_: object) -> None:
        self.stop()


class SampleApi(Process):
    """``deploy/sample_api.py``, served by granian; its log names the path of every request that arrived."""

    name = "sample_api"

    def __enter__(self) -> "SampleApi":
        words = (
            "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
            "--blocking-threads", "1", "--no-ws", "--access-log", "--access-log-fmt", "%(method)s <%(path)s>",
        )  # fmt: skip
        self._start(sys.executable, "-m", "granian", *words, "sample_api:app", folder=DEPLOY)
        return self

    def has_seen(self, path: str) -> bool:
        return f"<{path}>" in self.log()


class Nginx(Process):
    """nginx on one free port. `also`: lines that somebody has added to the API's server block.

    On `port_one`, and so at `url_one`, it is the server with Daypass's compatibility layers under whatever name.
    """

    name = "nginx"

    def __init__(self, folder: Path, daypass_port: int, api_port: int, also: str = "") -> None:
        super().__init__(folder)
        self.folder = folder / "nginx"
        self.url = f"http://127.0.0.1:{self.port}"
        self.port_one = free_port()
        self.url_one = f"http://127.0.0.1:{self.port_one}"
        (self.folder / "conf.d").mkdir(parents=True)
        shutil.copytree(DEPLOY / "nginx" / "daypass", self.folder / "daypass")
        text = (DEPLOY / "nginx" / "daypass.conf").read_text()
        for shipped, here, times in (
            ("127.0.0.1:8080", f"127.0.0.1:{daypass_port}", 1),
            ("127.0.0.1:5000", f"127.0.0.1:{api_port}", 1),
            ("listen 80;", f"listen 127.0.0.1:{self.port};", 3),
            ("/var/log/nginx/", f"{self.folder}/", 3),
            (f"server_name {ONE};", f"server_name {ONE}; listen 127.0.0.1:{self.port_one};", 1),
            (f"server_name {API};", f"server_name {API};\n{also}", 1),
        ):
            assert text.count(shipped) == times, f"{shipped!r} is not in the shipped file {times} times"
            text = text.replace(shipped, here)
        (self.folder / "conf.d" / "daypass.conf").write_text(text)
        user = "user root;" if os.geteuid() == 0 else ""  # the folders of a test are its user's alone
        (self.folder / "nginx.conf").write_text(MAIN.format(folder=self.folder, user=user))

    def __enter__(self) -> "Nginx":
        self._start(
            nginx_program(), "-p", str(self.folder), "-e", str(self.folder / "error.log"),
            "-c", str(self.folder / "nginx.conf"), folder=self.folder,
        )  # fmt: skip
        return self

    def logs(self) -> str:
        return self.log() + "".join(each.read_text(errors="replace") for each in sorted(self.folder.glob("*.log")))

    def session(self, name: str) -> requests.Session:
        """A client of the server of that name."""
        session = requests.Session()
        session.trust_env = False
        session.headers["Host"] = name
        return session


SITE = """\
server {{
    listen 127.0.0.1:{port};
    location / {{ return 418; }}
    include daypass/{path};
}}
"""


class NginxBelowAPath(Nginx):
    """The same with another site on two more ports, whose path ``/daypass`` is Daypass.

    On `port_keeping`, nginx passes the path on, as shipped; on `port_stripping`, it removes it. Everything else of the
    site is answered 418.
    """

    def __init__(self, folder: Path, daypass_port: int) -> None:
        super().__init__(folder, daypass_port, free_port())
        self.port_keeping, self.port_stripping = free_port(), free_port()
        shipped = (self.folder / "daypass" / "path.conf").read_text()
        assert shipped.count("proxy_pass http://daypass;") == 2, "of the path, and of what stands in front of it"
        stripping = shipped.replace("proxy_pass http://daypass;", "proxy_pass http://daypass/;", 1)
        (self.folder / "daypass" / "stripping.conf").write_text(stripping)
        sites = ((self.port_keeping, "path.conf"), (self.port_stripping, "stripping.conf"))
        text = "".join(SITE.format(port=port, path=path) for port, path in sites)
        (self.folder / "conf.d" / "site.conf").write_text(text)


PROXY = "127.0.0.2"
"""The address from which the nginx below connects to Daypass."""


class NginxSigningIn(Nginx):
    """The same, which signs people in at Daypass's sign-in page, as ``docs/reverse-proxy-sign-in.md`` has it.

    It connects from an address of its own, so that others on this machine are no trusted proxies.
    """

    def __init__(self, folder: Path, daypass_port: int, passwords: dict[str, str]) -> None:
        super().__init__(folder, daypass_port, free_port())
        (self.folder / "staff").write_text("".join(f"{name}:{{PLAIN}}{word}\n" for name, word in passwords.items()))
        conf = self.folder / "conf.d" / "daypass.conf"
        text, before = conf.read_text(), "    location = /metrics { return 404; }"
        assert text.count(before) == 1
        text = text.replace(before, f"{documented_location()}\n{before}").replace("/etc/nginx/staff", "staff")
        conf.write_text(text.replace("include daypass/pass.conf;", f"include daypass/pass.conf; proxy_bind {PROXY};"))


def documented_location() -> str:
    """The lines for the sign-in page in the document."""
    text = (DEPLOY.parent / "docs" / "reverse-proxy-sign-in.md").read_text()
    return text.partition("```nginx\n")[2].partition("```")[0]


def nginx_program() -> str:
    """Where nginx is, installed first where that is possible; AssertionError says how where it is not."""
    if (found := _find_nginx()) is None and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # and it need not be started
        for words in (("update",), ("install", "-y", "--no-install-recommends", "nginx")):
            command = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *words]
            subprocess.run(command, env=quiet, capture_output=True, timeout=200, check=False)
        found = _find_nginx()
    assert found, "these tests need nginx: as root, `apt-get install --no-install-recommends nginx`, or your system's"
    return found


def _find_nginx() -> str | None:
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
