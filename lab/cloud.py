"""The emulated cloud as a client sees it: start it, sign requests to it, press its buttons, end it."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lab.postgres import HOST, free_port
from lab.processes import kill_server
from lab.server import make_run_folder

if TYPE_CHECKING:
    from mypy_boto3_backup import BackupClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient

ACCOUNT = "820256201441"  # nobody's that matters: it only must not be the emulator's default
START_TIMEOUT_SECONDS = 30
STOP_TIMEOUT_SECONDS = 3


class LabError(RuntimeError):
    """The lab could not do its part; says nothing about the deployed code."""


@dataclass(frozen=True)
class Clients:
    """boto3 clients of one region of the lab."""

    session: boto3.Session
    endpoint: str
    region: str

    def _client(self, service: Any) -> Any:  # noqa: ANN401 - the properties below say which client it is
        config = Config(retries={"max_attempts": 3, "mode": "standard"}, read_timeout=120)
        untyped: Any = self.session
        return untyped.client(service, endpoint_url=self.endpoint, region_name=self.region, config=config)

    @cached_property
    def backup(self) -> "BackupClient":
        return self._client("backup")

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        return self._client("cloudformation")

    @cached_property
    def cognito(self) -> "CognitoIdentityProviderClient":
        return self._client("cognito-idp")

    @cached_property
    def cloudwatch(self) -> "CloudWatchClient":
        return self._client("cloudwatch")

    @cached_property
    def ec2(self) -> "EC2Client":
        return self._client("ec2")

    @cached_property
    def ecr(self) -> Any:  # noqa: ANN401 - boto3-stubs knows only some of them
        return self._client("ecr")

    @cached_property
    def ecs(self) -> "ECSClient":
        return self._client("ecs")

    @cached_property
    def events(self) -> "EventBridgeClient":
        return self._client("events")

    @cached_property
    def functions(self) -> "LambdaClient":
        return self._client("lambda")

    @cached_property
    def rds(self) -> "RDSClient":
        return self._client("rds")

    @cached_property
    def s3(self) -> "S3Client":
        return self._client("s3")

    @cached_property
    def secrets(self) -> "SecretsManagerClient":
        return self._client("secretsmanager")

    @cached_property
    def ssm(self) -> "SSMClient":
        return self._client("ssm")

    @cached_property
    def sns(self) -> "SNSClient":
        return self._client("sns")

    @cached_property
    def sqs(self) -> "SQSClient":
        return self._client("sqs")

    @cached_property
    def states(self) -> "SFNClient":
        return self._client("stepfunctions")


class Cloud:
    """A running emulator with a temporary folder and a free port; two of them on one machine share nothing.

    State machines wait the share ``waits`` of what they should; at 0, not at all. The account doubles as access key,
    which is how the emulator tells accounts apart.
    """

    def __init__(self, *, waits: float = 1) -> None:
        self._waits = waits
        self.account = ACCOUNT
        self.port = free_port()
        self.endpoint = f"http://{HOST}:{self.port}"
        self.folder = Path(tempfile.mkdtemp(prefix="continuity-lab-"))
        self.log = self.folder / "emulator.log"
        self._http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=5, read=120))
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: dict[str, Clients] = {}

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables under which any AWS tool talks to this cloud and to no other."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        nowhere = str(self.folder / "no-such-file")
        return kept | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "lab",
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": nowhere,
            "AWS_SHARED_CREDENTIALS_FILE": nowhere,
            "AWS_EC2_METADATA_DISABLED": "true",
            "CDK_DEFAULT_ACCOUNT": self.account,
            "NO_PROXY": f"{HOST},localhost",
            "no_proxy": f"{HOST},localhost",
        }

    def start(self) -> None:
        """Start the emulator and wait until it answers. Raises :class:`LabError` with the end of its log."""
        make_run_folder(self.folder)
        environment = self.environment | {
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "MINISTACK_ACCOUNT_ID": self.account,
            "TMPDIR": str(self.folder),
            "S3_DATA_DIR": str(self.folder / "s3"),
            "LOG_LEVEL": "INFO",
            "SFN_WAIT_SCALE": f"{float(self._waits)}",
            "LAB_FOLDER": str(self.folder),
            "LAB_ACCOUNT": self.account,
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lab.emulator"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise LabError(f"the emulator did not start:\n{self.log_tail()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End the emulator and every server below its folder, by process id, and remove the folder."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for pid_file in self.folder.rglob("postmaster.pid"):
            kill_server(pid_file.parent)
        shutil.rmtree(self.folder, ignore_errors=True)

    def clients(self, region: str) -> Clients:
        """boto3 clients for a region."""
        if region not in self._clients:
            self._clients[region] = self.clients_of(self.account, region)
        return self._clients[region]

    def clients_of(self, account: str, region: str) -> Clients:
        """boto3 clients for a region of another account: the emulator has every one, empty until something is made."""
        session = boto3.Session(aws_access_key_id=account, aws_secret_access_key="lab")  # noqa: S106
        return Clients(session, self.endpoint, region)

    def press(self, button: str, region: str, **values: Any) -> Any:  # noqa: ANN401 - JSON
        """Do what AWS does by the clock (see :mod:`lab.emulator.control`). Raises :class:`LabError`."""
        url = f"{self.endpoint}/_lab/{button}"
        answer = self._http.request("POST", url, json={"region": region, **values})
        if answer.status != 200:
            raise LabError(f"{button} in {region}: {answer.json().get('message')}")
        return answer.json()

    def invoke(self, region: str, function: str) -> dict[str, Any]:
        """Invoke a deployed function and return its answer. Raises :class:`LabError` with what it raised."""
        try:
            answer = self.clients(region).functions.invoke(FunctionName=function)
        except (BotoCoreError, ClientError) as error:
            raise LabError(f"{function} in {region} could not be invoked: {error}") from error
        payload: dict[str, Any] = json.loads(answer["Payload"].read() or b"{}")
        if "FunctionError" in answer:
            raise LabError(f"{function} in {region} failed: {payload.get('errorType')} {payload.get('errorMessage')}")
        return payload

    def secret(self, region: str, arn: str) -> dict[str, str]:
        """A JSON secret's values."""
        return json.loads(self.clients(region).secrets.get_secret_value(SecretId=arn)["SecretString"])

    def listing(self, name: str) -> list[dict[str, Any]]:
        """``instances`` or ``recorded``: what the lab knows of its own."""
        return self._http.request("GET", f"{self.endpoint}/_lab/{name}").json()

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the emulator's log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def _answers(self) -> bool:
        try:
            return self._http.request("GET", f"{self.endpoint}/_lab/instances").status == 200
        except urllib3.exceptions.HTTPError:
            return False


@contextlib.contextmanager
def running_cloud(*, waits: float = 1) -> Generator[Cloud]:
    """A cloud that is ended whatever happens, Ctrl-C and termination included."""
    cloud = Cloud(waits=waits)
    try:
        cloud.start()
        yield cloud
    finally:
        cloud.stop()
