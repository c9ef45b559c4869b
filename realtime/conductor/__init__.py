"""One conversation, whatever carries it: where the protocol and the pipeline meet.

conductor      the loop that holds the session; performs what the session answers
errands        the tasks of a conversation, which report to that loop and touch nothing else
pauses         whether the user's turn is over, where its sound tells
transcriptions the user's speech into words
replies        answers, written or spoken
tool_calls     the tools of MCP servers
recordings     the user's sound, for a client that wants it back
playback       until when the client has something to hear
offer          what the engines and the operator allow a session to ask for
"""

from realtime.conductor.conductor import ClientGone, Conductor, Ending, Incoming, Send
from realtime.conductor.offer import make_offer

__all__ = ["ClientGone", "Conductor", "Ending", "Incoming", "Send", "make_offer"]
