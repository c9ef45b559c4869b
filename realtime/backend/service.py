"""Which call is answered where. The contract's descriptor says what each takes and gives."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import grpc
from google.protobuf.message_factory import GetMessageClass

from realtime.backend.calls import Calls
from realtime.backend.embedding import Embedding
from realtime.backend.hearing.live import Live
from realtime.backend.hearing.room import Hearing
from realtime.backend.language.metadata import Metadata
from realtime.backend.language.room import Language
from realtime.backend.models import Models
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.backend.routes import Routes
from realtime.backend.sound.codec import Codec
from realtime.backend.sound.transform import Transforms
from realtime.backend.speakers.diarization import Diarization
from realtime.backend.speakers.room import Speakers
from realtime.backend.speech_to_speech.room import SpeechToSpeech
from realtime.backend.stores import Stores
from realtime.backend.threads import Threads
from realtime.backend.unserved import UNSERVED, why_not
from realtime.backend.voice import Voice
from realtime.errors import NotServed

SERVICE = pb.DESCRIPTOR.services_by_name["Backend"]

_UNCOUNTED = frozenset({"Health", "Status"})
"""Told as well when every place is taken: a server that is busy is not dead."""


def make_service(premises: Premises, calls: Calls, routes: Routes, coding: Threads) -> grpc.GenericRpcHandler:
    """The service as a gRPC server takes it: `routes` go before what is answered here. Sound is coded in `coding`."""
    answers = answered(premises, calls, coding)
    handlers = {
        method.name: routes.handler(method.name, calls) or _handler(method, answers[method.name], calls)
        for method in SERVICE.methods
    }
    return grpc.method_handlers_generic_handler(SERVICE.full_name, handlers)


def answered(premises: Premises, calls: Calls, coding: Threads) -> Mapping[str, Callable[..., Any]]:
    """Who answers each call."""
    models, language, metadata = Models(premises, calls), Language(premises), Metadata(premises)
    embedding, stores = Embedding(premises), Stores(premises)
    hearing, live, voice, codec = Hearing(premises), Live(premises), Voice(premises), Codec(premises, coding)
    speakers, transform, speech_to_speech = Speakers(premises), Transforms(premises), SpeechToSpeech(premises)
    return {
        **{name: _unserved(name) for name in UNSERVED},
        "Health": models.health,
        "Free": models.free,
        "LoadModel": models.load_model,
        "Status": models.status,
        "ModelMetadata": metadata.model_metadata,
        "GetMetrics": metadata.get_metrics,
        "Predict": language.predict,
        "PredictStream": language.predict_stream,
        "TokenizeString": language.tokenize_string,
        "Detokenize": language.detokenize,
        "Embedding": embedding.embedding,
        "Rerank": embedding.rerank,
        "AudioTranscription": hearing.audio_transcription,
        "AudioTranscriptionStream": hearing.audio_transcription_stream,
        "AudioTranscriptionLive": live.audio_transcription_live,
        "VAD": hearing.vad,
        "TTS": voice.tts,
        "TTSStream": voice.tts_stream,
        "SoundGeneration": voice.sound_generation,
        "AudioEncode": codec.audio_encode,
        "AudioDecode": codec.audio_decode,
        "Diarize": Diarization(premises).diarize,
        "VoiceEmbed": speakers.voice_embed,
        "VoiceVerify": speakers.voice_verify,
        "VoiceAnalyze": speakers.voice_analyze,
        "AudioTransform": transform.audio_transform,
        "AudioTransformStream": transform.audio_transform_stream,
        "AudioToAudioStream": speech_to_speech.audio_to_audio_stream,
        "StoresSet": stores.stores_set,
        "StoresDelete": stores.stores_delete,
        "StoresGet": stores.stores_get,
        "StoresFind": stores.stores_find,
    }


def _handler(method: Any, answer: Callable[..., Any], calls: Calls) -> grpc.RpcMethodHandler[Any, Any]:
    request, reply = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    coding: dict[str, Any] = {
        "request_deserializer": request.FromString,
        "response_serializer": reply.SerializeToString,
    }
    if method.client_streaming:
        return grpc.stream_stream_rpc_method_handler(calls.two_way(method.name, answer), **coding)
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(calls.streaming(method.name, answer), **coding)
    unary = calls.unary(method.name, answer, counted=method.name not in _UNCOUNTED)
    return grpc.unary_unary_rpc_method_handler(unary, **coding)


def _unserved(name: str) -> Callable[..., Any]:
    async def refuse(request: Any) -> Any:
        raise NotServed(why_not(name))

    async def refuse_stream(request: Any) -> AsyncGenerator[Any, None]:
        yield await refuse(request)

    return refuse_stream if SERVICE.methods_by_name[name].server_streaming else refuse
