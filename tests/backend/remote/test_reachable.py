"""Whether a backend is there: asked at the start, over plain and encrypted channels."""

from __future__ import annotations

import asyncio
from pathlib import Path
from subprocess import run
from typing import Any

import pytest

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.channels import Channels
from realtime.backend.remote.connection import Connection, read_addresses
from realtime.backend.remote.reachable import open_channels
from realtime.engines.opening import open_engine
from realtime.engines.scheduler import Scheduler
from realtime.errors import BadConfiguration, EngineFailed, ModelUnavailable
from realtime.settings import EngineChoice, Settings
from tests.backend.doorway import Doorway
from tests.backend.remote.remote_backend import BareBackend, at_work, workshop
from tests.backend.rooms import premises_of
from tests.server.house import free_port

SECRET = "sesame-open"


async def opened(address: str, **options: Any) -> Channels:
    """As a server opens them: in a thread."""
    connection = Connection(**{"start_timeout_s": 5.0, **options})
    return await asyncio.to_thread(open_channels, workshop(address), connection)


async def test_our_own_door_is_found_with_its_token() -> None:
    """Health is told to anybody; the token is tried as well."""
    async with Doorway(premises_of(), SECRET) as door:
        channels = await opened(door.address, token=SECRET)
        assert (await channels.unary("Status", pb.HealthMessage())).state == pb.StatusResponse.READY
        await channels.close()
        for wrong in ("", "wrong-token"):
            with pytest.raises(BadConfiguration, match=f"{door.address} does not accept the token") as refused:
                await opened(door.address, token=wrong)
            assert "wrong-token" not in str(refused.value)


async def test_a_bare_backend_is_found_by_the_contracts_own_health() -> None:
    """It has no other, and no status."""
    backend = BareBackend()
    async with at_work(backend) as address:
        channels = await opened(address)
        assert backend.calls == ["Health"]
        assert (await channels.unary("Health", pb.HealthMessage())).message == b"OK"
        await channels.close()


async def test_nobody_there_is_told_at_the_start() -> None:
    """With the address; unless the server may start anyway."""
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(ModelUnavailable, match=address):
        await opened(address, start_timeout_s=0.3)
    channels = await opened(address, start_timeout_s=0.3, required=False)
    with pytest.raises(EngineFailed, match=address):
        await channels.unary("Health", pb.HealthMessage())
    await channels.close()


async def test_one_of_several_is_enough() -> None:
    """The other may come later."""
    async with at_work(BareBackend()) as address:
        channels = await opened(f"127.0.0.1:{free_port()},{address}", start_timeout_s=0.5)
        assert (await channels.unary("Health", pb.HealthMessage())).message == b"OK"
        await channels.close()


async def test_who_is_still_loading_is_waited_for() -> None:
    """As long as the options allow."""
    backend = BareBackend(watched=True)
    async with at_work(backend) as address:
        await backend.tell(serving=False)
        with pytest.raises(ModelUnavailable, match=f"{address} is there, but not ready"):
            await opened(address, start_timeout_s=0.3)
        opening = asyncio.get_running_loop().create_task(opened(address, start_timeout_s=20.0))
        await backend.tell(serving=True)
        await (await opening).close()


async def test_the_model_that_is_to_be_loaded_is() -> None:
    """By `LoadModel`, whose refusal keeps the server from starting."""

    async def load(request: pb.ModelOptions, context: Any) -> pb.Result:
        return pb.Result(success=request.Model == "small" and request.Threads == 2, message="no such model")

    backend = BareBackend({"LoadModel": load})
    async with at_work(backend) as address:
        await (await opened(address, load={"Model": "small", "Threads": 2})).close()
        assert backend.calls == ["Health", "LoadModel"]
        with pytest.raises(ModelUnavailable, match=f"{address} cannot load .* no such model"):
            await opened(address, load={"Model": "large"})
        with pytest.raises(BadConfiguration, match="option `load`"):
            await opened(address, load={"Modell": "small"})


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for this machine that has signed itself, and its key."""
    files = folder / f"{name}.pem", folder / f"{name}.key"
    made = ["-keyout", str(files[1]), "-out", str(files[0]), "-days", "2", "-subj", f"/CN={name}"]
    kind = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    run(["openssl", *kind, *names, *made], check=True, capture_output=True)
    return files


async def test_over_tls_each_side_shows_who_it_is(tmp_path: Path) -> None:
    """And who cannot is not talked to."""
    chain, key = await asyncio.to_thread(certificate, tmp_path, "backend")
    own_chain, own_key = await asyncio.to_thread(certificate, tmp_path, "caller")
    other, _ = await asyncio.to_thread(certificate, tmp_path, "other")
    served: dict[str, Any] = {"tls_certificate": chain, "tls_key": key, "tls_client_authority": own_chain}
    async with Doorway(premises_of(**served)) as door:
        mine = {"tls": True, "tls_certificate": str(own_chain), "tls_key": str(own_key)}
        channels = await opened(door.address, tls_authority=str(chain), **mine)
        assert (await channels.unary("Status", pb.HealthMessage())).state == pb.StatusResponse.READY
        await channels.close()
        for strange in (
            {**mine, "tls_authority": str(other)},
            {"tls": True, "tls_authority": str(chain)},
            {},
        ):
            with pytest.raises(ModelUnavailable, match=door.address):
                await opened(door.address, start_timeout_s=0.5, **strange)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"tls_authority": "/nowhere.pem"}, "tls = true"),
        ({"tls": True, "tls_authority": "/nowhere.pem"}, "`tls_authority` /nowhere.pem"),
        ({"tls": True, "tls_certificate": "/nowhere.pem"}, "`tls_key`"),
    ],
)
async def test_certificates_that_cannot_be_used_are_named(options: dict[str, Any], named: str) -> None:
    """By their option."""
    with pytest.raises(BadConfiguration, match=named):
        await opened("127.0.0.1:1", **options)


def test_addresses() -> None:
    """Names, numbers, several, each once."""
    assert read_addresses("a:1") == ("a:1",)
    assert read_addresses("gpu-1.lan:50051, [::1]:2,a_b:65535,a_b:65535") == ("gpu-1.lan:50051", "[::1]:2", "a_b:65535")
    for wrong in ("", "a", "a:", "a:0", "a:65536", "a:1,", "user@a:1", "http://a:1", "a:1/path"):
        with pytest.raises(BadConfiguration, match="host:port"):
            read_addresses(wrong)


@pytest.mark.parametrize(
    ("kind", "why"), [("detector", "millisecond"), ("turn_detector", "no call"), ("enhancer", "in step")]
)
def test_what_has_to_be_near_says_why(kind: Any, why: str) -> None:
    """Before anything is opened."""
    chosen: dict[str, Any] = {kind: EngineChoice(engine="grpc://127.0.0.1:1")}
    settings = Settings(**chosen)
    with pytest.raises(BadConfiguration, match=f"'{kind}.engine' .*{why}"):
        open_engine(kind, settings, lambda name: Path(name), Scheduler(1))


async def test_an_engine_is_found_by_its_address() -> None:
    """As the configuration names it, with its options beside."""
    async with Doorway(premises_of()) as door:
        options = {"languages": ["en", "fr"], "model": "ears"}
        settings = Settings(transcriber=EngineChoice(engine=f"grpc://{door.address}", options=options))
        scheduler = Scheduler(1)
        transcriber = await asyncio.to_thread(open_engine, "transcriber", settings, lambda name: Path(name), scheduler)
        assert (transcriber.model, transcriber.languages) == ("ears", {"en", "fr"})
        await transcriber.close()
        await asyncio.to_thread(scheduler.close)
