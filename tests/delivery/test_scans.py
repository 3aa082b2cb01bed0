"""The scans bite: what they are there to find makes them fail."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Made up, in the shapes that are known. Joined here, so that this file is no finding.
KEYS = [
    "AKIA" + "Z7Q2M4X9P3L8K6VN",
    "ghp_" + "a8Bd93kLmP20xQz7RtVw5Yc1Ef4Gh6Jk8Mn2",
    "-----BEGIN RSA " + "PRIVATE KEY-----",
]


def scan(folder: Path) -> subprocess.CompletedProcess[str]:
    """The scan of this repository's Makefile, in another one."""
    rule = re.search(r"^scan-secrets: install(.+?)(?=^\w)", (ROOT / "Makefile").read_text(), re.MULTILINE | re.DOTALL)
    assert rule is not None
    makefile = folder / "Makefile"
    makefile.write_text(f"BIN := {ROOT}/.venv/bin\n.PHONY: install\ninstall:\nscan-secrets: install{rule[1]}")
    subprocess.run(["git", "init", "-q", folder], check=True)
    subprocess.run(["git", "-C", folder, "add", "-A", ":!Makefile"], check=True)
    command = ["make", "--no-print-directory", "scan-secrets"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("key", KEYS)
def test_a_committed_key_is_found_and_not_printed(tmp_path: Path, key: str) -> None:
    (tmp_path / "settings.yaml").write_text(f"value: {key}\n")
    done = scan(tmp_path)
    assert done.returncode != 0
    assert "settings.yaml:1" in done.stdout + done.stderr
    assert key not in done.stdout + done.stderr


def test_names_of_secrets_are_no_finding(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("secret: duskspendr-prod/pagerduty/routing-key\n")
    assert scan(tmp_path).returncode == 0
