"""What every request passes: who may ask, what every answer carries, and what happens when we fail."""

from __future__ import annotations

import ipaddress
import logging
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spondyl.apps.wiring import where

log = logging.getLogger(__name__)

POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


class Door:
    """Outermost layer.

    A server that listens on this machine only answers only when it is called by an address of this machine, so that no
    web page can reach it through a name that points here (DNS rebinding); and no other site's page may write.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._local = _is_loopback(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        try:
            await (refusal or self._app)(scope, receive, send_with_headers)
        except Exception as error:  # the door: logged by place, answered without a trace
            incident = secrets.token_hex(4)
            log.error("incident %s: %s", incident, where(error))
            if not started:
                await _sorry(incident)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        if self._local and not _is_loopback(_hostname(headers.get("host", ""))):
            return _refuse(400, "host-not-allowed", "this server answers on this machine only", "Use http://127.0.0.1 and its port")
        if scope["method"] not in ("GET", "HEAD", "OPTIONS") and headers.get("sec-fetch-site") == "cross-site":
            return _refuse(403, "cross-site", "another site's page may not send files here", "Open the page of this server")
        return None


def _refuse(status: int, code: str, message: str, hint: str) -> JSONResponse:
    return JSONResponse({"code": code, "message": message, "hint": hint}, status)


def _sorry(incident: str) -> JSONResponse:
    body = {"code": "internal-error", "message": f"the server failed; incident {incident}",
            "hint": "This is our failure; report it with the incident number", "incident": incident}
    return JSONResponse(body, 500)


def _hostname(host: str) -> str:
    """The Host header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
