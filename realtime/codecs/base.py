"""What a codec is: bytes of one audio format in, `Pcm` out, and back.

A codec is immutable and shared by every conversation. What has to be remembered between two pieces of a stream lives
in a `Decoder`, one per stream. Base64 is the wire's business, not the codec's.
"""

from __future__ import annotations

from typing import Protocol

from realtime.audio import Pcm


class Decoder(Protocol):
    """One incoming stream. However its bytes are cut into pieces, the sound is the same."""

    @property
    def pending_bytes(self) -> int:
        """Bytes received that no sample holds yet: the first part of a sample cut in two. 0 between samples."""
        ...

    def decode(self, data: bytes) -> Pcm:
        """The samples completed by `data`, shape (n,), in [-1, 1]; never shares memory with `data`."""
        ...

    def reset(self) -> None:
        """Forget what is pending: the next byte starts a new stream."""
        ...


class Codec(Protocol):
    """One audio format of the wire, mono."""

    @property
    def name(self) -> str:
        """The format's name on the wire, a MIME type: `audio/pcm`."""
        ...

    @property
    def rate_hz(self) -> int:
        """Samples per second."""
        ...

    def encode(self, pcm: Pcm) -> bytes:
        """`pcm`, shape (n,), in this format. Samples beyond [-1, 1] are clipped and NaN is silence."""
        ...

    def decoder(self) -> Decoder:
        """A decoder at the start of a stream."""
        ...
