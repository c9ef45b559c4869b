"""Models of meaning and of voices behind another door."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from realtime.audio import SPEECH_RATE_HZ
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.embedder import open_remote_embedder
from realtime.backend.remote.speaker import open_remote_speaker
from realtime.codecs.containers import read_audio
from realtime.errors import BadConfiguration, ContextTooLong, EngineFailed, ModelUnavailable
from tests.backend.remote.remote_backend import BareBackend, at_work, workshop
from tests.fakes import voice

SPEECH = voice(500, SPEECH_RATE_HZ)


async def embed(request: pb.PredictOptions, context: Any) -> pb.EmbeddingResult:
    """Letters and tokens, as a vector of any length."""
    if request.Embeddings == "long":
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "input is larger than the context size")
    if request.Embeddings == "nothing":
        return pb.EmbeddingResult(embeddings=[0, 0])
    return pb.EmbeddingResult(embeddings=[3.0 * len(request.Embeddings), 4.0 * len(request.EmbeddingTokens)])


async def test_texts_become_vectors_of_length_one() -> None:
    """Words and tokens; how many dimensions there are is found out at the start."""
    backend = BareBackend({"Embedding": embed})
    async with at_work(backend) as address:
        embedder = await asyncio.to_thread(open_remote_embedder, workshop(address, model="there"))
        assert (embedder.model, embedder.dimensions) == ("there", 2)
        embedded = await embedder.embed(["hello", (1, 2, 3)])
        assert embedded.vectors.tolist() == [[1, 0], [0, 1]]
        assert embedded.vectors.dtype == np.float32
        assert embedded.tokens == 3
        with pytest.raises(ContextTooLong):
            await embedder.embed(["long"])
        with pytest.raises(EngineFailed, match="no direction"):
            await embedder.embed(["nothing"])
        await embedder.close()
        asked = len(backend.calls)
        embedder = await asyncio.to_thread(open_remote_embedder, workshop(address, dimensions=3))
        assert backend.calls[asked:] == ["Health"]
        with pytest.raises(EngineFailed, match="3 dimensions"):
            await embedder.embed(["hello"])
        await embedder.close()


async def test_a_backend_that_embeds_nothing_is_no_embedder() -> None:
    """Said at the start."""
    async with at_work(BareBackend()) as address:
        with pytest.raises(ModelUnavailable, match="does not answer 'Embedding'"):
            await asyncio.to_thread(open_remote_embedder, workshop(address))


async def test_a_voice_is_sent_in_a_file_that_both_machines_see(tmp_path: Path) -> None:
    """And comes back as a direction."""

    async def listen(request: pb.VoiceEmbedRequest, context: Any) -> pb.VoiceEmbedResponse:
        audio = await asyncio.to_thread(read_audio, request.audio)
        assert (audio.rate_hz, len(audio.pcm)) == (SPEECH_RATE_HZ, len(SPEECH))
        return pb.VoiceEmbedResponse(embedding=[3, 4] if len(backend.calls) < 3 else [])

    backend = BareBackend({"VoiceEmbed": listen})
    async with at_work(backend) as address:
        options = {"shared_directory": str(tmp_path), "same_below": 0.3}
        speaker = await asyncio.to_thread(open_remote_speaker, workshop(address, **options))
        assert speaker.same_below == 0.3
        assert (await speaker.encode(SPEECH)).tolist() == pytest.approx([0.6, 0.8])
        with pytest.raises(EngineFailed, match="no direction"):
            await speaker.encode(SPEECH)
        assert await asyncio.to_thread(lambda: list(tmp_path.iterdir())) == []
        await speaker.close()


@pytest.mark.parametrize("options", [{}, {"shared_directory": "/nowhere/at/all"}, {"shared_directory": "here"}])
def test_without_a_shared_folder_there_is_no_speaker(options: dict[str, Any]) -> None:
    """The contract's call takes files."""
    with pytest.raises(BadConfiguration, match="shared_directory"):
        open_remote_speaker(workshop("127.0.0.1:1", **options))
