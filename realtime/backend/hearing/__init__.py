"""Speech into words: `AudioTranscription` and its streams, and `VAD`.

room         answers the calls about what is there already
recordings   sound, and where somebody speaks in it
detection    how likely that is, by the detector
transcripts  what was heard, as messages
live         answers `AudioTranscriptionLive`
dictation    listens while somebody speaks
manner       how its client wants to be listened to
"""
