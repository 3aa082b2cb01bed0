"""Keeps secrets out of what is passed on from others: nobody checks the text of an unknown event beforehand."""

import re

HIDDEN = "[hidden]"
_NAME = (
    r"(?:password|passwd|pwd|secret|routing_?key|api_?key|access_?key|private_?key|session_?token|auth(?:orization)?)"
)
_PATTERNS = (
    # "password": "x", password=x, PGPASSWORD='x'. The name stays, so that one sees what was hidden.
    (re.compile(rf"""(?i)({_NAME}["']?\s*[:=]\s*["']?)(?:bearer\s+)?[^\s"',;&}}]+"""), rf"\g<1>{HIDDEN}"),
    # A user's password in a URL or DSN.
    (re.compile(r"(\w+://[^\s:/@]+:)[^\s@]+(@)"), rf"\g<1>{HIDDEN}\g<2>"),
    # Signed links, and AWS's own access keys.
    (re.compile(r"(?i)(X-Amz-(?:Signature|Credential|Security-Token)=)[^\s&\"']+"), rf"\g<1>{HIDDEN}"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), HIDDEN),
    (re.compile(r"\bAGE-SECRET-KEY-1[A-Z0-9]+\b"), HIDDEN),
)


def redact(text: str) -> str:
    """``text`` with everything hidden that looks like a secret."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text
