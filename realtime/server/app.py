"""The routes, and nothing else."""

from __future__ import annotations

import mimetypes
from importlib.resources import files
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from realtime.server.headers import SecurityHeaders
from realtime.server.state import State
from realtime.server.websocket import realtime


def create_app(state: State) -> Starlette:
    """The server as an ASGI application. Its engines are whatever `state` holds when a client comes."""
    mimetypes.init()  # reads the machine's tables; left alone, it would do so at the first request for the page
    routes: list[BaseRoute] = [
        WebSocketRoute("/v1/realtime", realtime),
        Route("/v1/models", list_models),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Mount("/", StaticFiles(directory=_demo_page(), html=True)),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(SecurityHeaders)])
    app.state.server = state
    return app


async def healthz(request: Request) -> Response:
    """The process is alive; how late its event loop was tells how well."""
    state: State = request.app.state.server
    return JSONResponse({"status": "ok", "event_loop_lag": state.lag.describe()})


async def readyz(request: Request) -> Response:
    """A conversation could begin now; 503 while models are loading, or the server is about to stop."""
    state: State = request.app.state.server
    if state.ready:
        return JSONResponse({"status": "ready", "conversations": len(state.conversations)})
    return JSONResponse({"status": "draining" if state.conversations.draining else "starting"}, 503)


async def list_models(request: Request) -> Response:
    """The names a client may ask for, in the form of OpenAI's list."""
    state: State = request.app.state.server
    if not state.keyring.admits(request):
        error = {"type": "invalid_request_error", "code": "invalid_api_key", "message": "Incorrect API key provided."}
        return JSONResponse({"error": error}, 401)
    names = [state.settings.conversation.model]
    if state.engines:
        engines = state.engines
        names += [engines.transcriber.model, engines.chat.model, engines.synthesizer.model]
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "local"} for name in names]
    return JSONResponse({"object": "list", "data": models})


def _demo_page() -> Path:
    """The page's folder: inside the installed package, or beside it in a checkout."""
    package = Path(str(files("realtime")))
    installed = package / "web_demo"
    return installed if installed.is_dir() else package.parent / "web_demo"
