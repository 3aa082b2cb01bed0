"""The site: mkdocs over the assembled pages, its navigation completed with the folders that grow."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import yaml

from documentation import alarms
from documentation.errors import PageError
from documentation.pages import ROOT, RUNBOOKS, WITHOUT_SIGNAL, assemble

Nav = list[Any]


def build(work: Path, site: Path) -> None:
    """Assemble the pages below ``work`` and build ``site``, strictly: a warning is an error.

    Raises PageError when a page is wrong, or with what mkdocs says.
    """
    assemble(work / "docs")
    configuration = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    configuration |= {"docs_dir": "docs", "site_dir": str(site.resolve()), "nav": complete(configuration["nav"])}
    (work / "mkdocs.yml").write_text(yaml.safe_dump(configuration, sort_keys=False))
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(work / "mkdocs.yml")],
        # The theme's advertisement about mkdocs 2 is no warning of ours.
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PageError(f"mkdocs built no site:\n{done.stdout}{done.stderr}".rstrip())


def complete(nav: Nav) -> Nav:
    """The navigation with ``decisions/*`` and ``runbooks/*`` replaced by what is there."""
    found: Nav = []
    for entry in nav:
        match entry:
            case dict():
                [(title, inner)] = cast(dict[str, Any], entry).items()
                found.append({title: complete(cast(Nav, inner)) if isinstance(inner, list) else inner})
            case "runbooks/*":
                found += _runbooks()
            case str() if entry.endswith("/*"):
                folder = entry.removesuffix("/*")
                found += [f"{folder}/{page.name}" for page in sorted((ROOT / "docs" / folder).glob("*.md"))]
            case _:
                found.append(entry)
    return found


def _runbooks() -> Nav:
    parts = [
        {title: [f"{RUNBOOKS}/{signal.runbook}.md" for signal in alarms.signals_of(part)]}
        for title, part in alarms.PARTS
    ]
    return [f"{RUNBOOKS}/{WITHOUT_SIGNAL[0]}.md", *parts, f"{RUNBOOKS}/{WITHOUT_SIGNAL[1]}.md"]
