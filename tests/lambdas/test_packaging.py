"""What the functions carry: packages, certificates, settings."""

import hashlib
import importlib.metadata
import re
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from packaging.requirements import Requirement
from psycopg.conninfo import conninfo_to_dict

from lambdas.certificates import RDS_ROOTS
from lambdas.shared.database import sign_in
from lambdas.shared.settings import EvidenceSettings, Settings, SettingsError
from recovery.database import UnreachableError

ROOT = Path(__file__).parents[2]
HANDLERS = sorted(path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py"))
DIRECT = ("aws_lambda_powertools", "botocore", "Jinja2", "psycopg[binary]", "pydantic")
LAYERS = sorted((ROOT / "lambdas" / "layers").glob("*.txt"))


@dataclass(frozen=True, kw_only=True)
class Probe(Settings):
    """One variable of every type that a function's settings have."""

    port: int
    tls: Literal["verify-full", "disable"]
    names: tuple[str, ...]
    endpoint: str | None = None


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Lambda would give a function with those settings."""
    given = {"ENVIRONMENT": "test", "METRIC_NAMESPACE": "N", "PORT": "5432", "TLS": "disable", "NAMES": "a, b,"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ENDPOINT", raising=False)


def pins(path: Path) -> dict[str, str]:
    lines = [line.split("#")[0].strip() for line in path.read_text().splitlines()]
    pairs = [line.split("==") for line in lines if "==" in line]
    return {canonical(name): version for name, version in pairs}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(names: tuple[str, ...]) -> set[str]:
    """What installing these on Lambda's Python installs."""
    found: set[str] = set()
    pending = [Requirement(name) for name in names]
    while pending:
        requirement = pending.pop()
        if canonical(requirement.name) in found and not requirement.extras:
            continue
        found.add(canonical(requirement.name))
        for line in importlib.metadata.requires(requirement.name) or []:
            needed = Requirement(line)
            environments = [
                {"python_version": "3.13", "implementation_name": "cpython", "sys_platform": "linux", "extra": extra}
                for extra in requirement.extras or {""}
            ]
            if needed.marker is None or any(needed.marker.evaluate(each) for each in environments):
                pending.append(needed)
    return found


def test_packages_are_pinned_as_the_tests_ran_them():
    constraints = pins(ROOT / "constraints.txt")
    pinned = {name: version for layer in LAYERS for name, version in pins(layer).items()}
    assert {name: constraints.get(name) for name in pinned} == pinned


def test_packages_are_complete_and_no_more():
    assert sorted(name for layer in LAYERS for name in pins(layer)) == sorted(closure(DIRECT))


def certificates() -> dict[str, bytes]:
    """The certificates by common name, in DER."""
    found: dict[str, bytes] = {}
    for pem in re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", RDS_ROOTS.read_text(), re.S):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=pem)
        (certificate,) = context.get_ca_certs()
        subject: Any = certificate.get("subject")
        found[dict(pair for (pair,) in subject)["commonName"]] = ssl.PEM_cert_to_DER_cert(pem)
    return found


def test_roots_of_both_regions_are_carried_and_no_others():
    assert set(certificates()) == {
        f"Amazon RDS {region} Root CA {kind} G1"
        for region in ("ap-south-1", "ap-southeast-1")
        for kind in ("RSA2048", "RSA4096", "ECC384")
    }


@pytest.mark.parametrize(
    ("region", "fingerprint"),
    [
        ("ap-south-1", "ff6a599c9e966b146a57725e1d9a19c72f5f08407f0a2d3350aa9ae9212339b8"),
        ("ap-southeast-1", "2994dd350da7fc30a1c9a95303773f3f381ba92af9805e4947d6f9963b770b80"),
    ],
)
def test_root_that_the_instances_are_set_to_has_its_known_fingerprint(region: str, fingerprint: str):
    root = certificates()[f"Amazon RDS {region} Root CA RSA2048 G1"]
    assert hashlib.sha256(root).hexdigest() == fingerprint


def test_server_without_tls_is_refused_where_tls_is_asked_for(dsn: str):
    parts = conninfo_to_dict(dsn)
    with pytest.raises(UnreachableError, match="does not support SSL"):
        sign_in(
            host=str(parts["host"]),
            port=int(str(parts["port"])),
            database=str(parts["dbname"]),
            role="postgres",
            password=str(parts["password"]),
            tls="verify-full",
            application_name="test",
        )


@pytest.mark.parametrize("package", HANDLERS)
def test_handler_imports_without_any_environment(package: str):
    code = f"from lambdas.{package}.handler import handler; assert callable(handler)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env={"PATH": "/usr/bin:/bin"})


def test_missing_and_wrong_variables_are_all_named(monkeypatch: pytest.MonkeyPatch):
    for name in ("EVIDENCE_BUCKET", "EVIDENCE_REGION", "METRIC_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match=r"METRIC_NAMESPACE.*EVIDENCE_BUCKET.*EVIDENCE_REGION"):
        EvidenceSettings.read()


@pytest.mark.usefixtures("variables")
def test_variables_are_read_as_their_types():
    assert Probe.read() == Probe(
        environment="test", metric_namespace="N", port=5432, tls="disable", names=("a", "b"), endpoint=None
    )


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("PORT", "many", r"PORT \(expected an integer, found 'many'\)"),
        ("TLS", "maybe", r"TLS \(expected one of verify-full, disable, found 'maybe'\)"),
    ],
)
@pytest.mark.usefixtures("variables")
def test_variable_of_another_type_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, complaint: str
):
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=complaint):
        Probe.read()


@pytest.mark.usefixtures("variables")
def test_variable_that_is_set_takes_the_place_of_its_default(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ENDPOINT", "http://127.0.0.1:1")
    assert Probe.read().endpoint == "http://127.0.0.1:1"
