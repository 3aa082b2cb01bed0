"""What each resource is charged for: how many units of which price, as a range where usage decides."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from operations.cost.assembly import Resource
from operations.cost.prices import PriceTable
from operations.cost.protection import DEVICE_COPIES, REPLICA, SERVICE, TASKS, protection_of

MIB_IN_GIB = Decimal(1024)


@dataclass(frozen=True, kw_only=True)
class Charge:
    """``low`` to ``high`` units a month of the price ``price``; ``price`` None when the table knows of none.

    ``less`` is subtracted from the price: what is left is what one step of protection costs more than the one before.
    ``region`` and ``protection`` differ from the resource's own only where they are given.
    """

    what: str
    price: str | None
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    less: str | None = None
    region: str | None = None
    protection: str | None = None


@dataclass(frozen=True)
class Deployment:
    """One environment's resources, for charges that depend on another resource than their own."""

    table: PriceTable
    resources: Sequence[Resource]
    hours: Decimal = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hours", self.table.hours_a_month)

    def all(self, type_: str) -> list[Resource]:
        """The resources of one type."""
        return [each for each in self.resources if each.type == type_]

    def beside(self, resource: Resource, type_: str) -> list[Resource]:
        """The resources of one type in the stack of ``resource``."""
        return [each for each in self.all(type_) if each.stack == resource.stack]

    def assumed(self, name: str) -> tuple[Decimal, Decimal]:
        """The range of an assumption."""
        found = self.table.assumptions[name]
        return found.low, found.high

    def some(self, what: str, price: str, assumption: str, times: Decimal = Decimal(1)) -> Charge:
        """A charge whose units are an assumption, ``times`` over."""
        low, high = self.assumed(assumption)
        return Charge(what=what, price=price, low=low * times, high=high * times)

    def always(self, what: str, price: str, count: int = 1) -> Charge:
        """A charge of every hour."""
        return Charge(what=what, price=price, low=self.hours * count, high=self.hours * count)

    @property
    def primary(self) -> Resource:
        """The database instance that is no replica."""
        return next(
            each for each in self.all("AWS::RDS::DBInstance") if "SourceDBInstanceIdentifier" not in each.properties
        )


Rule = Callable[[Resource, Deployment], Iterator[Charge]]


def nat_gateway(_: Resource, of: Deployment) -> Iterator[Charge]:
    """Every hour, and what passes through it."""
    yield of.always("NAT gateway", "NAT gateway")
    yield of.some("data through it", "NAT data", "nat_gib")


def elastic_ip(_: Resource, of: Deployment) -> Iterator[Charge]:
    """Every public address, used or not."""
    yield of.always("public address", "public IPv4 address")


def endpoint(resource: Resource, of: Deployment) -> Iterator[Charge]:
    """Endpoints of the type Gateway cost nothing."""
    if resource.properties.get("VpcEndpointType") == "Interface":
        yield of.always("endpoint in each zone", "interface endpoint", len(resource.properties["SubnetIds"]))


def flow_log(_: Resource, of: Deployment) -> Iterator[Charge]:
    """Flow logs go to CloudWatch, which charges their way in; keeping them is the log group's."""
    yield of.some("flow logs", "log ingestion", "flow_log_gib")


def load_balancer(resource: Resource, of: Deployment) -> Iterator[Charge]:
    """Its hours, its capacity, and a public address in each zone."""
    yield of.always("load balancer", "load balancer")
    yield of.some("capacity units", "load balancer capacity", "load_balancer_capacity_units", of.hours)
    if resource.properties.get("Scheme") == "internet-facing":
        yield of.always("public address in each zone", "public IPv4 address", len(resource.properties["Subnets"]))


def tasks(resource: Resource, of: Deployment) -> Iterator[Charge]:
    """From the fewest to the most tasks that scaling allows. Where the application serves, what is beyond one of the
    fewest is there to survive the loss of a task; the rest is load.
    """
    (task,) = of.beside(resource, "AWS::ECS::TaskDefinition")
    (target,) = of.beside(resource, "AWS::ApplicationAutoScaling::ScalableTarget")
    fewest, most = target.number("MinCapacity", 0), target.number("MaxCapacity", 0)
    arm = "ARM " if task.properties.get("RuntimePlatform", {}).get("CpuArchitecture") == "ARM64" else ""
    for unit, size in (("vCPU", task.number("Cpu", 0)), ("GiB", task.number("Memory", 0))):
        each = size / MIB_IN_GIB * of.hours
        spare = fewest - 1 if protection_of(resource.stack, resource.logical_id, resource.type) == SERVICE else 0
        what, price = f"{fewest - spare} to {most - spare} tasks' {unit}", f"Fargate {arm}{unit}"
        yield Charge(what=what, price=price, low=each * (fewest - spare), high=each * (most - spare))
        if spare:
            yield Charge(
                what=f"{spare} more tasks' {unit}",
                price=price,
                low=each * spare,
                high=each * spare,
                protection=TASKS,
            )


def cluster(resource: Resource, of: Deployment) -> Iterator[Charge]:
    """A cluster is free; its Container Insights are metrics."""
    settings = resource.properties.get("ClusterSettings", [])
    if any(each["Name"] == "containerInsights" and each["Value"] != "disabled" for each in settings):
        yield of.some("Container Insights", "metric", "container_metrics")


def repository(_: Resource, of: Deployment) -> Iterator[Charge]:
    """The images."""
    yield of.some("images", "image storage", "image_gib")


def bucket(resource: Resource, of: Deployment) -> Iterator[Charge]:
    """By what a bucket is for: device backups with all their versions, evidence, or access logs."""
    name = str(resource.properties.get("BucketName", ""))
    if "device-backups" not in name:
        kept = "evidence_gib" if "evidence" in name else "access_log_gib"
        yield of.some("storage", "S3 storage", kept)
        return
    days = _noncurrent_days(resource)
    (few, many), (small, large) = of.assumed("devices"), of.assumed("device_backup_mib")
    a_day = few * small / MIB_IN_GIB, many * large / MIB_IN_GIB
    yield Charge(
        what=f"the newest backup and the versions of {days} days",
        price="S3 storage",
        low=a_day[0] * (days + 1),
        high=a_day[1] * (days + 1),
    )
    yield Charge(what="a backup a day", price="S3 write", low=few * 30, high=many * 30)
    if "ReplicationConfiguration" in resource.properties:
        yield Charge(
            what="replication of every backup",
            price="transfer to another region",
            low=a_day[0] * 30,
            high=a_day[1] * 30,
            protection=DEVICE_COPIES,
        )


def _noncurrent_days(resource: Resource) -> int:
    rules = resource.properties["LifecycleConfiguration"]["Rules"]
    expiries = [rule["NoncurrentVersionExpiration"] for rule in rules if "NoncurrentVersionExpiration" in rule]
    return max(int(each["NoncurrentDays"]) for each in expiries)


def table(_: Resource, of: Deployment) -> Iterator[Charge]:
    """One write for each upload that begins."""
    yield of.some("an entry a day and device", "table write", "devices", Decimal(30))


def api(_: Resource, of: Deployment) -> Iterator[Charge]:
    """The requests of all devices, which one of the regions answers."""
    few, many = of.assumed("devices")
    least, most = of.assumed("device_requests")
    yield Charge(what="requests of the devices", price="HTTP API request", low=few * least, high=many * most)


def function(resource: Resource, of: Deployment) -> Iterator[Charge]:
    """Calls, and memory times seconds."""
    memory = resource.number("MemorySize", 128) / MIB_IN_GIB
    (rare, often), (short, long) = of.assumed("function_calls"), of.assumed("function_seconds")
    yield Charge(what="calls", price="function request", low=rare, high=often)
    yield Charge(
        what="memory and time",
        price="function GiB-second",
        low=rare * short * memory,
        high=often * long * memory,
    )


def state_machine(_: Resource, of: Deployment) -> Iterator[Charge]:
    """Transitions; all of ours are of the type STANDARD."""
    yield of.some("transitions", "state transition", "state_transitions")


def log_group(resource: Resource, of: Deployment) -> Iterator[Charge]:
    """Their way in, and what is kept of them until they expire."""
    days = Decimal(resource.number("RetentionInDays", 0))
    yield of.some("logs", "log ingestion", "log_gib")
    yield of.some(f"{days} days of logs", "log storage", "log_gib", days / 30)


def alarm(resource: Resource, _: Deployment) -> Iterator[Charge]:
    """Every metric that an alarm looks at."""
    metrics = [each for each in resource.properties.get("Metrics", []) if "MetricStat" in each]
    count = Decimal(len(metrics) or 1)
    yield Charge(what="metrics watched", price="alarm metric", low=count, high=count)


def dashboard(_: Resource, __: Deployment) -> Iterator[Charge]:
    """The first three of an account are free."""
    yield Charge(what="dashboard", price="dashboard", low=Decimal(0), high=Decimal(1))


def subscription(_: Resource, of: Deployment) -> Iterator[Charge]:
    """E-mails."""
    yield of.some("e-mails", "notification", "notifications")


def key(_: Resource, of: Deployment) -> Iterator[Charge]:
    """The key and its requests."""
    yield Charge(what="key", price="key", low=Decimal(1), high=Decimal(1))
    yield of.some("requests", "key request", "key_requests")


def secret(resource: Resource, _: Deployment) -> Iterator[Charge]:
    """The secret, and each replica in its region."""
    one = Charge(what="secret", price="secret", low=Decimal(1), high=Decimal(1))
    yield one
    for replica in resource.properties.get("ReplicaRegions", []):
        yield replace(one, what="its replica", region=replica["Region"], protection=REPLICA)
