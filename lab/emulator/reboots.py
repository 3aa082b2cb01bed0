"""RebootDBInstance in the lab: the server is killed and comes back at the same endpoint, as a failed-over one does.

The standby of a Multi-AZ instance has the primary's storage, block for block, which is why the same data folder stands
for both zones here. That a synchronous standby loses nothing :mod:`lab.drills.instance` proves with two servers.
"""

import threading

from lab.emulator import hooks
from lab.emulator.instances import Instances

# Long enough for a client to be refused. AWS's failover takes a minute or two, which the lab does not play.
UNAVAILABLE_SECONDS = 1.0


class Reboots:
    """Reboots of the instances' real servers."""

    def __init__(self, instances: Instances) -> None:
        self._instances = instances

    def install(self) -> None:
        """Take over the API action."""
        hooks.handle_rds_action("RebootDBInstance", self._reboot)

    def _reboot(self, parameters: hooks.Properties) -> hooks.Response:
        identifier = hooks.parameter(parameters, "DBInstanceIdentifier")
        fails_over = hooks.parameter(parameters, "ForceFailover") == "true"
        region = hooks.region()
        record = hooks.rds._instances.get(identifier)
        if record is None:
            return hooks.rds._error("DBInstanceNotFound", f"DBInstance {identifier} not found.", 404)
        if record["DBInstanceStatus"] != "available":
            return hooks.rds._error(
                "InvalidDBInstanceState", f"{identifier} is {record['DBInstanceStatus']}, not available", 400
            )
        if fails_over and not record.get("MultiAZ"):
            return hooks.rds._error(
                "InvalidParameterCombination", f"{identifier} is not Multi-AZ: it cannot fail over", 400
            )
        record["DBInstanceStatus"] = "rebooting"

        def work() -> None:
            cluster = self._instances.cluster(region, identifier)
            cluster.kill()
            threading.Event().wait(UNAVAILABLE_SECONDS)
            cluster.start()
            if fails_over:
                zone, standby = f"{region}a", f"{region}b"
                record["AvailabilityZone"] = standby if record.get("AvailabilityZone") == zone else zone
            record["DBInstanceStatus"] = "available"

        hooks.in_background(work, name=f"reboot-{identifier}")
        action = "RebootDBInstance"
        return hooks.rds._single_instance_response(f"{action}Response", f"{action}Result", record)
