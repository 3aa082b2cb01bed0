"""The fixed names that both the templates and the command go by."""

from recovery.names import PRIMARY_REGION, RECOVERY_REGION, Names
from tests.infrastructure.assemblies import PRIMARY_STACKS, RECOVERY_STACKS

NAMES = Names(environment="prod", account="123456789012")


def test_stacks_are_those_that_the_templates_make() -> None:
    assert NAMES.stacks_in(PRIMARY_REGION) == tuple(f"prod-{stack}" for stack in PRIMARY_STACKS)
    assert NAMES.stacks_in(RECOVERY_REGION) == tuple(f"prod-{stack}" for stack in RECOVERY_STACKS)


def test_restored_instances_have_one_name_for_all_they_need() -> None:
    assert NAMES.restored_name == "duskspendr-prod-restored"
