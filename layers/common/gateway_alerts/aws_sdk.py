"""The AWS SDK, as far as our clients use it. To import this loads it, which is why :mod:`gateway_alerts.aws` waits with it.

The clients are botocore's own: boto3 would add resources and transfers to S3, a tenth of its start. Credentials are those
of the environment, as in Lambda: for a profile that has to ask STS for them there is no client here.
"""

from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args

from botocore.config import Config
from botocore.exceptions import NoRegionError
from botocore.loaders import Loader
from botocore.session import Session

if TYPE_CHECKING:
    from botocore.client import BaseClient

Service = Literal["dynamodb", "secretsmanager", "sns", "sqs", "ssm"]

#: A publish whose answer was lost may have been mailed: who asks decides whether it is tried again.
_TRIED_ONCE: frozenset[Service] = frozenset({"sns"})


class _OurServices(Loader):  # type: ignore[misc]  # botocore is untyped
    """What botocore knows of AWS, as far as it is about our services.

    Left out is what takes a sixth of the SDK's start and changes none of their requests: a look into the folder of every
    service, and the table of all endpoints (1.2 MB). A service that has rules for its endpoint, as all of ours do, is not
    looked up there.
    """

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 (botocore's signature)
        """Our services, whatever is asked about them."""
        return list(get_args(Service))

    def load_data_with_path(self, name: str) -> tuple[Any, str]:
        """A document, and where it is from."""
        if name == "endpoints":
            # As if it were botocore's own: a table from elsewhere would come before the rules.
            return {"version": 3, "partitions": []}, self.BUILTIN_DATA_PATH
        document: tuple[Any, str] = super().load_data_with_path(name)
        return document


def make_client(service: Service) -> "BaseClient":
    """See :func:`gateway_alerts.aws.aws_client`, which keeps it. Raises NoRegionError where the environment names none."""
    session = _session()
    if session.get_config_variable("region") is None:
        raise NoRegionError  # botocore would find out while it looks into the table
    settings = Config(
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 1 if service in _TRIED_ONCE else 3},
        tcp_keepalive=True,
    )
    return session.create_client(service, config=settings)


@cache
def _session() -> Session:
    """What clients share: credentials, handlers, and the documents that were read."""
    session = Session()
    session.register_component("data_loader", _OurServices())
    return session
