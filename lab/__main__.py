"""``python -m lab drill`` runs the drills, ``python -m lab start`` keeps a lab to explore."""

import signal
import threading
from types import FrameType

import psycopg
import typer

from lab import workload
from lab.cloud import Cloud, LabError, running_cloud
from lab.damage import commands
from lab.deployment import Deployment, bootstrap, deploy, synthesize
from lab.drill import master_dsn
from lab.drills.commands import app as drills
from lab.drills.running import cleaned_up
from lab.executions import execute
from lab.timeline import Timeline

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.command()(commands.damage)
app.command()(commands.clean)
app.add_typer(drills, name="drill")


@app.command()
def start() -> None:
    """Deploy, fill, and keep the lab running until Ctrl-C."""
    timeline = Timeline()
    try:
        with cleaned_up(timeline), running_cloud() as cloud:
            deployment = _deploy(cloud, timeline)
            with timeline.step("Fill the database"):
                with psycopg.connect(master_dsn(cloud, deployment), autocommit=True) as connection:
                    workload.create(connection)
                execute(cloud, deployment.primary_region, deployment.output("Database", "ManifestStateMachineArn"))
            _print_addresses(cloud)
            threading.Event().wait()
    except LabError as error:
        timeline.note(f"[red]the lab could not go on:[/red] {error}")
        raise typer.Exit(2) from None


def _deploy(cloud: Cloud, timeline: Timeline) -> Deployment:
    with timeline.step("Synthesize environment local"):
        assembly = synthesize(cloud)
    with timeline.step("Bootstrap both regions"):
        bootstrap(cloud, assembly)
    with timeline.step("Deploy every stack with the cdk CLI") as step:
        return deploy(cloud, assembly, lambda text: timeline.update(step, text))


def _print_addresses(cloud: Cloud) -> None:
    typer.echo(
        f"\nThe lab is running, with an account that is nobody's.\n\n  export AWS_ENDPOINT_URL={cloud.endpoint}"
        f" AWS_ACCESS_KEY_ID={cloud.account} AWS_SECRET_ACCESS_KEY=lab\n"
    )
    for instance in cloud.listing("instances"):
        typer.echo(f"  {instance['identifier']} in {instance['region']}\n    {instance['dsn']}")
    typer.echo("\n  .venv/bin/dr manifest --dsn 'host=127.0.0.1 ...' --out manifest.json")
    typer.echo(f"\n  logs: {cloud.log}\n\nStop it with Ctrl-C; nothing stays behind.")


def _terminated(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line; a termination cleans up as Ctrl-C does."""
    # Both, and explicitly: a script's background job starts with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _terminated)
    app()


if __name__ == "__main__":
    main()
