"""One conversation, whatever carries it: where the protocol and the pipeline meet.

conductor      the loop that holds the session; performs what the session answers
errands        the tasks of a conversation, which report to that loop and touch nothing else
pauses         whether the user's turn is over, where its sound tells
transcriptions the user's speech into words
replies        answers, written or spoken
reading_ahead  what answers will begin with, read before they are asked for
tool_calls     the tools of MCP servers
recordings     the user's sound, for a client that wants it back
allowance      how much a session may use in a minute
playback       until when the client has something to hear
offer          what the engines and the operator allow a session to ask for
"""

from realtime.conductor.conductor import ClientGone, Conductor, Ending, Incoming, Send
from realtime.conductor.offer import make_offer

__all__ = ["ClientGone", "Conductor", "Ending", "Incoming", "Send", "make_offer"]
