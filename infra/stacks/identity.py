"""Who may sign in: the Cognito pool, its groups, and the client that the load balancer uses."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from infra.accepted import accept
from infra.settings import Deployment
from infra.stacks.part import Part, days

ROLES = ("viewer", "analyst", "ops", "admin")


class Identity(Part):
    """The pool, its groups as docs/sign_in.md has them, the client and the sign-in pages."""

    def __init__(self, scope: Construct, deployment: Deployment) -> None:
        """As the deployment says."""
        super().__init__(scope, "identity", deployment, "Cognito pool, groups, sign-in pages")
        self.pool = self._pool()
        self._groups()
        self.client = self._client()
        self.domain = self.pool.add_domain(
            "Domain", cognito_domain=cognito.CognitoDomainOptions(domain_prefix=deployment.sign_in.prefix)
        )

    @property
    def host(self) -> str:
        """The host of the sign-in pages: STREAMGAUGE_COGNITO_DOMAIN."""
        return f"{self.deployment.sign_in.prefix}.auth.{self.deployment.region}.amazoncognito.com"

    def _pool(self) -> cognito.UserPool:
        wanted = self.deployment.sign_in
        threat = cognito.StandardThreatProtectionMode.FULL_FUNCTION if wanted.threat_protection else None
        plan = cognito.FeaturePlan.PLUS if wanted.threat_protection else cognito.FeaturePlan.ESSENTIALS
        pool = cognito.UserPool(
            self,
            "Pool",
            user_pool_name=self.names.begin,
            self_sign_up_enabled=False,
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            auto_verify=cognito.AutoVerifiedAttrs(email=True),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            password_policy=cognito.PasswordPolicy(
                min_length=14,
                require_digits=True,
                require_lowercase=True,
                require_uppercase=True,
                require_symbols=True,
                temp_password_validity=days(3),
            ),
            mfa=cognito.Mfa.REQUIRED if wanted.second_factor else cognito.Mfa.OPTIONAL,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            feature_plan=plan,
            standard_threat_protection_mode=threat,
            deletion_protection=self.deployment.protected,
            removal_policy=self.removal,
        )
        if not wanted.second_factor:
            accept(pool, "a second factor is a setting; the example of dev leaves it to each", "COG2")
        if not wanted.threat_protection:
            accept(pool, "threat protection is paid by user; a setting", "COG8")
        return pool

    def _groups(self) -> None:
        names = ["admin", *(f"site:*:{role}" for role in ROLES)]
        names += [f"site:{site}:{role}" for site in self.deployment.sign_in.sites for role in ROLES]
        for name in names:
            own = name.replace(":*:", "-all-").replace(":", "-")
            cognito.CfnUserPoolGroup(
                self, f"Group-{own}", user_pool_id=self.pool.user_pool_id, group_name=name
            )

    def _client(self) -> cognito.UserPoolClient:
        wanted, url = self.deployment.sign_in, f"https://{self.deployment.web.domain}"
        return self.pool.add_client(
            "LoadBalancer",
            generate_secret=True,
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(authorization_code_grant=True),
                scopes=[cognito.OAuthScope.OPENID, cognito.OAuthScope.EMAIL],
                callback_urls=[f"{url}/oauth2/idpresponse"],
                logout_urls=[f"{url}/"],
            ),
            supported_identity_providers=[cognito.UserPoolClientIdentityProvider.COGNITO],
            access_token_validity=Duration.minutes(wanted.token_minutes),
            id_token_validity=Duration.minutes(wanted.token_minutes),
            refresh_token_validity=Duration.hours(wanted.session_hours),
            enable_token_revocation=True,
            prevent_user_existence_errors=True,
        )
