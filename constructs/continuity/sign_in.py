"""Who may sign in to the device API: any OpenID Connect issuer, or a user pool of ours."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import CustomResource, Duration
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from continuity.acknowledgement import acknowledge, acknowledge_expendable
from continuity.deployment import Deployment
from continuity.function import PythonFunction
from continuity.interfaces import allow

# Where the client listens for the redirect, on its own machine only (RFC 8252, 7.3). Cognito takes redirects to exactly
# the registered addresses, so the ports are fixed; three, should one be taken.
# Over HTTP, Cognito lets people come back to localhost by that name only:
# https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPoolClient.html
LOOPBACK_REDIRECTS = tuple(f"http://localhost:{port}/callback" for port in (47821, 47822, 47823))


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """Whose tokens are taken: those of ``issuer`` that are meant for one of ``audience``."""

    issuer: str
    audience: Sequence[str]


class DeviceUserPool(Construct):
    """Users of the device API where no other issuer is named, and the app as their public client: authorization code
    with PKCE, and no secret, for a phone keeps none.
    """

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment, region: str) -> None:  # noqa: A002
        super().__init__(scope, id)
        pool = cognito.UserPool(
            self,
            "Pool",
            user_pool_name=deployment.names.sign_in_domain,
            feature_plan=cognito.FeaturePlan.ESSENTIALS,
            self_sign_up_enabled=True,
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            auto_verify=cognito.AutoVerifiedAttrs(email=True),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            mfa=cognito.Mfa.OPTIONAL,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            password_policy=cognito.PasswordPolicy(
                min_length=12, require_digits=True, require_lowercase=True, require_uppercase=True, require_symbols=True
            ),
            deletion_protection=not deployment.destroyable,
            removal_policy=deployment.keep,
        )
        acknowledge_expendable(pool, deployment, "data-without-deletion-protection")
        acknowledge(
            pool,
            {
                "COG2": "Whoever signs in here has often just lost the phone that held the second factor; it stays a"
                " choice. What is stored is encrypted to keys that this service never sees.",
                "COG8": "The Plus plan costs a fee for every user; a stolen password gives ciphertext only, and the"
                " access log and the daily quota bound what it is worth.",
            },
        )
        client = pool.add_client(
            "App",
            generate_secret=False,
            auth_flows=cognito.AuthFlow(user=False, user_srp=False, user_password=False, custom=False),
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(authorization_code_grant=True),
                scopes=[cognito.OAuthScope.OPENID],
                callback_urls=list(LOOPBACK_REDIRECTS),
            ),
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            supported_identity_providers=[cognito.UserPoolClientIdentityProvider.COGNITO],
            access_token_validity=Duration.hours(1),
            id_token_validity=Duration.hours(1),
            # A phone backs up daily without asking its user to sign in again.
            refresh_token_validity=Duration.days(365),
        )
        pool.add_domain(
            "Domain",
            cognito_domain=cognito.CognitoDomainOptions(domain_prefix=deployment.names.sign_in_domain),
        )
        self.sign_in = SignIn(
            issuer=f"https://cognito-idp.{region}.amazonaws.com/{pool.user_pool_id}",
            audience=[client.user_pool_client_id],
        )


class FoundUserPool(Construct):
    """The recovery region's user pool, found from the primary by its domain when the stack is deployed."""

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment) -> None:  # noqa: A002
        super().__init__(scope, id)
        names = deployment.names
        function = PythonFunction(
            self,
            "Function",
            deployment=deployment,
            package="find_user_pool",
            description="Finds the recovery region's user pool by its domain, at deploy",
            timeout=Duration.minutes(2),
            environment={"POOL_REGION": names.recovery_region},
        )
        pools = f"arn:aws:cognito-idp:{names.recovery_region}:{names.account}:userpool/*"
        for action, resource in (
            ("cognito-idp:DescribeUserPoolDomain", "*"),
            ("cognito-idp:ListUserPoolClients", pools),
        ):
            allow(function.execution_role, [action], [resource])
        acknowledge(
            function.execution_role,
            {
                "IAM5[Resource::*]": "Cognito knows no resource for the description of a domain.",
                f"IAM5[Resource::{pools}]": "The pool's id is what it looks for; it may list the clients' names only.",
            },
        )
        lookup = CustomResource(
            self,
            "Pool",
            resource_type="Custom::RecoveryUserPool",
            service_token=function.function_arn,
            properties={"Domain": names.sign_in_domain},
        )
        self.sign_in = SignIn(issuer=lookup.get_att_string("Issuer"), audience=[lookup.get_att_string("ClientId")])
