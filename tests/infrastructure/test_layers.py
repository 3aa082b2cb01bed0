"""What the functions' layers hold, and which function gets which."""

import ast
from pathlib import Path
from zipfile import ZipFile

import pytest

from continuity.import_graph import imports_of
from continuity.lambda_code import function_code, handler_of
from continuity.lambda_layer import SERVICES, Layer, LayerError, layers, layers_of
from tests.infrastructure.assemblies import ROOT, Assembly
from tests.infrastructure.handlers import HANDLERS


def names(layer: Layer) -> list[str]:
    with ZipFile(layer.archive) as archive:
        return archive.namelist()


def layer(name: str) -> Layer:
    (found,) = (each for each in layers() if each.name == name)
    return found


def services_that_functions_ask() -> set[str]:
    """The first argument of every call of something called client, or that ends so, in the functions' code."""
    files = {file for package in HANDLERS for file in imports_of(handler_of(package)).files if file.suffix == ".py"}
    found: set[str] = set()
    for path in files:
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name.endswith(("client", "resource")) and isinstance(node.args[0].value, str):
                found.add(node.args[0].value)
    return found


def test_layer_knows_the_services_that_the_functions_ask_and_sts_alone() -> None:
    assert services_that_functions_ask() | {"sts"} == set(SERVICES)


def test_layer_holds_each_service_once_and_what_all_need() -> None:
    data = [Path(name).parts[3:] for name in names(layer("base")) if name.startswith("python/botocore/data/")]
    versions = sorted({parts[:2] for parts in data if len(parts) > 1})
    assert [service for service, _ in versions] == sorted(SERVICES)
    assert {"endpoints.json", "partitions.json", "_retry.json"} <= {parts[0] for parts in data if len(parts) == 1}
    assert not [parts for parts in data if parts[-1].startswith("examples")]


@pytest.mark.parametrize("each", layers(), ids=lambda each: each.name)
def test_layer_holds_wheels_for_lambda_and_no_scripts(each: Layer) -> None:
    found = names(each)
    assert {name.partition("/")[0] for name in found} == {"python"}
    assert not [name for name in found if name.startswith("python/bin/") or name.endswith((".pyc", "RECORD"))]
    built = [name for name in found if ".cpython-" in name]
    assert all("cpython-313-x86_64-linux-gnu" in name for name in built)


def test_layer_that_cannot_be_built_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "wrong.txt").write_text("not a requirement ~~\n")
    with pytest.raises(LayerError, match="could not install"):
        _ = Layer(tmp_path / "wrong.txt", tmp_path).archive
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["wrong.txt"]


def test_package_that_no_layer_holds_is_refused() -> None:
    with pytest.raises(LayerError, match="found none with boto3, nothing"):
        layers_of(frozenset({"botocore", "boto3", "nothing"}))


def test_function_without_a_database_carries_no_driver() -> None:
    assert [each.name for each in layers_of(function_code("canary").packages)] == ["base"]
    assert "postgres" in {each.name for each in layers_of(function_code("heartbeat").packages)}


def test_functions_have_the_layers_of_what_they_import_and_none_in_the_laboratory(assembly: Assembly) -> None:
    for stack, name, resource in assembly.all_resources():
        if resource["Type"] != "AWS::Lambda::Function":
            continue
        properties = resource["Properties"]
        found = [
            assembly.templates[stack]["Resources"][each["Ref"]]["Properties"]["Description"]
            for each in properties.get("Layers", [])
        ]
        wanted = layers_of(function_code(properties["Handler"].split(".")[1]).packages)
        expected = [f"Python packages of lambdas/layers/{each.name}.txt" for each in wanted]
        assert found == ([] if assembly.environment == "local" else expected), name
