"""The routes, and nothing else."""

from __future__ import annotations

import asyncio
import mimetypes
from importlib.resources import files
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from realtime.errors import InvalidRequest, ServerBusy
from realtime.server.entrance import admit
from realtime.server.headers import SecurityHeaders
from realtime.server.minting import create_beta_session, create_beta_transcription_session, create_client_secret
from realtime.server.refusals import RETRY_AFTER_S, Refused, tell
from realtime.server.state import State
from realtime.server.websocket import nowhere, realtime


def create_app(state: State) -> Starlette:
    """The server as an ASGI application. Its engines are whatever `state` holds when a client comes."""
    mimetypes.init()  # reads the machine's tables; left alone, it would do so at the first request for the page
    api: list[BaseRoute] = [
        WebSocketRoute("/realtime", realtime),
        Route("/realtime/client_secrets", create_client_secret, methods=["POST"]),
        Route("/realtime/sessions", create_beta_session, methods=["POST"]),
        Route("/realtime/transcription_sessions", create_beta_transcription_session, methods=["POST"]),
        Route("/models", list_models),
        WebSocketRoute("/{path:path}", nowhere),
    ]
    routes: list[BaseRoute] = [
        Mount("/v1", routes=api),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
        WebSocketRoute("/{path:path}", nowhere),
        Mount("/", StaticFiles(directory=_demo_page(), html=True)),
    ]
    told = dict.fromkeys((Refused, InvalidRequest, HTTPException), tell)
    app = Starlette(routes=routes, middleware=[Middleware(SecurityHeaders)], exception_handlers=told)
    app.state.server = state
    return app


async def healthz(request: Request) -> Response:
    """The process is alive; how late its event loop was, and how long work waits for processors, tells how well."""
    state: State = request.app.state.server
    wait_ms = round(state.engines.wait_s * 1000) if state.engines else 0
    shown = {"status": "ok", "busy": state.busy, "wait_ms": wait_ms, "event_loop_lag": state.lag.describe()}
    return JSONResponse(shown)


async def readyz(request: Request) -> Response:
    """A conversation could begin now; 503 while models are loading, the server is about to stop, or it is too busy."""
    state: State = request.app.state.server
    if state.ready:
        return JSONResponse({"status": "ready", "conversations": len(state.conversations)})
    if state.conversations.draining:
        return JSONResponse({"status": "draining"}, 503)
    if state.busy:
        return JSONResponse({"status": "busy"}, 503, {"Retry-After": str(RETRY_AFTER_S[ServerBusy])})
    return JSONResponse({"status": "starting"}, 503)


async def metrics(request: Request) -> Response:
    """What the server counts, for Prometheus; for those who may come in."""
    state: State = request.app.state.server
    admit(request, state)
    accepted = request.headers.get("accept", "")
    text, content_type = await asyncio.to_thread(state.metrics.written, accepted)  # takes some ms
    return Response(text, headers={"content-type": content_type})


async def list_models(request: Request) -> Response:
    """The names a client may ask for, in the form of OpenAI's list."""
    state: State = request.app.state.server
    admit(request, state)
    names = [state.settings.conversation.model]
    if state.engines:
        names += state.engines.models
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "local"} for name in names]
    return JSONResponse({"object": "list", "data": models})


def _demo_page() -> Path:
    """The page's folder: inside the installed package, or beside it in a checkout."""
    package = Path(str(files("realtime")))
    installed = package / "web_demo"
    return installed if installed.is_dir() else package.parent / "web_demo"
