"""Find again where the questions of the benchmarks may be broken off: `breaks_ms` of `realtime/bench/questions.json`.

    python bench/break_questions.py

Whisper tells where the words are, to a tenth of a second or so; the break is put where the voice is softest nearby. Of
the gaps between words every third is taken, never at the end of a sentence. Run it after `make_questions.py`. It needs
the packages of the `local` extra and the models of `make models`.
"""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path

from realtime.audio import SPEECH_RATE_HZ, samples_to_ms
from realtime.bench.breaks import LEAST_LEFT_MS, LEAST_SAID_MS, softest_place
from realtime.bench.questions import load_questions
from realtime.caller.clip import RATE_HZ, make_clip
from realtime.codecs.resample import resample
from realtime.engines.base import Listening
from realtime.engines.faster_whisper import open_faster_whisper
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.models.catalogue import load_catalogue
from realtime.models.store import ModelStore
from realtime.settings import load_settings

LIST = Path(__file__).parent.parent / "realtime" / "bench" / "questions" / "questions.json"
LEAST_WORDS = 3
"""Before a break: who has said less has hardly begun."""
EVERY = 3
WITHIN_MS = 40
"""What Whisper may be wrong by."""


def main() -> None:
    """Write the list again."""
    store = ModelStore(load_settings(None, os.environ, {}).models.directory, load_catalogue())
    whisper = open_faster_whisper(Workshop(model_path=store.path, scheduler=Scheduler(1), threads=1))
    listed = json.loads(LIST.read_text(encoding="utf-8"))
    for each, question in zip(listed, load_questions(), strict=True):
        pcm = resample(question.audio, SPEECH_RATE_HZ).pcm
        words = [word for segment in whisper.hear_turn(pcm, Listening(words=True)) for word in segment.words]
        clip = make_clip(question.audio)
        places = [
            softest_place(clip.pcm, 500 * (before.end_s + after.start_s), WITHIN_MS)
            for before, after in list(pairwise(words))[LEAST_WORDS - 1 :: EVERY]
            if not before.text.endswith((".", "?", "!"))
        ]
        latest_ms = samples_to_ms(clip.voice_end, RATE_HZ) - LEAST_LEFT_MS
        each["breaks_ms"] = [place for place in places if LEAST_SAID_MS <= place <= latest_ms]
        print(f"{each['file']:16} {each['breaks_ms']}  {each['text']}")
    LIST.write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
