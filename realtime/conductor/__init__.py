"""One conversation, whatever carries it: where the protocol and the pipeline meet.

conductor      the loop that holds the session
performer      what the session answers, carried out
errands        the tasks of a conversation, which report to that loop and touch nothing else
ear            the user's sound: turns, words, recordings
pauses         whether the user's turn is over, where its sound tells
transcriptions the user's speech into words
barge_in       whether speech over an answer is meant to stop it
replies        answers, written or spoken
chat_replies   made by a language model and a voice
speech_replies made by an engine that hears and speaks by itself
reading_ahead  what answers will begin with, read before they are asked for
tool_calls     the tools of MCP servers
recordings     the user's sound, for a client that wants it back
allowance      how much a session may use in a minute
silence        nobody speaks
playback       until when the client has something to hear
reference      what it plays while its microphone hears
waterfall      where the time of an answer goes
meter          what is counted, whoever counts
conversations  those that are going on, and how many there may be
pressure       whether the machine carries as many as it can
offer          what the engines and the operator allow a session to ask for
"""

from realtime.conductor.conductor import ClientGone, Conductor, Ending, Incoming
from realtime.conductor.offer import make_offer
from realtime.conductor.performer import Send

__all__ = ["ClientGone", "Conductor", "Ending", "Incoming", "Send", "make_offer"]
