"""Work in parts: one call plans them, one call does each, a few at a time."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from continuity.function import PythonFunction
from continuity.state_machines import ATTEMPTS, EVENTS_PER_ATTEMPT, invoke_step

# A db.t4g.medium has two vCPUs, and a part waits for the disk half of its time.
PARTS_AT_ONCE = 4

# An execution ends with an error when its history has more events than this.
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
HISTORY_EVENTS = 25_000
# What the states before and after a map leave there, all repetitions included, is a small part of this.
EVENTS_BESIDES = 1_000
# A part at its worst: its iteration begins and ends, its state is entered and left, all attempts fail, and a last state
# is entered and left.
EVENTS_PER_PART = 2 + 2 + ATTEMPTS * EVENTS_PER_ATTEMPT + 2
INLINE_PARTS = (HISTORY_EVENTS - EVENTS_BESIDES) // EVENTS_PER_PART


AnyMap = TypeVar("AnyMap", sfn.Map, sfn.DistributedMap)


class PartsMap(Construct):
    """Plan, then map ``function`` over the numbers of the parts.

    The function is called with ``carried`` of the state and a step: ``plan`` answers ``count`` and ``parts``, and
    ``part`` is called with its number. Beyond INLINE_PARTS every part is an execution of its own. With ``tolerant``, a
    part that fails for good leaves its number and the error's name in ``$.answers``; else it fails the map.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        function: PythonFunction,
        carried: Mapping[str, str],
        tolerant: bool,
    ) -> None:
        super().__init__(scope, id)
        self._function, self._carried, self._tolerant = function, carried, tolerant
        self.start = invoke_step(self, f"Plan{id}", function, payload={"step": "plan", **carried}, result_path="$.plan")
        self._inline = self._map(id, sfn.Map)
        many = partial(sfn.DistributedMap, tolerated_failure_percentage=100 if tolerant else 0)
        self._distributed = self._map(f"Many{id}", many)
        few = sfn.Condition.number_less_than_equals("$.plan.count", INLINE_PARTS)
        self.start.next(
            sfn.Choice(self, f"Few{id}?", state_name=f"Few{id}?").when(few, self._inline).otherwise(self._distributed)
        )

    def then(self, state: sfn.IChainable) -> None:
        """Go on with ``state`` when every part is done."""
        self._inline.next(state)
        self._distributed.next(state)

    def catch(self, state: sfn.IChainable) -> None:
        """Go on with ``state`` when the plan or the map fails; the error is at ``$.error``."""
        for step in (self.start, self._inline, self._distributed):
            step.add_catch(state, result_path="$.error")

    def _map(self, name: str, kind: Callable[..., AnyMap]) -> AnyMap:
        part = invoke_step(self, f"{name}Part", self._function, payload=None)
        made = kind(
            self,
            name,
            state_name=name,
            items_path="$.plan.parts",
            item_selector={"step": "part", **self._carried, "part.$": "$$.Map.Item.Value"},
            max_concurrency=PARTS_AT_ONCE,
            result_path="$.answers" if self._tolerant else sfn.JsonPath.DISCARD,
        )
        if self._tolerant:
            part.add_catch(
                sfn.Pass(
                    self,
                    f"{name}PartFailed",
                    state_name=f"{name}PartFailed",
                    parameters={"part.$": "$.part", "error.$": "$.error.Error"},
                ),
                result_path="$.error",
            )
        made.item_processor(part)
        return made
