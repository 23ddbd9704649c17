"""Settings that are kept in the SSM Parameter Store, secrets among them."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from data_access.aws.clients import Clients
from data_access.settings import PREFIX, Settings, SettingsError, parsed

_DENIED = {"AccessDenied", "AccessDeniedException"}


def parameters(settings: Settings) -> dict[str, Any]:
    """The settings below the path that the settings name: ``/streamgauge/lake_bucket`` is ``lake_bucket``,
    in capitals or not. Secure strings are decrypted.

    Raises SettingsError when they cannot be read or are no settings; it quotes no value.
    """
    path = settings.aws_parameters.rstrip("/")
    try:
        texts = _texts(Clients(settings), path)
    except SettingsError:
        raise
    except ClientError as error:
        raise _unreadable(path, str(error.response["Error"]["Code"])) from None
    except (BotoCoreError, ValueError) as error:
        raise _unreadable(path, type(error).__name__) from None
    if not texts:
        raise SettingsError(f"there are no parameters below {path}/; look at {PREFIX}AWS_PARAMETERS")
    return parsed(texts, lambda name: f"the parameter {path}/{name}", quote=False)


def _texts(clients: Clients, path: str) -> dict[str, str]:
    pages = clients.of("ssm").get_paginator("get_parameters_by_path")
    return {
        parameter["Name"].removeprefix(f"{path}/").lower(): str(parameter["Value"])
        for page in pages.paginate(Path=path or "/", WithDecryption=True)
        for parameter in page["Parameters"]
    }


def _unreadable(path: str, why: str) -> SettingsError:
    if why in _DENIED:
        need = "ssm:GetParametersByPath, and kms:Decrypt of the key of secure strings; add it to the role"
        return SettingsError(f"the parameters below {path}/: no permission {need}")
    return SettingsError(
        f"the parameters below {path}/ cannot be read ({why}): look at {PREFIX}AWS_PARAMETERS,"
        " the region and the credentials"
    )
