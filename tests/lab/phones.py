"""Phones of the lab: homes of their own, in which the real ``duskspendr-backup`` runs against the deployed cloud."""

import json
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import requests

from lab.device_cloud import PRIMARY, RECOVERY, DeviceCloud
from tests.device.commands import start
from tests.device.phones import rows


@dataclass(frozen=True)
class Phone:
    """One phone. ``issuer`` is where its user signs in."""

    home: Path
    devices: DeviceCloud
    issuer: str

    @property
    def database(self) -> Path:
        return self.home / "DuskSpendr.db"

    @property
    def account(self) -> Path:
        return self.home / ".config/duskspendr-backup/account.json"

    def rows(self) -> list[tuple[object, ...]]:
        return rows(self.database)

    def run(self, *arguments: str | Path) -> dict[str, Any]:
        """One command in a process of its own, and what it answers."""
        program = start(*arguments, "--json", env=self._environment)
        out, err = program.communicate(timeout=60)
        assert program.returncode == 0, out + err
        return json.loads(out)

    def sign_in(self, email: str, password: str) -> None:
        """``login``, and a browser beside it in which somebody enters a password."""
        apis = ("--api", self.devices.api_url(PRIMARY), "--recovery-api", self.devices.api_url(RECOVERY))
        address = ("--issuer", self.issuer, "--client-id", self.devices.client_id)
        program = start("login", *apis, *address, "--no-browser", env=self._environment)
        assert program.stderr is not None
        match = re.fullmatch(r"sign in at (http\S+)\n", said := program.stderr.readline())
        assert match, said + program.communicate(timeout=10)[1]
        back = self.devices.enter(match[1], email, password)
        assert requests.get(back, timeout=10).text.endswith("You can close this page.")
        out, err = program.communicate(timeout=20)
        assert program.returncode == 0, out + err

    @property
    def _environment(self) -> dict[str, str]:
        return {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / ".config")}


@contextmanager
def running_sign_in(devices: DeviceCloud) -> Generator[str]:
    """The user pool's own discovery document, at an address of this machine: the pool's name leads to AWS."""
    pool = f"{devices.cloud.endpoint}/{devices.issuer.rpartition('/')[2]}/.well-known/openid-configuration"
    facts: dict[str, Any] = requests.get(pool, timeout=10).json()

    class Discovery(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(facts).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Keep the tests' output clean."""

    with HTTPServer(("127.0.0.1", 0), Discovery) as server:
        facts["issuer"] = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield facts["issuer"]
        server.shutdown()
        thread.join()
