"""What the resources are called, and their ARNs: stacks know each other's resources by these.

So a policy is a text, few values go from stack to stack, and any stack can be replaced alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from data_access.aws.log import OVERFLOW, STREAM
from infra.settings import Deployment


@dataclass(frozen=True, slots=True)
class Names:
    """Names and ARNs of a deployment's resources."""

    begin: str
    region: str
    account: str

    @staticmethod
    def of(deployment: Deployment) -> Names:
        """Those of a deployment; where it names no account, that of whoever deploys."""
        from aws_cdk import Aws  # only who writes stacks has it

        return Names(deployment.name, deployment.region, deployment.account or Aws.ACCOUNT_ID)

    def arn(self, service: str, resource: str) -> str:
        """The ARN of something in the region and account."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def called(self, name: str) -> str:
        """A name of this deployment."""
        return f"{self.begin}-{name}"

    @property
    def bucket(self) -> str:
        """The bucket of the lake."""
        return f"{self.begin}-lake-{self.account}-{self.region}"

    @property
    def bucket_arn(self) -> str:
        """The lake's bucket."""
        return f"arn:aws:s3:::{self.bucket}"

    def objects(self, prefix: str) -> str:
        """All objects below a prefix of the lake's bucket."""
        return f"{self.bucket_arn}/{prefix}/*"

    @property
    def drop_bucket(self) -> str:
        """The bucket that files are dropped into."""
        return f"{self.begin}-drop-{self.account}-{self.region}"

    @property
    def database(self) -> str:
        """The Glue database: letters, digits and underscores."""
        return self.begin.replace("-", "_")

    @property
    def questions(self) -> str:
        """The Athena workgroup of questions."""
        return self.begin

    @property
    def curation(self) -> str:
        """The Athena workgroup of curation."""
        return self.called("curation")

    @property
    def stream(self) -> str:
        """The Kinesis stream."""
        return STREAM.format(self.begin)

    @property
    def overflow(self) -> str:
        """The queue of events that the stream did not take."""
        return OVERFLOW.format(self.begin)

    @property
    def delivery(self) -> str:
        """The Firehose stream."""
        return self.called("raw")

    @property
    def delivery_log(self) -> str:
        """The log group of Firehose."""
        return f"/aws/kinesisfirehose/{self.delivery}"

    @property
    def host_log(self) -> str:
        """The log group of web hosts."""
        return f"/{self.begin}/web"

    @property
    def parameters(self) -> str:
        """The path of settings in the Parameter Store."""
        return f"/{self.begin}"

    def table(self, name: str) -> str:
        """A DynamoDB table."""
        return self.arn("dynamodb", f"table/{self.called(name)}")

    def index(self, table: str, name: str = "*") -> str:
        """An index of a table, or all of them."""
        return f"{self.table(table)}/index/{name}"

    def queue(self, name: str) -> str:
        """A queue of this deployment."""
        return self.arn("sqs", self.called(name))

    def topic(self, name: str) -> str:
        """A topic of this deployment."""
        return self.arn("sns", self.called(name))

    def function(self, name: str) -> str:
        """A function."""
        return self.arn("lambda", f"function:{self.called(name)}")

    def log_group(self, name: str) -> str:
        """A function's log group, as it is called."""
        return f"/aws/lambda/{self.called(name)}"

    def workgroup(self, name: str) -> str:
        """An Athena workgroup."""
        return self.arn("athena", f"workgroup/{name}")

    def glue(self) -> tuple[str, ...]:
        """The catalog, the database and all its tables."""
        return (
            self.arn("glue", "catalog"),
            self.arn("glue", f"database/{self.database}"),
            self.arn("glue", f"table/{self.database}/*"),
        )

    @property
    def stream_arn(self) -> str:
        """The Kinesis stream."""
        return self.arn("kinesis", f"stream/{self.stream}")
