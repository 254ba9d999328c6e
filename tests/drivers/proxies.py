"""The other proxies with their files of ``deploy/``, but for addresses, where their programs are installed.

At `url_one` each has the host with Daypass's compatibility layers. ``tests/drivers/nginx.py`` has nginx.
"""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path

from tests.drivers.nginx import API, DEPLOY, ONE, TOKENS, Process


class Proxy(Process, ABC):
    """`files`: the shipped ones, the first of which is named to the program."""

    files: tuple[str, ...]

    def __init__(self, folder: Path, daypass_port: int, api_port: int) -> None:
        super().__init__(folder)
        self.folder = folder / self.name
        self.folder.mkdir()
        self.url_one = f"http://127.0.0.1:{self.port}"
        for file in self.files:
            text = (DEPLOY / self.name / file).read_text()
            for shipped, here in self.changes(daypass_port, api_port):
                text = text.replace(shipped, here)
            (self.folder / file).write_text(text)

    def __enter__(self) -> "Proxy":
        program = shutil.which(self.name)
        assert program, f"{self.name} is not installed"
        self._start(program, *self.words(), folder=self.folder)
        return self

    def changes(self, daypass_port: int, api_port: int) -> Iterable[tuple[str, str]]:
        """What is replaced in the shipped files, and by what."""
        yield "127.0.0.1:8080", f"127.0.0.1:{daypass_port}"
        yield "127.0.0.1:5000", f"127.0.0.1:{api_port}"

    @abstractmethod
    def words(self) -> tuple[str, ...]:
        """The arguments of the program."""


class Caddy(Proxy):
    name, files = "caddy", ("Caddyfile",)

    def changes(self, daypass_port: int, api_port: int) -> Iterable[tuple[str, str]]:
        yield from super().changes(daypass_port, api_port)
        yield "{\n\tservers {", "{\n\tadmin off\n\tservers {"
        for site in (TOKENS, API):
            yield f"\n{site} {{", f"\nhttp://{site}:{self.port} {{"
        yield f"\n{ONE} {{", f"\nhttp://{ONE}:{self.port}, {self.url_one} {{"

    def words(self) -> tuple[str, ...]:
        return "run", "--adapter", "caddyfile", "--config", "Caddyfile"


class Envoy(Proxy):
    name, files = "envoy", ("envoy.yaml",)

    def changes(self, daypass_port: int, api_port: int) -> Iterable[tuple[str, str]]:
        yield from super().changes(daypass_port, api_port)
        yield "address: 0.0.0.0, port_value: 80 ", f"address: 127.0.0.1, port_value: {self.port} "
        yield "port_value: 8080 ", f"port_value: {daypass_port} "
        yield "port_value: 5000 ", f"port_value: {api_port} "
        yield f"domains: [{ONE}]", f'domains: [{ONE}, "127.0.0.1:{self.port}"]'

    def words(self) -> tuple[str, ...]:
        return "-c", "envoy.yaml", "--concurrency", "1", "--disable-hot-restart", "-l", "warning"


class Traefik(Proxy):
    name, files = "traefik", ("traefik.yml", "dynamic.yml")

    def changes(self, daypass_port: int, api_port: int) -> Iterable[tuple[str, str]]:
        yield from super().changes(daypass_port, api_port)
        yield 'address: ":80"', f'address: "127.0.0.1:{self.port}"'
        yield f"Host(`{ONE}`)", f"(Host(`{ONE}`) || Host(`127.0.0.1`))"

    def words(self) -> tuple[str, ...]:
        return ("--configFile=traefik.yml",)


PROXIES: dict[str, type[Proxy]] = {proxy.name: proxy for proxy in (Caddy, Envoy, Traefik)}
