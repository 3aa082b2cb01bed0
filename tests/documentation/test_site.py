"""The site builds strictly, needs no other host, and shows what the code knows."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from documentation import site
from documentation.alarms import SIGNALS
from documentation.errors import PageError
from documentation.pages import DOCS, ROOT, page
from environments import ENVIRONMENTS
from recovery.objectives import TIERS

LOADED = re.compile(r'<(?:script|img|iframe|link)\b[^>]*?(?:src|href)="?((?:https?:)?//[^"\s>]+)')


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site."""
    work = tmp_path_factory.mktemp("site")
    site.build(work / "pages", work / "site")
    return work / "site"


def test_every_message_links_to_a_page_of_the_site(built: Path) -> None:
    linked = {signal.runbook for signal in SIGNALS} | {"unknown"}
    assert not [name for name in linked if not (built / "runbooks" / name / "index.html").exists()]


def test_no_page_loads_anything_from_another_host(built: Path) -> None:
    loaded = {url for html in built.rglob("*.html") for url in LOADED.findall(html.read_text())}
    imported = {url for css in built.rglob("*.css") for url in re.findall(r"url\((https?:[^)]+)\)", css.read_text())}
    assert loaded | imported == set()


def test_search_finds_an_alarm_by_its_name(built: Path) -> None:
    found = json.loads((built / "search" / "search_index.json").read_text())["docs"]
    hits = [entry["location"] for entry in found if "duskspendr-prod-heartbeat-stopped" in entry["text"]]
    assert any(hit.startswith("runbooks/heartbeat-stopped/") for hit in hits)


def test_search_ranks_runbooks_before_what_only_speaks_of_them(built: Path) -> None:
    found = json.loads((built / "search" / "search_index.json").read_text())["docs"]
    boosted = {entry["location"].partition("#")[0] for entry in found if entry.get("boost", 1) > 1}
    assert boosted == {f"runbooks/{signal.runbook}/" for signal in SIGNALS} | {"runbooks/", "runbooks/unknown/"}


def test_every_page_of_docs_is_in_the_site(built: Path) -> None:
    pages = {file.relative_to(DOCS).with_suffix("") for file in DOCS.rglob("*.md")}
    shown = {html.parent.relative_to(built) for html in built.rglob("index.html")}
    assert {path.parent if path.name == "index" else path for path in pages} <= shown


def test_no_marker_is_left(built: Path) -> None:
    assert not [html.name for html in built.rglob("*.html") if "{{ " in html.read_text()]


def test_start_page_tells_the_objectives_of_the_code(built: Path) -> None:
    text = (built / "index.html").read_text()
    assert all(tier.label in text for tier in TIERS)


def test_an_unknown_marker_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("{{ nothing }}")
    with pytest.raises(PageError, match=r"page\.md: expected one of the markers .* found \{\{ nothing \}\}"):
        page(tmp_path / "page.md")


def test_a_link_to_what_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("[gone](gone.md)")
    with pytest.raises(PageError, match=r"page\.md: expected gone\.md beside it"):
        page(tmp_path / "page.md")


def test_what_is_not_of_the_site_is_named_and_not_linked_to() -> None:
    assert "`lab/damage/`" in page(DOCS / "damage.md")
    assert "](../lab/damage/)" not in page(DOCS / "damage.md")


def test_a_dead_anchor_breaks_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def assemble(target: Path) -> None:
        target.mkdir(parents=True)
        (target / "index.md").write_text("# Start\n\n[away](index.md#nowhere)\n")

    def complete(nav: list[Any]) -> list[Any]:
        return nav[:1]

    monkeypatch.setattr(site, "assemble", assemble)
    monkeypatch.setattr(site, "complete", complete)
    with pytest.raises(PageError, match="nowhere"):
        site.build(tmp_path / "pages", tmp_path / "site")


def test_readme_links_to_what_is_there() -> None:
    links = re.findall(r"\]\(([^)\s#]+)\)", (ROOT / "README.md").read_text())
    assert not [link for link in links if not link.startswith("http") and not (ROOT / link).exists()]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_address_that_messages_give_is_the_sites_folder_of_runbooks(environment: str) -> None:
    assert ENVIRONMENTS[environment].runbooks_url.endswith("/runbooks")
