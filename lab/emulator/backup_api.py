"""The HTTP face of :mod:`lab.emulator.backups`: AWS Backup's REST API, its CloudFormation types, and the lab's own
buttons for what AWS does by the clock.
"""

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from lab.emulator import hooks
from lab.emulator.backups import RESTORE_ROLE_PLACEHOLDER, Backups, RefusedError

Body = dict[str, Any]
Handler = Callable[[Body, list[str]], Any]


@dataclass
class BackupApi:
    """Routes requests to the jobs, and keeps what the templates say of selections and restore-testing plans."""

    backups: Backups
    selections: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    testing_plans: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict[tuple[str, str], dict[str, Any]])
    testing_selections: dict[tuple[str, str], dict[str, Any]] = field(
        default_factory=dict[tuple[str, str], dict[str, Any]]
    )

    def install(self) -> None:
        """Take over the API and the CloudFormation types."""
        hooks.handle_backup_requests(self._answer)
        hooks.handle_task_calls(self._call)
        hooks.handle_type("AWS::Backup::BackupSelection", _kept(self._create_selection, self.selections))
        hooks.handle_type("AWS::Backup::RestoreTestingPlan", _kept(self._create_testing_plan, self.testing_plans))
        hooks.handle_type(
            "AWS::Backup::RestoreTestingSelection", _kept(self._create_testing_selection, self.testing_selections)
        )
        vault = hooks.handlers_of("AWS::Backup::BackupVault")
        hooks.handle_type("AWS::Backup::BackupVault", vault | {"create": _locked_by(vault["create"])})

    # What AWS does by the clock, and the lab on request.

    def run_plan(self, plan_id: str, rule_name: str) -> list[str]:
        """Back up everything the plan selects by one of its rules; returns the backup jobs' ids."""
        rule = next(rule for rule in self._rules(plan_id) if rule["RuleName"] == rule_name)
        resources = [
            arn for selection in self.selections.values() if selection["BackupPlanId"] == plan_id
            for arn in selection["BackupSelection"].get("Resources", [])
        ]  # fmt: skip
        days = rule.get("Lifecycle", {}).get("DeleteAfterDays")
        return [self.backups.run_backup(arn, rule["TargetBackupVaultName"], days, plan_id) for arn in resources]

    def run_copies(self, plan_id: str, rule_name: str, job_id: str) -> list[str]:
        """Start the copies that the rule asks for of a finished backup job; returns the copy jobs' ids."""
        rule = next(rule for rule in self._rules(plan_id) if rule["RuleName"] == rule_name)
        point = self.backups.job("backup", job_id)["RecoveryPointArn"]
        return [
            self.backups.run_copy(
                point, copy["DestinationBackupVaultArn"], copy.get("Lifecycle", {}).get("DeleteAfterDays")
            )
            for copy in rule.get("CopyActions", [])
        ]

    def run_restore_test(self, plan_name: str) -> list[str]:
        """Restore the newest recovery point for every selection of a restore-testing plan, as the plan says."""
        plan = self._testing_plan(plan_name)
        vaults = [arn.split(":")[-1] for arn in plan["RecoveryPointSelection"]["IncludeVaults"]]
        started: list[str] = []
        for (region, _), selection in self.testing_selections.items():
            if region != hooks.region() or selection["RestoreTestingPlanName"] != plan_name:
                continue
            wanted = selection.get("ProtectedResourceArns") or ["*"]
            points = [
                point for vault in vaults for point in self.backups.points_in(vault)
                if "*" in wanted or point.resource_arn in wanted
            ]  # fmt: skip
            if not points:
                raise RefusedError("InvalidRequestException", f"{plan_name} found no recovery point in {vaults}")
            newest = max(points, key=lambda point: point.created)
            started.append(
                self.backups.run_restore(
                    newest.arn,
                    selection.get("RestoreMetadataOverrides", {}),
                    selection.get("IamRoleArn", ""),
                    _testing_plan_arn(plan_name),
                )
            )
        return started

    # The API.

    def _answer(
        self, method: str, parts: list[str], query: hooks.Properties, body: hooks.Properties
    ) -> hooks.Response | None:
        path = "/".join(parts)
        for verb, pattern, handler in self._routes():
            match = re.fullmatch(pattern, path)
            if verb == method and match:
                try:
                    return _json(200, handler(body | query, [unquote(group) for group in match.groups()]))
                except RefusedError as refusal:
                    return _json(refusal.status, {"Message": str(refusal)}, refusal.code)
        return None

    def _call(self, resource: str, argument: Any, proceed: hooks.TaskCall) -> Any:  # noqa: ANN401 - JSON
        """What state machines ask of AWS Backup without a function: the emulator does not know it."""
        try:
            if resource.endswith(":aws-sdk:backup:putRestoreValidationResult"):
                return self._validate(argument, [argument["RestoreJobId"]])
            if resource.endswith(":aws-sdk:backup:listRestoreJobs"):
                return {"RestoreJobs": [job for job in self.backups.jobs_of("restore") if _asked_for(job, argument)]}
        except RefusedError as refusal:
            raise hooks.task_error(f"Backup.{refusal.code}", str(refusal)) from refusal
        return proceed(resource, argument)

    def _routes(self) -> list[tuple[str, str, Handler]]:
        backups = self.backups
        point = r"backup-vaults/([^/]+)/recovery-points/(arn.+?)"
        return [
            ("PUT", "backup-jobs", self._start_backup),
            ("GET", "backup-jobs", self._list_backup_jobs),
            ("GET", r"backup-jobs/([^/]+)", lambda _, path: backups.job("backup", path[0])),
            ("PUT", "copy-jobs", self._start_copy),
            ("GET", "copy-jobs", lambda _body, _path: {"CopyJobs": backups.jobs_of("copy")}),
            ("GET", r"copy-jobs/([^/]+)", lambda _, path: {"CopyJob": backups.job("copy", path[0])}),
            ("PUT", "restore-jobs", self._start_restore),
            ("GET", "restore-jobs", lambda _body, _path: {"RestoreJobs": backups.jobs_of("restore")}),
            ("GET", r"restore-jobs/([^/]+)", lambda _, path: backups.job("restore", path[0])),
            ("PUT", r"restore-jobs/([^/]+)/validations", self._validate),
            ("GET", r"backup-vaults/([^/]+)/recovery-points", self._list_points),
            ("GET", point, lambda _, path: backups.point(path[1]).summary()),
            ("GET", r"backup-vaults/([^/]+)/access-policy", self._access_policy),
            ("GET", r"backup/plans/([^/]+)/selections", self._list_selections),
            ("GET", r"restore-testing/plans", lambda _body, _path: {"RestoreTestingPlans": self._testing_plans_here()}),
            (
                "GET",
                r"restore-testing/plans/([^/]+)",
                lambda _, path: {"RestoreTestingPlan": self._testing_plan(path[0])},
            ),
            ("GET", r"restore-testing/plans/([^/]+)/selections", self._list_testing_selections),
        ]

    def _start_backup(self, body: Body, _path: list[str]) -> dict[str, Any]:
        days = body.get("Lifecycle", {}).get("DeleteAfterDays")
        job_id = self.backups.run_backup(body["ResourceArn"], body["BackupVaultName"], days, None)
        return {"BackupJobId": job_id, "CreationDate": self.backups.job("backup", job_id)["CreationDate"]}

    def _list_backup_jobs(self, query: Body, _path: list[str]) -> dict[str, Any]:
        wanted = query.get("backupVaultName")
        jobs = self.backups.jobs_of("backup")
        return {"BackupJobs": [job for job in jobs if wanted in (None, job["BackupVaultName"])]}

    def _start_copy(self, body: Body, _path: list[str]) -> dict[str, Any]:
        days = body.get("Lifecycle", {}).get("DeleteAfterDays")
        return {"CopyJobId": self.backups.run_copy(body["RecoveryPointArn"], body["DestinationBackupVaultArn"], days)}

    def _start_restore(self, body: Body, _path: list[str]) -> dict[str, Any]:
        role = body.get("IamRoleArn") or RESTORE_ROLE_PLACEHOLDER
        return {"RestoreJobId": self.backups.run_restore(body["RecoveryPointArn"], body["Metadata"], role)}

    def _validate(self, body: Body, path: list[str]) -> dict[str, Any]:
        self.backups.validate(path[0], body["ValidationStatus"], body.get("ValidationStatusMessage", ""))
        return {}

    def _list_points(self, _body: Body, path: list[str]) -> dict[str, Any]:
        return {"RecoveryPoints": [point.summary() for point in self.backups.points_in(path[0])]}

    def _access_policy(self, _body: Body, path: list[str]) -> dict[str, Any]:
        vault = path[0]
        record: dict[str, Any] = hooks.backup._vaults.get(vault) or {}
        policy = record.get("_AccessPolicy")
        if policy is None:
            raise RefusedError("ResourceNotFoundException", f"vault {vault} has no access policy", 404)
        return {"BackupVaultName": vault, "Policy": json.dumps(policy)}

    def _list_selections(self, _body: Body, path: list[str]) -> dict[str, Any]:
        plan_id = path[0]
        found = [
            {"SelectionId": selection_id, "BackupPlanId": plan_id}
            | {"SelectionName": selection["BackupSelection"]["SelectionName"]}
            for selection_id, selection in self.selections.items()
            if selection["BackupPlanId"] == plan_id
        ]
        return {"BackupSelectionsList": found}

    def _list_testing_selections(self, _body: Body, path: list[str]) -> dict[str, Any]:
        here = [
            selection for (region, _), selection in self.testing_selections.items()
            if region == hooks.region() and selection["RestoreTestingPlanName"] == path[0]
        ]  # fmt: skip
        return {"RestoreTestingSelections": here}

    # CloudFormation.

    def _create_selection(self, properties: dict[str, Any]) -> tuple[str, Any, dict[str, Any]]:
        selection_id = str(uuid.uuid4())
        return selection_id, selection_id, {"SelectionId": selection_id, "BackupPlanId": properties["BackupPlanId"]}

    def _create_testing_plan(self, properties: dict[str, Any]) -> tuple[str, Any, dict[str, Any]]:
        name = properties["RestoreTestingPlanName"]
        return name, (hooks.region(), name), {"RestoreTestingPlanArn": _testing_plan_arn(name)}

    def _create_testing_selection(self, properties: dict[str, Any]) -> tuple[str, Any, dict[str, Any]]:
        name = f"{properties['RestoreTestingPlanName']}|{properties['RestoreTestingSelectionName']}"
        return name, (hooks.region(), name), {}

    def _rules(self, plan_id: str) -> list[dict[str, Any]]:
        plan = hooks.backup._plans.get(plan_id)
        if plan is None:
            raise RefusedError("ResourceNotFoundException", f"no backup plan {plan_id} in {hooks.region()}", 404)
        return plan["BackupPlan"]["Rules"]

    def _testing_plan(self, name: str) -> dict[str, Any]:
        plan = self.testing_plans.get((hooks.region(), name))
        if plan is None:
            raise RefusedError("ResourceNotFoundException", f"no restore-testing plan {name} in {hooks.region()}", 404)
        return plan

    def _testing_plans_here(self) -> list[dict[str, Any]]:
        return [plan for (region, _), plan in self.testing_plans.items() if region == hooks.region()]


def _kept(
    identify: Callable[[dict[str, Any]], tuple[str, Any, dict[str, Any]]], store: dict[Any, dict[str, Any]]
) -> dict[str, Any]:
    """CloudFormation handlers that keep a resource's properties as the API will show them."""

    def create(_logical_id: str, properties: hooks.Properties, _stack: str) -> tuple[str, dict[str, Any]]:
        physical_id, key, attributes = identify(properties)
        store[key] = dict(properties)
        return physical_id, attributes

    def delete(physical_id: str, _properties: hooks.Properties) -> None:
        for key in [key for key in store if key in (physical_id, (hooks.region(), physical_id))]:
            del store[key]

    return {"create": create, "delete": delete}


def _locked_by(create_vault: hooks.Create) -> hooks.Create:
    """The emulator's vault, with the lock and the access policy that it loses."""

    def create(logical_id: str, properties: hooks.Properties, stack: str) -> tuple[str, dict[str, Any]]:
        name, attributes = create_vault(logical_id, properties, stack)
        lock: dict[str, Any] = properties.get("LockConfiguration") or {}
        hooks.backup._vaults[name].update(
            {
                "Locked": bool(lock),
                "MinRetentionDays": int(lock.get("MinRetentionDays") or 0),
                "MaxRetentionDays": int(lock.get("MaxRetentionDays") or 0),
                "_AccessPolicy": properties.get("AccessPolicy"),
            }
        )
        return name, attributes

    return create


def _asked_for(job: dict[str, Any], filters: dict[str, Any]) -> bool:
    wanted = filters.get("ByRestoreTestingPlanArn")
    return wanted in (None, job.get("CreatedBy", {}).get("RestoreTestingPlanArn"))


def _testing_plan_arn(name: str) -> str:
    return f"arn:aws:backup:{hooks.region()}:{hooks.account()}:restore-testing-plan:{name}"


def _json(status: int, value: Any, error: str | None = None) -> hooks.Response:  # noqa: ANN401
    headers = {"Content-Type": "application/json"} | ({"x-amzn-errortype": error} if error else {})
    return status, headers, json.dumps(value).encode()
