"""Speak again what is said into an answer: `realtime/bench/interjections/*.flac` and `interjections.json`.

    PATH=$PWD/voice/bin:$PATH python bench/make_interjections.py

in the environment that `make_questions.py` describes, with the same voice. Some mean "stop talking", the others only "I
am listening": those should not stop anybody. "Mm-hmm" is given by its sounds, for the voice spells it out otherwise.
"""

from __future__ import annotations

import json
from pathlib import Path

import soundfile
from make_questions import LICENCE, RATE_HZ, VOICE, _finish, _speaker

HERE = Path(__file__).parent.parent / "realtime" / "bench" / "interjections"

INTERRUPTIONS = {
    "stop": "Stop.",
    "wait": "Wait, no.",
    "hold": "Hold on.",
    "second": "Hang on a second.",
    "meant": "No, that's not what I meant.",
}
BACKCHANNELS = {
    "uh-huh": "Uh-huh.",
    "uh-huh-uh-huh": "Uh huh, uh huh.",
    "mm-hmm": "Mm-hmm.",
    "yeah": "Yeah.",
    "yeah-yeah": "Yeah, yeah.",
    "okay": "Okay.",
    "right": "Right.",
}
SOUNDS = {"mm-hmm": "[[ mˈm hˈm ]]."}
"""In the phonetic alphabet, where the words would be misread."""


def main() -> None:
    """Write every clip and their list."""
    speak = _speaker()
    listed = []
    for kind, words in (("interruption", INTERRUPTIONS), ("backchannel", BACKCHANNELS)):
        for name, text in words.items():
            file = f"{name}.flac"
            soundfile.write(HERE / file, _finish(*speak(SOUNDS.get(name, text))), RATE_HZ, subtype="PCM_16")
            listed.append({"file": file, "kind": kind, "text": text, "voice": VOICE, "licence": LICENCE})
            print(f"{file:20} {(HERE / file).stat().st_size / 1024:5.1f} KiB  {text}")
    (HERE / "interjections.json").write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
