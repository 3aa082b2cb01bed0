"""From blocks and flows to SVG: two regions side by side, what is copied goes from left to right."""

from collections.abc import Iterable, Mapping
from html import escape

from documentation.architecture.blocks import Block, Place, Side, blocks_of
from documentation.architecture.flows import Flow, flows_of
from documentation.architecture.icons import ICONS
from documentation.architecture.templates import Templates
from recovery.names import Names

WIDTH, PANEL, MARGIN, GAP = 1320, 560, 32, 136
TOP, PADDING, SPACE, BETWEEN = 92, 20, 38, 62
HALF = (PANEL - 2 * PADDING - BETWEEN) // 2
LANES = (104, 172, 84, 104, 84, 60)
HEIGHT = TOP + PADDING + sum(LANES) + SPACE * (len(LANES) - 1) + PADDING + 56
LEFT: Mapping[Side, int] = {"primary": MARGIN, "recovery": MARGIN + PANEL + GAP}
MIDDLE = WIDTH // 2
DNS, ON_CALL = 60, 92
# Of the text's size, what a letter takes on average in the fonts that people have.
LETTER = 0.55
_CITIES: Mapping[Side, tuple[str, str]] = {
    "primary": ("Primary region: Mumbai", "#d9772b"),
    "recovery": ("Recovery region: Singapore", "#2f6fb5"),
}
_COLORS = {"data": "#17855a", "proof": "#7a4bb8", "control": "#51607a"}
_STYLE = """
.card{fill:#fff}.panel{fill:#f4f6fa;stroke:#d3dae5}.box{fill:#fff;stroke:#c2ccda}
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:#1b2333}
.region{font-size:20px;font-weight:700}.code{font-size:14px;fill:#66738a}.title{font-size:17px;font-weight:650}
.line{font-size:14px;fill:#4b586e}.stack{font-size:11.5px;fill:#7d8aa0}
.label{font-size:13px;text-anchor:middle;paint-order:stroke;stroke:#fff;stroke-width:5px;stroke-linejoin:round}
.inside{stroke:#f4f6fa}.icon{fill:none;stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round}
.flow{fill:none;stroke-width:2.2;stroke-linejoin:round}.faint{stroke-dasharray:5 5;opacity:.65}
.pill{fill:#eef2f8;stroke:#c2ccda}.middle{text-anchor:middle}.pilled{font-size:15px;font-weight:600}
"""


def draw(templates: Templates, names: Names) -> str:
    """The picture of one environment, as SVG."""
    blocks = blocks_of(templates, names)
    flows = [flow for flow in flows_of(templates, names) if _is_drawn(flow, blocks)]
    pills = _pills(flows, templates)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{_told(blocks)}">',
        f"<style>{_STYLE}</style>",
        *(_marker(kind, color) for kind, color in _COLORS.items()),
        f'<rect class="card" width="{WIDTH}" height="{HEIGHT}" rx="14"/>',
        *(_panel(side, names) for side in LEFT),
        *(_flow(flow, blocks) for flow in flows),
        *(_box(block) for block in blocks.values()),
        *pills,
        *(_label(flow, blocks) for flow in flows if flow.label),
        _legend(),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def bounds(place: Place) -> tuple[int, int, int, int]:
    """Left, top, width and height of a block."""
    left = LEFT[place.side] + PADDING
    top = TOP + PADDING + sum(LANES[: place.lane]) + SPACE * place.lane
    height = LANES[place.lane]
    if place.half is not None:
        half = (height - 20) // 2
        top, height = top + place.half * (half + 20), half
    if place.column == "whole":
        return left, top, PANEL - 2 * PADDING, height
    return left + (HALF + BETWEEN if place.column == "right" else 0), top, HALF, height


def text_offset(block: Block) -> int:
    """From the left of a block to its text."""
    return 58 if block.place.column == "whole" else 48


def _is_drawn(flow: Flow, blocks: Mapping[str, Block]) -> bool:
    return all(end in blocks or end in ("name", "on-call") for end in (flow.source, flow.target))


def _told(blocks: Mapping[str, Block]) -> str:
    titles = ", ".join(sorted({block.title.lower() for block in blocks.values()}))
    return escape(f"Two regions of AWS, Mumbai copied to Singapore: {titles}")


def _panel(side: Side, names: Names) -> str:
    title, color = _CITIES[side]
    region = names.primary_region if side == "primary" else names.recovery_region
    left, height = LEFT[side], HEIGHT - TOP - 56
    return (
        f'<rect class="panel" x="{left}" y="{TOP}" width="{PANEL}" height="{height}" rx="12"/>'
        f'<rect x="{left}" y="{TOP}" width="{PANEL}" height="6" rx="3" fill="{color}"/>'
        f'<text class="region" x="{left + 2}" y="{TOP - 38}">{title}</text>'
        f'<text class="code" x="{left + 2}" y="{TOP - 16}">{region}</text>'
    )


def _box(block: Block) -> str:
    left, top, width, height = bounds(block.place)
    color = _CITIES[block.place.side][1]
    middle = top + height / 2
    is_whole = block.place.column == "whole"
    text = left + text_offset(block)
    # In a narrow block the stack stands below its lines, in a wide one in the corner.
    first = middle - 20 * (len(block.lines) + (0 if is_whole else 0.9)) / 2 + 5
    stack = (left + width - 10, top + 18, "end") if is_whole else (text, first + 20 * len(block.lines) + 18, "start")
    lines = [
        f'<text class="line" x="{text}" y="{first + 20 * number:.0f}">{escape(line)}</text>'
        for number, line in enumerate(block.lines, start=1)
    ]
    return "\n".join(
        [
            f'<rect class="box" x="{left}" y="{top}" width="{width}" height="{height}" rx="9"/>',
            f'<g class="icon" stroke="{color}"'
            f' transform="translate({left + (17 if is_whole else 12)} {middle - 14:.0f}) scale(1.15)">'
            f"{ICONS[block.icon]}</g>",
            f'<text class="title" x="{text}" y="{first:.0f}">{escape(block.title)}</text>',
            f'<text class="stack" style="text-anchor:{stack[2]}" x="{stack[0]}" y="{stack[1]:.0f}">'
            f"{block.stack}</text>",
            *lines,
        ]
    )


def _points(flow: Flow, blocks: Mapping[str, Block]) -> list[tuple[float, float]]:
    """The corners of an arrow, from its source to its target."""
    if flow.source == "name":
        left, top, width, height = bounds(blocks[flow.target].place)
        side = blocks[flow.target].place.side
        y = top + height / 2
        return [(MIDDLE - DNS / 2, y), (left + width, y)] if side == "primary" else [(MIDDLE + DNS / 2, y), (left, y)]
    if flow.target == "on-call":
        left, top, width, height = bounds(blocks[flow.source].place)
        y = top + height / 2
        if blocks[flow.source].place.side == "primary":
            return [(left + width, y), (MIDDLE - ON_CALL / 2, y)]
        return [(left, y), (MIDDLE + ON_CALL / 2, y)]
    return _between(blocks[flow.source].place, blocks[flow.target].place)


def _between(source: Place, target: Place) -> list[tuple[float, float]]:
    left, top, width, height = bounds(source)
    other_left, other_top, other_width, other_height = bounds(target)
    if source.side == target.side and source.lane != target.lane:  # downwards, from the narrower block's middle
        x = (left + width / 2) if width <= other_width else (other_left + other_width / 2)
        return [(x, top + height), (x, other_top)]
    if source.side == target.side:  # beside each other, to the left
        return [(left, top + height / 2), (other_left + other_width, top + height / 2)]
    if source.column == "left":  # around the block that stands between
        low = top + height + SPACE / 2
        x = other_left + other_width / 2
        return [(left + width / 2, top + height), (left + width / 2, low), (x, low), (x, other_top + other_height)]
    y = other_top + other_height / 2
    return [(left + width, y), (other_left, y)]


def _flow(flow: Flow, blocks: Mapping[str, Block]) -> str:
    points = _points(flow, blocks)
    path = "M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in points)
    faint = " faint" if flow.faint else ""
    color = _COLORS[flow.kind]
    return f'<path class="flow{faint}" stroke="{color}" marker-end="url(#{flow.kind})" d="{path}"/>'


def _label(flow: Flow, blocks: Mapping[str, Block]) -> str:
    points = _points(flow, blocks)
    number = 1 if len(points) == 4 else 0  # of an arrow with corners, its longest stretch
    (x, y), (other_x, other_y) = points[number], points[number + 1]
    is_down = x == other_x
    middle = ((x + other_x) / 2, (y + other_y) / 2)
    if is_down:
        width = len(flow.label) * 13 * LETTER
        place = (middle[0] + width / 2 + 10, middle[1] + 4)
    elif number:
        place = (MIDDLE, y - 8)
    else:
        place = (middle[0], y - 8)
    inside = " inside" if is_down or _is_within(blocks, flow) else ""
    style = f"fill:{_COLORS[flow.kind]}"
    return f'<text class="label{inside}" style="{style}" x="{place[0]:.0f}" y="{place[1]:.0f}">{flow.label}</text>'


def _is_within(blocks: Mapping[str, Block], flow: Flow) -> bool:
    ends = [blocks[end].place.side for end in (flow.source, flow.target) if end in blocks]
    return len(ends) == 2 and ends[0] == ends[1]


def _pills(flows: Iterable[Flow], templates: Templates) -> list[str]:
    found: list[str] = []
    sources, targets = {flow.source for flow in flows}, {flow.target for flow in flows}
    record = templates.find("Application", "AWS::Route53::RecordSet")
    if "name" in sources and record:
        top = TOP + PADDING + LANES[0] / 2
        found.append(_pill(top, DNS, "DNS"))
        name = record["Name"].rstrip(".")
        found.append(f'<text class="stack" style="text-anchor:middle" x="{MIDDLE}" y="{top + 36:.0f}">{name}</text>')
    if "on-call" in targets:
        top = TOP + PADDING + sum(LANES[:5]) + SPACE * 5 + LANES[5] / 2
        found.append(_pill(top, ON_CALL, "on-call"))
    return found


def _pill(middle: float, width: int, text: str) -> str:
    return (
        f'<rect class="pill" x="{MIDDLE - width / 2:.0f}" y="{middle - 17:.0f}" width="{width}" height="34" rx="17"/>'
        f'<text class="middle pilled" x="{MIDDLE}" y="{middle + 5:.0f}">{escape(text)}</text>'
    )


def _marker(kind: str, color: str) -> str:
    return (
        f'<marker id="{kind}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="6.5" markerHeight="6.5"'
        f' orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="{color}"/></marker>'
    )


def _legend() -> str:
    entries = (("data", "data and its copies"), ("proof", "proof of the copies"), ("control", "switching and telling"))
    y = HEIGHT - 24
    found: list[str] = []
    x = LEFT["primary"] + 4
    for kind, text in entries:
        found.append(
            f'<path class="flow" stroke="{_COLORS[kind]}" marker-end="url(#{kind})" d="M{x} {y}H{x + 38}"/>'
            f'<text class="line" x="{x + 48}" y="{y + 5}">{text}</text>'
        )
        x += 48 + round(len(text) * 14 * LETTER) + 34
    note = "drawn from the synthesized templates of production; small print: the stack"
    found.append(
        f'<text class="stack" style="font-size:13px;text-anchor:end" x="{WIDTH - MARGIN}" y="{y + 5}">{note}</text>'
    )
    return "\n".join(found)
