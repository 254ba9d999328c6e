"""OpenLDAP's slapd as Debian has it: in a process of its own, on a free port of this machine, with ``people.ldif``."""

import os
import shutil
import subprocess
import time
from pathlib import Path

from tests.drivers.server import free_port
from tests.patience import PATIENCE_SECONDS

HERE = Path(__file__).parent

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/libexec"

MISSING = "The tests with LDAP need slapd and its tools. Install them: apt-get install slapd ldap-utils."

CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {folder}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
database mdb
suffix "dc=example,dc=com"
rootdn "{root}"
rootpw {password}
directory {folder}/data
maxsize 10485760
index objectClass,uid,entryUUID eq
overlay ppolicy
ppolicy_default "cn=policy,dc=example,dc=com"
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=keycloak,dc=example,dc=com" read by * none
"""
"""Keycloak's own account reads, and nobody writes but the root; a password is only compared."""

ROOT = "cn=root,dc=example,dc=com"

LOCKED = "000001010000Z"
"""As `pwdAccountLockedTime`: until an administrator unlocks it (slapo-ppolicy)."""


class Slapd:
    """`password`: everybody's in it. Changes are made as an administrator of the directory makes them."""

    def __init__(self, folder: Path, password: str) -> None:
        self.port = free_port()
        self.url = f"ldap://127.0.0.1:{self.port}"
        self._folder = folder
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Slapd":
        program = shutil.which("slapd", path=PATH)
        assert program and shutil.which("ldapmodify", path=PATH), MISSING
        (self._folder / "data").mkdir()
        configuration = self._folder / "slapd.conf"
        configuration.write_text(CONFIGURATION.format(folder=self._folder, root=ROOT, password=self._password))
        with (self._folder / "slapd.log").open("wb") as log:
            self._process = subprocess.Popen(
                [program, "-d", "0", "-f", str(configuration), "-h", self.url], stdout=log, stderr=log
            )
        try:
            self._wait()
            self.change((HERE / "people.ldif").read_text().replace("{password}", self._password), "-a")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_SECONDS)
            self._process = None

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._run("ldapwhoami").returncode:
            assert self._process is not None and self._process.poll() is None, self._log()
            assert time.monotonic() < deadline, self._log()
            time.sleep(0.05)

    def lock(self, uid: str) -> None:
        """Their password is accepted no more."""
        self.set(uid, "pwdAccountLockedTime", LOCKED)

    def unlock(self, uid: str) -> None:
        self.change(f"dn: {person(uid)}\nchangetype: modify\ndelete: pwdAccountLockedTime\n")

    def set(self, uid: str, attribute: str, value: str) -> None:
        self.change(f"dn: {person(uid)}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n")

    def move(self, uid: str, before: str, after: str) -> None:
        """From one group to another; a group is never empty, as `groupOfNames` has it."""
        for group, change in ((after, "add"), (before, "delete")):
            dn = f"cn={group},ou=groups,dc=example,dc=com"
            self.change(f"dn: {dn}\nchangetype: modify\n{change}: member\nmember: {person(uid)}\n")

    def change(self, ldif: str, *options: str) -> None:
        done = self._run("ldapmodify", *options, stdin=ldif)
        assert done.returncode == 0, f"{done.stderr}\n{ldif}\n{self._log()}"

    def _run(self, program: str, *options: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        words = [program, "-x", "-H", self.url, "-D", ROOT, "-w", self._password, *options]
        return subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=60, check=False)

    def _log(self) -> str:
        return (self._folder / "slapd.log").read_text(errors="replace")


def person(uid: str) -> str:
    return f"uid={uid},ou=people,dc=example,dc=com"
