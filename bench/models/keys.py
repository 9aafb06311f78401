"""Keys: found in the environment only, sent only where they belong, and blotted out of every text.

A key goes into a header. Google's and Amazon's credentials are made by their own libraries, where
those are installed.
"""

from __future__ import annotations

import asyncio
import os
import re
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from starprobe.probes.errors import MissingError

OWN_KEY = "STARPROBE_API_KEY"
"""The key for a server of one's own: a vendor's key is sent to no host but the vendor's."""
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})
BLOT = "[key]"
_SECRET_NAME = re.compile(
    r"(_API_KEY|_TOKEN|_SECRET|_PASSWORD|_ACCESS_KEY)$|BEARER_TOKEN", re.IGNORECASE
)
_CREDENTIALS = re.compile(r"\b(Basic|Bearer)\s+[A-Za-z0-9+/=_.~-]{8,}")
_SHORTEST = 8  # Shorter values ("none", "EMPTY") are no secrets, and would blot out common words.


class Auth(Protocol):
    """How a request is authenticated."""

    @property
    def key_name(self) -> str:
        """The variable that a user sets, for advice."""

    async def headers(self, url: str, headers: dict[str, str], content: bytes) -> dict[str, str]:
        """What to add to the headers of this very request."""


class KeyAuth:
    """A key from the environment in a header: `bearer`, or the header's name."""

    def __init__(self, way: str, key_name: str, key: str | None) -> None:
        self.key_name = key_name
        self._headers: dict[str, str] = {}
        if key:
            bearer = way == "bearer"
            name = "authorization" if bearer else way
            self._headers = {name: f"Bearer {key}" if bearer else key}

    async def headers(self, url: str, headers: dict[str, str], content: bytes) -> dict[str, str]:
        """The key's header, the same for all."""
        return self._headers


class GoogleAuth:
    """Application default credentials, made and renewed by the package google-auth."""

    key_name = "GOOGLE_APPLICATION_CREDENTIALS"

    def __init__(self) -> None:
        """Looks for credentials.

        Raises:
            MissingError: the package, or the credentials, are not there.
        """
        try:
            import google.auth
            from google.auth.exceptions import DefaultCredentialsError
            from google.auth.transport.requests import Request
        except ImportError:
            raise MissingError(
                "Google's credentials need google-auth: pip install 'starprobe[google]', or set "
                "VERTEX_ACCESS_TOKEN (gcloud auth print-access-token; it lasts an hour)"
            ) from None
        scopes = ["https://www.googleapis.com/auth/cloud-platform"]
        try:
            self._credentials: Any = google.auth.default(scopes=scopes)[0]
        except DefaultCredentialsError:
            raise MissingError(
                "no Google credentials: run gcloud auth application-default login, or set "
                "GOOGLE_APPLICATION_CREDENTIALS or VERTEX_ACCESS_TOKEN"
            ) from None
        self._transport = Request()
        self._renewing = asyncio.Lock()

    async def headers(self, url: str, headers: dict[str, str], content: bytes) -> dict[str, str]:
        """A token, renewed where it has run out."""
        async with self._renewing:
            if not self._credentials.valid:
                await asyncio.to_thread(self._credentials.refresh, self._transport)
        return {"authorization": f"Bearer {self._credentials.token}"}


class AwsAuth:
    """Signature Version 4, made by the package botocore with whatever credentials it finds."""

    key_name = "AWS_BEARER_TOKEN_BEDROCK, or AWS credentials"

    def __init__(self, url: str) -> None:
        """Looks for credentials.

        Raises:
            MissingError: the package, or the credentials, are not there.
        """
        try:
            from botocore.session import Session
        except ImportError:
            raise MissingError(
                "bedrock: needs AWS_BEARER_TOKEN_BEDROCK in the environment, or for other AWS "
                "credentials botocore: pip install 'starprobe[aws]'"
            ) from None
        self._credentials: Any = Session().get_credentials()
        if self._credentials is None:
            raise MissingError(
                "bedrock: needs AWS_BEARER_TOKEN_BEDROCK, or AWS credentials (aws configure)"
            )
        host = (urlsplit(url).hostname or "").split(".")
        named = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        self._region = host[1] if len(host) > 3 and host[0].startswith("bedrock") else named

    async def headers(self, url: str, headers: dict[str, str], content: bytes) -> dict[str, str]:
        """The signature of this request."""
        return await asyncio.to_thread(self._signed, url, headers, content)

    def _signed(self, url: str, headers: dict[str, str], content: bytes) -> dict[str, str]:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest("POST", url, dict(headers), content)
        credentials = self._credentials.get_frozen_credentials()
        SigV4Auth(credentials, "bedrock", self._region or "us-east-1").add_auth(request)
        return {name: value for name, value in request.headers.items() if name not in headers}


def is_local(url: str) -> bool:
    """Whether a URL names this machine."""
    host = (urlsplit(url).hostname or "").lower()
    return host in LOCAL_HOSTS or host.startswith("127.")


def secrets(more: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The values in the environment, and more, that must never be written, longest first."""
    found = {
        value.strip()
        for name, value in os.environ.items()
        if _SECRET_NAME.search(name) and len(value.strip()) >= _SHORTEST
    }
    found |= {value for value in more if len(value) >= _SHORTEST}
    return tuple(sorted(found, key=len, reverse=True))


def redact(text: str, keys: tuple[str, ...] | None = None) -> str:
    """The text with every key, and every user:password of a URL, blotted out."""
    for key in secrets() if keys is None else keys:
        if key in text:
            text = text.replace(key, BLOT)
    text = _CREDENTIALS.sub(rf"\1 {BLOT}", text)
    return re.sub(r"(https?://)[^/@\s'\"]+@", rf"\1{BLOT}@", text)


def public_url(url: str) -> str:
    """The URL without what may be secret: user, password, query and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
