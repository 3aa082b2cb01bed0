"""The document names every refusal there is."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[3]


def refusals() -> set[str]:
    """The codes with which a refusal is made, anywhere in the code: its first literal text."""
    sources = [*(ROOT / "recovery/device_backups").glob("*.py"), ROOT / "lambdas/shared/http_api.py"]
    return {
        next(each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str))
        for source in sources
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id in {"RefusedError", "bad_request"} and isinstance(node.args[-1], ast.Constant)
    }


def test_document_names_every_code() -> None:
    document = (ROOT / "docs/api/device-backups.openapi.yaml").read_text()
    codes = refusals()
    assert len(codes) > 10
    assert {code for code in codes if f"`{code}`" not in document} == set()
