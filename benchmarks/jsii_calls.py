"""How many calls a synthesis makes to the CDK's kernel, which runs in Node, and what for.

    python -m benchmarks.jsii_calls

Synthesizes as app.py does, into CDK_OUTDIR, and prints one JSON object: the calls, and the most frequent of them.
"""

import json
import runpy
from collections import Counter
from typing import Any

from jsii._kernel.providers.process import _NodeProcess  # pyright: ignore[reportPrivateUsage] - it has no counter

MOST = 12


def main() -> None:
    """Count, and print what was counted."""
    calls: Counter[str] = Counter()
    send: Any = _NodeProcess.send

    def counting(process: object, request: object, *arguments: object) -> object:
        calls[_what(request)] += 1
        return send(process, request, *arguments)

    setattr(_NodeProcess, "send", counting)  # noqa: B010 - to a type checker it is not ours to replace
    runpy.run_path("app.py", run_name="__main__")
    print(json.dumps({"calls": calls.total(), "most": calls.most_common(MOST)}))  # noqa: T201 - a command's answer


def _what(request: object) -> str:
    kind = type(request).__name__.removesuffix("Request")
    name = next((found for key in ("method", "property", "fqn") if (found := getattr(request, key, None))), "")
    return f"{kind} {name}".strip()


if __name__ == "__main__":
    main()
