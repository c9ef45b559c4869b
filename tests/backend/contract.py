"""The contract as its owner publishes it, kept apart from the project's own copy: a client for a server that must not
know the difference.

It lies beside the checkout; where it does not, the tests that need it are skipped.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from functools import cache
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from tools.describe_contract import DESCRIBED

PATIENCE_S = 90
"""How long a call may take before a test gives up; nothing is measured with it."""


@cache
def contract_pool() -> DescriptorPool:
    """The contract's messages, which share no name with those of the project's own copy."""
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString(DESCRIBED.read_bytes()).file:
        pool.Add(file)
    return pool


def contract_service() -> ServiceDescriptor:
    """What the contract says that can be called."""
    service: ServiceDescriptor = contract_pool().FindServiceByName("backend.Backend")
    return service


class Stranger:
    """A client made of the contract alone. Calls are named as it names them, requests given as dictionaries."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._methods = {method.name: method for method in contract_service().methods}

    def message(self, name: str, **fields: Any) -> Any:
        """A message of the contract."""
        return GetMessageClass(contract_pool().FindMessageTypeByName(f"backend.{name}"))(**fields)

    async def asks(self, call: str, **fields: Any) -> Any:
        """The answer to a call with one."""
        return await self._callable(call, "unary_unary")(self._request(call, fields), timeout=PATIENCE_S)

    def listens(self, call: str, **fields: Any) -> Any:
        """The answers to a call with several."""
        return self._callable(call, "unary_stream")(self._request(call, fields), timeout=PATIENCE_S)

    def talks(self, call: str, requests: AsyncIterator[Any] | Iterable[Any] | None = None) -> Any:
        """A call that goes both ways, with what is said as it comes, or to be written by hand."""
        return self._callable(call, "stream_stream")(requests, timeout=PATIENCE_S)

    def _request(self, call: str, fields: dict[str, Any]) -> Any:
        return GetMessageClass(self._methods[call].input_type)(**fields)

    def _callable(self, call: str, shape: str) -> Any:
        method = self._methods[call]
        return getattr(self._channel, shape)(
            f"/backend.Backend/{call}",
            request_serializer=GetMessageClass(method.input_type).SerializeToString,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
