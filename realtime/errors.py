"""Every error this project raises, in one tree.

    RealtimeError
    ├── InvalidRequest        the client asked for something impossible; the session goes on
    ├── EngineFailed          a model failed at its work; the response fails, the session goes on
    ├── EngineBusy            every slot of an engine is taken; try again later
    ├── ContextTooLong        a conversation has more tokens than the language model, or the client, has room for
    ├── NotPermitted          the client may not have that, whoever it is: a file outside the operator's folders
    ├── NotServed             this server has nothing that could do it
    ├── NotLoaded             what would do it is not loaded, or not yet
    ├── NoRoom                no conversation can begin now
    │   ├── ServerFull        as many are going on as the operator allows
    │   ├── ServerBusy        those that are going on keep the machine busy
    │   └── ServerStopping    the server is about to stop
    ├── ModelUnavailable      a model file is missing, corrupt or cannot be fetched
    ├── UnknownEngine         no engine of that name is installed
    └── BadConfiguration      the operator's settings cannot work; the server does not start

`code` goes on the wire as it is. Translation to an `error` event, an HTTP status or an exit message happens at the
edges (`conductor`, `server`, `backend`, `cli`), never where the error is raised.
"""

from __future__ import annotations

from typing import ClassVar


class RealtimeError(Exception):
    """Root of the tree. `str(error)` is one sentence a person can act on, free of secrets and of anybody's words."""

    code: ClassVar[str] = "server_error"


class InvalidRequest(RealtimeError):
    """The client's fault. `reason` is its code on the wire, `param` the offending field (`session.instructions`)."""

    def __init__(self, message: str, *, code: str = "invalid_value", param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = code
        self.param = param


class EngineFailed(RealtimeError):
    """A model or a remote engine could not do its work this time."""

    code = "engine_failed"


class EngineBusy(EngineFailed):
    """Every slot of the engine is taken and its waiting line is full."""

    code = "engine_busy"


class ContextTooLong(EngineFailed):
    """A conversation does not fit; the message says how many tokens there are and how many fit."""

    code = "context_length_exceeded"


class NotPermitted(RealtimeError):
    """The message says what is allowed instead, and by which setting."""

    code = "permission_denied"


class NotServed(RealtimeError):
    """Nothing here can do it; the message says what is missing and how it can be had."""

    code = "not_implemented"


class NotLoaded(RealtimeError):
    """The engines are not there, or not yet; the message says how they are loaded."""

    code = "model_not_loaded"


class NoRoom(RealtimeError):
    """One more conversation cannot begin now; later, or elsewhere, it may."""

    code = "no_room"


class ServerFull(NoRoom):
    """As many conversations are going on as the server allows."""

    code = "server_full"


class ServerBusy(NoRoom):
    """One more conversation would make all of those that are going on slow."""

    code = "server_busy"


class ServerStopping(NoRoom):
    """The server begins nothing new before it stops."""

    code = "server_shutting_down"


class ModelUnavailable(RealtimeError):
    """A model file is missing, corrupt or unreachable; the message says what to do."""

    code = "model_unavailable"


class UnknownEngine(RealtimeError):
    """No engine of that kind and name is installed."""

    code = "unknown_engine"


class BadConfiguration(RealtimeError):
    """The settings cannot work; the message names the setting."""

    code = "bad_configuration"
