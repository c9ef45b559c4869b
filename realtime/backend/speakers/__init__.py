"""Whose voice it is: `VoiceEmbed`, `VoiceVerify`, `VoiceAnalyze`, `Diarize`.

room         answers the calls about one voice
diarization  answers those about several
voices       what an encoder of voices hears, and whom it tells apart
"""
