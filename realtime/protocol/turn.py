"""The user's side: how much audio has come, and whether somebody is speaking.

    quiet ──begin──▶ speaking ──commit──▶ quiet
                        └────── drop ─────▶

Positions are counted in ticks of 1/24000 s, which every input format's rate divides, so they stay exact when the
format changes in mid-session. A turn's item id is given when speech begins, because `speech_started` must name the
item that the turn will become; it stays reserved until the audio is committed or dropped.
"""

from __future__ import annotations

from realtime.errors import InvalidRequest
from realtime.ids import NewId
from realtime.protocol.config import TICKS_PER_SECOND, AudioFormat

MIN_COMMIT_MS = 100
"""OpenAI refuses to commit less."""


class Turn:
    """The input audio buffer as the protocol sees it: lengths and positions, never the sound."""

    def __init__(self, new_id: NewId, max_buffer_ms: int) -> None:
        self._new_id = new_id
        self._max_buffer_ms = max_buffer_ms
        self._received_ticks = 0
        self._buffer_start_ticks = 0
        self._odd_bytes = 0
        self._item_id: str | None = None
        self.speaking = False

    @property
    def received_ms(self) -> int:
        """All audio of the session so far."""
        return self._received_ticks * 1000 // TICKS_PER_SECOND

    @property
    def buffered_ms(self) -> float:
        """Audio that came since the buffer was last committed or cleared."""
        return (self._received_ticks - self._buffer_start_ticks) * 1000 / TICKS_PER_SECOND

    def append(self, size_bytes: int, audio_format: AudioFormat, bounded: bool) -> None:
        """More audio has come. When `bounded`, nobody but the client empties the buffer, and it may be full."""
        samples, odd_bytes = divmod(self._odd_bytes + size_bytes, audio_format.bytes_per_sample)
        ticks = samples * TICKS_PER_SECOND // audio_format.rate_hz
        if bounded and self.buffered_ms + ticks * 1000 / TICKS_PER_SECOND > self._max_buffer_ms:
            raise InvalidRequest(
                f"The input audio buffer holds at most {self._max_buffer_ms} ms; commit or clear it first.",
                code="input_audio_buffer_full",
                param="audio",
            )
        self._odd_bytes = odd_bytes
        self._received_ticks += ticks

    @property
    def announced_id(self) -> str | None:
        """The item that the audio in the buffer will become, if the client has been told."""
        return self._item_id

    def announce(self) -> str:
        """The id of the item that the audio in the buffer will become; from now on the client may know it."""
        self._item_id = self._item_id or self._new_id("item")
        return self._item_id

    def begin(self, start_ms: int) -> str:
        """Speech has begun, and the silence before `start_ms` is forgotten; the id of the item it will become."""
        self.speaking = True
        self._buffer_start_ticks = max(self._buffer_start_ticks, start_ms * TICKS_PER_SECOND // 1000)
        return self.announce()

    def stop_detecting(self) -> None:
        """From now on all audio is kept until it is committed or dropped; silence until now was not."""
        if not self.speaking:
            self._buffer_start_ticks = self._received_ticks
        self.speaking = False

    def commit(self) -> str:
        """The buffer becomes an item; its id."""
        item_id = self.announce()
        self.drop()
        return item_id

    def check_commit(self) -> None:
        """Refuse to commit next to nothing."""
        if self.buffered_ms < MIN_COMMIT_MS:
            raise InvalidRequest(
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{MIN_COMMIT_MS}ms of audio, but buffer only has {self.buffered_ms:.2f}ms of audio.",
                code="input_audio_buffer_commit_empty",
            )

    def drop(self) -> None:
        """The buffer is empty again and nobody is speaking."""
        self.speaking = False
        self._item_id = None
        self._buffer_start_ticks = self._received_ticks

    def change_format(self) -> None:
        """Half a sample of the old format means nothing in the new one."""
        self._odd_bytes = 0
