"""One message in the forms that its readers take: plain text, PagerDuty's Events v2, Amazon Q Developer's schema."""

from typing import Any

from recovery.alarms.message import Message

Json = dict[str, Any]

# Printable ASCII, no line breaks, less than 100: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
SUBJECT_CHARACTERS = 99
# https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
PAGERDUTY_SUMMARY, PAGERDUTY_KEY = 1024, 255
# https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
CHAT_TITLE, CHAT_DESCRIPTION, CHAT_STEP = 250, 8000, 350


def subject(message: Message) -> str:
    """The subject of an e-mail."""
    line = " ".join(message.headline.split()).encode("ascii", "replace").decode()
    return line if len(line) <= SUBJECT_CHARACTERS else line[: SUBJECT_CHARACTERS - 3] + "..."


def plain(message: Message) -> str:
    """The message as text for an e-mail; its first line alone says what matters."""
    lines = [message.headline, ""]
    if message.text:
        lines += [message.text, ""]
    lines += [f"At stake: {message.at_stake}.", "", "Known:"]
    lines += [f"  {label}: {value}" for label, value in message.known]
    if not message.over:
        lines += ["", "Do next:", *(f"  {command}" for command in message.commands)]
        lines += [f"It worked when {message.proof}."]
    else:
        lines += ["", "To be sure:", f"  {message.commands[0]}"]
    lines += ["", f"Runbook: {message.runbook}", f"Incident: {message.incident}"]
    return "\n".join(lines) + "\n"


def pagerduty(message: Message, *, routing_key: str) -> Json:
    """An event of PagerDuty's Events API v2, which opens, adds to, or resolves the incident of the cause.

    What resolves an incident that is not open is dropped there without an error.
    """
    event: Json = {
        "routing_key": routing_key,
        "event_action": "resolve" if message.over else "trigger",
        "dedup_key": message.incident[:PAGERDUTY_KEY],
    }
    if message.over:
        return event
    return event | {
        "client": "DuskSpendr continuity",
        "payload": {
            "summary": message.headline[:PAGERDUTY_SUMMARY],
            "source": f"{message.environment}/{message.region}",
            "severity": "critical" if message.severity == "page" else "warning",
            "timestamp": message.began.isoformat(),
            "component": message.subject,
            "group": message.environment,
            "class": message.incident.rpartition("/")[2],
            "custom_details": {
                "at stake": message.at_stake,
                "do next": list(message.commands),
                "it worked when": message.proof,
                **dict(message.known),
                **({"message": message.text} if message.text else {}),
            },
        },
        "links": [
            {"href": message.runbook, "text": "Runbook"},
            *({"href": value, "text": "Console"} for label, value in message.known if label == "console"),
        ],
    }


def chat(message: Message) -> Json:
    """Amazon Q Developer's custom notification, threaded by incident.

    A command is never cut: one that is too long for a step stands in the description alone.
    """
    commands = message.commands[:1] if message.over else message.commands
    description = "\n".join(
        [
            *([message.text, ""] if message.text else []),
            f"*At stake:* {message.at_stake}.",
            *(f"*{label}:* {value}" for label, value in message.known),
            *([] if message.over else [f"*It worked when* {message.proof}."]),
        ]
    )
    block = "\n```\n" + "\n".join(commands) + "\n```"
    return {
        "version": "1.0",
        "source": "custom",
        "content": {
            "textType": "client-markdown",
            "title": message.headline[:CHAT_TITLE],
            "description": description[: CHAT_DESCRIPTION - len(block)] + block,
            "nextSteps": [
                *(f"`{command}`" for command in commands if len(command) + 2 <= CHAT_STEP),
                f"Runbook: {message.runbook}",
            ],
        },
        "metadata": {"threadId": message.incident, "summary": message.headline[:CHAT_TITLE], "eventType": message.kind},
    }
