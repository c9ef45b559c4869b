"""A model of voices behind somebody's `VoiceEmbed`, which takes files: it needs a shared folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta

from realtime.audio import SPEECH_RATE_HZ, Audio, Pcm
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.channels import Channels
from realtime.backend.remote.reachable import open_channels
from realtime.backend.remote.shared import FileConnection, SharedDirectory, open_shared
from realtime.engines.registry import Workshop
from realtime.engines.speaker import Voiceprint
from realtime.errors import BadConfiguration, EngineFailed, NotServed


class RemoteSpeakerOptions(FileConnection):
    """`[speaker]` with `engine = "grpc://host:port"`."""

    model: str = "remote"
    """What the model is called here."""
    same_below: Annotated[float, Meta(gt=0, le=2)] = 0.5
    """Two voiceprints nearer than this cosine distance are one person's: the backend's model decides what is right."""
    same_group_below: Annotated[float, Meta(gt=0, le=2)] = 0.5
    """So are two groups of short windows, if their mean distance is less."""


class RemoteSpeaker:
    """A model elsewhere."""

    rate_hz = SPEECH_RATE_HZ

    def __init__(self, channels: Channels, options: RemoteSpeakerOptions, shared: SharedDirectory) -> None:
        self.model = options.model
        self.same_below = options.same_below
        self.same_group_below = options.same_group_below
        self._channels = channels
        self._shared = shared

    async def encode(self, speech: Pcm) -> Voiceprint:
        """Whose voice `speech` is. Raises `EngineFailed`, also for sound too short to tell: the backend's reasons are
        not passed on. Cancelling withdraws the question.
        """
        async with self._shared.file(Audio(speech, self.rate_hz)) as file:
            told: pb.VoiceEmbedResponse = await self._channels.unary(
                "VoiceEmbed", pb.VoiceEmbedRequest(audio=file.there)
            )
        print_ = np.array(told.embedding, np.float32)
        length = float(np.linalg.norm(print_))
        if not np.isfinite(length) or length == 0:
            raise EngineFailed(f"the backend at {self._channels.addresses} gave a voiceprint that is no direction")
        return print_ / np.float32(length)

    async def encode_each(self, clips: Sequence[Pcm]) -> list[Voiceprint]:
        """Raises `NotServed`: each of a recording's many windows would be a file and a call."""
        raise NotServed(
            f"Who speaks when cannot be told by a voice encoder behind 'grpc://'; ask {self._channels.addresses} for "
            "'Diarize' itself."
        )

    async def close(self) -> None:
        """Hang up. Cancelling leaves some channels open."""
        await self._channels.close()


def open_remote_speaker(workshop: Workshop) -> RemoteSpeaker:
    """Reach the backend; raises `ModelUnavailable` or `BadConfiguration` where that cannot be. Blocks."""
    options = workshop.read_options(RemoteSpeakerOptions, "grpc")
    if not (shared := open_shared(options)):
        raise BadConfiguration(
            "a speaker engine behind 'grpc://' needs the option `shared_directory`: the contract's 'VoiceEmbed' takes "
            "a file that both machines see"
        )
    return RemoteSpeaker(open_channels(workshop, options), options, shared)
