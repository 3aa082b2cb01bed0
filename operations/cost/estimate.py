"""The monthly estimate: every charge with its price, and the sums by stack, region and protection."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from operations.cost import charges, database_charges
from operations.cost.assembly import Resource
from operations.cost.charges import Charge, Deployment, Rule
from operations.cost.prices import PriceTable
from operations.cost.protection import protection_of

RULES: Mapping[str, Rule] = {
    "AWS::ApiGatewayV2::Api": charges.api,
    "AWS::Backup::BackupPlan": database_charges.snapshots,
    "AWS::Backup::RestoreTestingPlan": database_charges.restore_test,
    "AWS::CloudWatch::Alarm": charges.alarm,
    "AWS::CloudWatch::Dashboard": charges.dashboard,
    "AWS::DynamoDB::Table": charges.table,
    "AWS::EC2::EIP": charges.elastic_ip,
    "AWS::EC2::FlowLog": charges.flow_log,
    "AWS::EC2::NatGateway": charges.nat_gateway,
    "AWS::EC2::VPCEndpoint": charges.endpoint,
    "AWS::ECR::Repository": charges.repository,
    "AWS::ECS::Cluster": charges.cluster,
    "AWS::ECS::Service": charges.tasks,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": charges.load_balancer,
    "AWS::KMS::Key": charges.key,
    "AWS::Lambda::Function": charges.function,
    "AWS::Logs::LogGroup": charges.log_group,
    "AWS::RDS::DBInstance": database_charges.instance,
    "AWS::S3::Bucket": charges.bucket,
    "AWS::SNS::Subscription": charges.subscription,
    "AWS::SecretsManager::Secret": charges.secret,
    "AWS::StepFunctions::StateMachine": charges.state_machine,
}
NOT_IN_THE_TABLE = "a type that the table does not know"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One charge of one resource. ``low`` and ``high`` are US dollars a month; None when there is no price."""

    resource: Resource
    what: str
    region: str
    protection: str
    low: Decimal | None
    high: Decimal | None
    reason: str = ""
    source: str = ""


@dataclass(frozen=True)
class Sum:
    """US dollars a month, from ``low`` to ``high``, and how many charges have no price and are not in them."""

    low: Decimal
    high: Decimal
    unpriced: int

    @classmethod
    def of(cls, lines: Iterable[Line]) -> "Sum":
        """The sum of ``lines``."""
        found = list(lines)
        return cls(
            sum((line.low for line in found if line.low is not None), Decimal(0)),
            sum((line.high for line in found if line.high is not None), Decimal(0)),
            sum(line.low is None for line in found),
        )


def estimate(resources: Sequence[Resource], table: PriceTable) -> list[Line]:
    """Every charge of one environment's resources."""
    deployment = Deployment(table, resources)
    return [line for resource in resources for line in _lines(resource, deployment)]


def _lines(resource: Resource, of: Deployment) -> Iterator[Line]:
    if rule := RULES.get(resource.type):
        for charge in rule(resource, of):
            yield _line(resource, charge, of.table)
    elif resource.type not in of.table.free:
        reason = of.table.unpriced.get(resource.type, NOT_IN_THE_TABLE)
        yield _line(resource, Charge(what=reason, price=None), of.table)


def _line(resource: Resource, charge: Charge, table: PriceTable) -> Line:
    region = charge.region or resource.region
    protection = charge.protection or protection_of(resource.stack, resource.logical_id, resource.type)
    quote = table.quote(charge.price, region) if charge.price else None
    less = table.quote(charge.less, region) if charge.less else None
    if quote is None or (charge.less and less is None):
        reason = f"no price of {charge.price} in {region}" if charge.price else charge.what
        return Line(
            resource=resource,
            what=charge.what,
            region=region,
            protection=protection,
            low=None,
            high=None,
            reason=reason,
        )
    usd = quote.usd - (less.usd if less else 0)
    return Line(
        resource=resource,
        what=charge.what,
        region=region,
        protection=protection,
        low=usd * charge.low,
        high=usd * charge.high,
        source=quote.source,
    )


def grouped(lines: Iterable[Line], key: Callable[[Line], str]) -> dict[str, list[Line]]:
    """The lines by ``key``, in the order in which each first comes."""
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(key(line), []).append(line)
    return groups


def missing(lines: Iterable[Line]) -> dict[str, set[str]]:
    """Of what has no price: the resource types by the reason."""
    reasons: dict[str, set[str]] = {}
    for line in lines:
        if line.low is None:
            reasons.setdefault(line.reason, set()).add(line.resource.type)
    return reasons
