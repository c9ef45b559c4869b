"""A client that knows the published contract and nothing of this project calls all that can be called.

The server is a process of its own on real models.
"""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from tests.backend.contract import contract_service
from tests.end_to_end import calls_in_writing as written
from tests.end_to_end import calls_with_sound as sounding
from tests.end_to_end.scene import Part, Scene, refusal_of

pytestmark = [pytest.mark.model, pytest.mark.timeout(240)]


def unserved(call: str, **fields: Any) -> Part:
    """There is no model for that here."""

    async def refused(scene: Scene) -> None:
        assert await refusal_of(scene, call, **fields) is grpc.StatusCode.UNIMPLEMENTED

    return refused


CALLS: dict[str, Part] = {
    "Health": written.health,
    "Status": written.status,
    "Free": written.free_and_load,
    "LoadModel": written.free_and_load,
    "ModelMetadata": written.model_metadata,
    "GetMetrics": written.get_metrics,
    "Predict": written.predict,
    "PredictStream": written.predict_stream,
    "TokenizeString": written.tokenize,
    "Embedding": written.embedding,
    "Rerank": written.rerank,
    "AudioTranscription": sounding.transcription,
    "AudioTranscriptionStream": sounding.transcription_stream,
    "VAD": sounding.vad,
    "TTS": sounding.tts,
    "TTSStream": sounding.tts_stream,
    "Diarize": sounding.diarize,
    "VoiceEmbed": sounding.voice_embed,
    "VoiceVerify": sounding.voice_verify,
    "VoiceAnalyze": unserved("VoiceAnalyze"),
    "AudioEncode": sounding.opus,
    "AudioDecode": sounding.opus,
    "AudioTransform": sounding.transform,
    "AudioTransformStream": sounding.transform_stream,
    "AudioToAudioStream": sounding.speech_to_speech,
    "SoundGeneration": unserved("SoundGeneration", text="Rain on a tin roof."),
    **dict.fromkeys(("StoresSet", "StoresGet", "StoresFind", "StoresDelete"), written.stores),
    **{
        name: unserved(name)
        for name in (
            *("GenerateImage", "GenerateVideo", "Detect", "FaceVerify", "FaceAnalyze"),
            *("StartFineTune", "FineTuneProgress", "StopFineTune", "ListCheckpoints", "ExportModel"),
            *("StartQuantization", "QuantizationProgress", "StopQuantization"),
        )
    },
}
"""What shows that each call is answered."""


@pytest.mark.parametrize("part", list(dict.fromkeys(CALLS.values())), ids=lambda part: part.__name__)
async def test_it_is_answered(scene: Scene, part: Part) -> None:
    """As the contract has it."""
    await part(scene)


def test_nothing_is_left_out() -> None:
    """Every call of the contract is made."""
    assert set(CALLS) == {method.name for method in contract_service().methods}
