"""A record of evidence as one self-contained HTML page."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from recovery.evidence.record import Evidence


def duration(seconds: float | None) -> str:
    """Seconds as people read them; None is "unmeasured", never zero."""
    if seconds is None:
        return "unmeasured"
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min" if seconds % 60 < 1 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    return f"{seconds / 3600:g} h" if seconds % 3600 < 60 else f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"


def moment(time: datetime) -> str:
    """A time to the second, in UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def page_of(evidence: Evidence) -> str:
    """The page, to be read without any other file and without a network."""
    return _environment().get_template("page.html.j2").render(e=evidence)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": duration, "moment": moment}
    return environment
