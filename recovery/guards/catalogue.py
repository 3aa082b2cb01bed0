"""The list of rules as a page, docs/guards.md, made from the rules themselves."""

import json
import textwrap
from itertools import groupby

from recovery.guards.examples import good_value
from recovery.guards.rule import RULES, Change, Rule
from recovery.guards.rules import MODULES

_WIDTH = 120
_LONGEST_VALUE = 90  # characters

_HEAD = """# Guards

`dr guard [FOLDER]` reads templates and finds what synthesizes fine and fails at deploy, or at disaster. `FOLDER` is
what `cdk synth` wrote (`cdk.out` unless named), or any folder or file of CloudFormation templates, JSON or YAML, by
whatever tool they were written. It needs neither credentials nor network, and changes nothing.

```
dr guard                        # the templates of the last synth
dr guard templates/             # anybody's; a folder named like a region, templates/ap-south-1/, tells the region
dr guard --json                 # one object: findings, acknowledged, not_resolved, not_read
dr guard --sarif guard.sarif    # SARIF 2.1.0, for code hosts
```

It exits 0 when nothing is found, 1 for findings, warnings too, and 2 when there are no templates. All stacks and
regions are read together: references, pseudo parameters, parameters' defaults, mappings, conditions, exports, and
ARNs of resources with fixed names are followed. **What cannot be told without a deployment is listed as "could not be
resolved": it is neither a finding nor a pass.** That holds for every rule: one that came across such a value, and says
nothing, has not passed. What CloudFormation makes at deploy, by a transform, a loop, a macro, a module, or a nested
stack that is not there, is listed as "was not looked at". A resource under a condition is looked at whether the
condition holds or not.

The same rules run in every `cdk synth` of ours, as a plugin of the CDK's validation: an error stops the synthesis. A
finding that is meant is acknowledged beside the resource, with a reason, by `acknowledge_guards`
(`constructs/continuity/acknowledgement.py`); `dr guard` reads these from the assembly's metadata.

What the guards do not see: what is made outside the templates, whether a quota or a service's opt-in allows it, and
anything about data. They read what would be deployed; the [drills](lab.md) do it.

Each rule has a good example, [the two regions](../recovery/guards/example/), and a bad one: the change that is named.
The tests make each of these changes, and {least} kinds of mistakes besides in every place of our own templates where
they fit, and expect the rule and no other. [Decision 71](decisions/0071-guards-say-what-they-cannot-tell.md) says why
so.
"""


def page(*, kinds_of_mistakes: int) -> str:
    """The page in Markdown. ``kinds_of_mistakes`` is how many the tests make in our own templates."""
    parts = [_HEAD.format(least=kinds_of_mistakes), f"## {len(RULES)} rules\n"]
    order = [module.__name__.rpartition(".")[2] for module in MODULES]
    titles = {module.__name__.rpartition(".")[2]: (module.__doc__ or "").strip() for module in MODULES}
    rules = sorted(RULES.values(), key=lambda rule: order.index(rule.subject))
    for subject, found in groupby(rules, key=lambda rule: rule.subject):
        parts.append(f"### {subject.replace('_', ' ').capitalize()}\n\n{titles[subject]}\n")
        parts += [_entry(rule) for rule in found]
    return "\n".join(parts)


def _entry(rule: Rule) -> str:
    marks = rule.severity if rule.trap is None else f"{rule.severity}, trap {rule.trap}"
    wrapped = [
        *_wrap(f"**`{rule.name}`** ({marks}): {rule.expects} {rule.why}"),
        "",
        *_wrap(f"- Fix: {rule.fix} [Source]({rule.source}).", indent="  "),
        *_wrap(f"- {_example(rule.bad)}", indent="  "),
    ]
    return "\n".join(wrapped) + "\n"


def _wrap(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _example(change: Change) -> str:
    if not change.path:
        kind = change.value["Type"]
        return f"Bad: a `{kind}` such as `{_shown(change.value.get('Properties'))}`."
    path, good = change.path.lstrip("^"), good_value(change)
    return f"`{change.resource}` `{path}`. Good: `{_shown(good)}`. Bad: `{_shown(change.value)}`."


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value)
    whole = " ".join(text.replace("`", "'").split())
    return whole if len(whole) <= _LONGEST_VALUE else f"{whole[:_LONGEST_VALUE]}..."
