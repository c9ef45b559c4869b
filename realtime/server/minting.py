"""The routes that mint client secrets: `POST /v1/realtime/client_secrets`, and the two of the beta dialect."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from realtime.conductor import make_offer
from realtime.errors import InvalidRequest
from realtime.ids import random_id
from realtime.protocol import beta
from realtime.protocol.config import SessionConfig, SessionType
from realtime.protocol.session_object import describe_session
from realtime.server.body import check, read_object
from realtime.server.entrance import admit
from realtime.server.opening_config import asked_beforehand
from realtime.server.refusals import StillStarting
from realtime.server.state import State
from realtime.structs import Strict

LIFETIME_S = 600
BETA_LIFETIME_S = 60


class ExpiresAfter(Strict):
    """How long a secret lives."""

    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, Meta(ge=10, le=7200)] | None = None


class SecretRequest(Strict):
    """What a secret is wanted for."""

    expires_after: ExpiresAfter = ExpiresAfter()
    session: dict[str, Any] | None = None
    """As in `session.update`."""


class BetaSecretRequest(Strict):
    """The same inside the beta dialect's flat sessions, which have two names for it."""

    expires_after: ExpiresAfter = ExpiresAfter()
    expires_at: ExpiresAfter = ExpiresAfter()


async def create_client_secret(request: Request) -> Response:
    """A secret, and the session that it opens. Cancelling mints nothing."""
    state: State = request.app.state.server
    admit(request, state)
    asked = check(await read_object(request), SecretRequest)
    config = _configure(state, {"type": "realtime"} if asked.session is None else asked.session)
    secret = state.client_secrets.mint(config, asked.expires_after.seconds or LIFETIME_S)
    session = describe_session(config, random_id("sess"), None)
    return _answer({"value": secret.value, "expires_at": secret.expires_at, "session": session})


async def create_beta_session(request: Request) -> Response:
    """A flat session with a secret inside. Cancelling mints nothing."""
    return await _create_flat(request, "realtime")


async def create_beta_transcription_session(request: Request) -> Response:
    """A flat session that only listens, with a secret inside. Cancelling mints nothing."""
    return await _create_flat(request, "transcription")


async def _create_flat(request: Request, session_type: SessionType) -> Response:
    state: State = request.app.state.server
    admit(request, state)
    flat = await read_object(request)
    asked = check(flat.pop("client_secret", None) or {}, BetaSecretRequest, root="client_secret")
    try:
        config = _configure(state, beta.to_ga_session(flat, session_type))
    except InvalidRequest as problem:
        raise _in_flat_words(problem) from problem
    lifetime_s = asked.expires_after.seconds or asked.expires_at.seconds or BETA_LIFETIME_S
    secret = state.client_secrets.mint(config, lifetime_s)
    session = beta.to_beta_session(describe_session(config, random_id("sess"), None))
    return _answer({**session, "client_secret": {"value": secret.value, "expires_at": secret.expires_at}})


def _in_flat_words(problem: InvalidRequest) -> InvalidRequest:
    param = beta.to_beta_param(problem.param, problem.reason)
    message = problem.message.replace(f"'{problem.param}'", f"'{param}'")
    return InvalidRequest(message, code=problem.reason, param=param)


def _configure(state: State, session: dict[str, Any]) -> SessionConfig:
    """What a session begins with that is asked for so; refused as a `session.update` would be."""
    if state.engines is None:
        raise StillStarting("The server is still loading its models.")
    settings = state.settings.conversation
    offer = make_offer(state.engines, settings, mcp=state.remote_tools is not None)
    return asked_beforehand(settings, offer, session)


def _answer(body: dict[str, Any]) -> Response:
    # A secret must not stay in anybody's cache.
    return Response(msgspec.json.encode(body), media_type="application/json", headers={"cache-control": "no-store"})
